//! Which of many words a text contains.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use hashbrown::HashMap;

use super::{
    node::Node,
    tiers::{LOOSE, Tier, Tiers},
};
use crate::{datum::fold_case, room::Roomy, slab::Slab};

/// Nodes by what a text contains, found in one pass over the text for each tier of words.
#[derive(Debug)]
pub struct Needles {
    ignores_case: bool,
    nodes: Slab<Needle>,
    numbers: HashMap<Box<str>, u32>,
    words: Tiers<Word, Automaton>,
    /// How many words in the tiers have been removed.
    gaps: usize,
    /// How often a word was added.
    added: u64,
}

#[derive(Debug)]
struct Needle {
    /// Tells it from those that had its number before.
    stamp: u64,
    node: Node,
}

/// A word, and the needle that it belongs to unless it has been removed since: the number may
/// then be another one's.
#[derive(Debug)]
struct Word {
    text: Box<str>,
    number: u32,
    stamp: u64,
}

/// Words that are looked for all at once.
#[derive(Debug, Default)]
struct Automaton {
    words: Vec<Word>,
    /// Finds them by their places; `None` if there are too many to number.
    finds: Option<AhoCorasick>,
}

impl Word {
    /// Its node, unless it was removed.
    fn needle<'a>(&self, nodes: &'a Slab<Needle>) -> Option<&'a Needle> {
        nodes
            .get(self.number)
            .filter(|needle| needle.stamp == self.stamp)
    }
}

impl Needles {
    /// No words yet. If letter case is ignored, words are ASCII in lower case.
    pub fn new(ignores_case: bool) -> Self {
        Self {
            ignores_case,
            nodes: Slab::default(),
            numbers: HashMap::new(),
            words: Tiers::default(),
            gaps: 0,
            added: 0,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The node of exactly this word.
    pub fn get(&self, word: &str) -> Option<&Node> {
        let needle = self.nodes.get(*self.numbers.get(word)?)?;
        Some(&needle.node)
    }

    /// The node of this word, made if it is not there.
    pub fn entry(&mut self, word: &str) -> Option<&mut Node> {
        let number = match self.numbers.get(word) {
            Some(number) => *number,
            None => self.add(word),
        };
        Some(&mut self.nodes.get_mut(number)?.node)
    }

    /// Changes the node of a word and forgets the word if it is empty then.
    pub fn change<R: Default>(&mut self, word: &str, change: impl FnOnce(&mut Node) -> R) -> R {
        let Some(number) = self.numbers.get(word).copied() else {
            return R::default();
        };
        let Some(needle) = self.nodes.get_mut(number) else {
            return R::default();
        };
        let result = change(&mut needle.node);
        if needle.node.is_empty() {
            self.numbers.remove(word);
            self.numbers.trim();
            self.nodes.remove(number);
            self.forget(number);
        }
        result
    }

    /// Calls `each` with the nodes of every word that the text contains.
    ///
    /// Words are ASCII if letter case is ignored, and whatever a collation makes of the letters
    /// that are no ASCII, it makes no longer run of ASCII letters than [`fold_case`] does.
    pub fn of(&self, text: &str, mut each: impl FnMut(&Node)) {
        let folded = self.ignores_case.then(|| fold_case(text));
        let text = folded.as_deref().unwrap_or(text);
        let mut found: Vec<u32> = Vec::new();
        let mut find = |word: &Word| {
            if word.needle(&self.nodes).is_some() {
                found.push(word.number);
            }
        };
        for word in &self.words.loose {
            if text.contains(&*word.text) {
                find(word);
            }
        }
        for tier in &self.words.tiers {
            tier.find(text, &mut find);
        }
        found.sort_unstable();
        found.dedup();
        for number in found {
            if let Some(needle) = self.nodes.get(number) {
                each(&needle.node);
            }
        }
    }

    fn add(&mut self, word: &str) -> u32 {
        self.added += 1;
        let stamp = self.added;
        let number = self.nodes.insert(Needle {
            stamp,
            node: Node::default(),
        });
        self.numbers.insert(word.into(), number);
        let Self {
            nodes, words, gaps, ..
        } = self;
        let word = Word {
            text: word.into(),
            number,
            stamp,
        };
        words.push_beside(word, |word| {
            let is_there = word.needle(nodes).is_some();
            *gaps -= usize::from(!is_there);
            is_there
        });
        number
    }

    /// Forgets the word that had this number. One that is in a tier stays there as a gap, until
    /// there are so many that the tiers are made anew.
    fn forget(&mut self, number: u32) {
        let Self {
            nodes, words, gaps, ..
        } = self;
        // A word that is loose is there: none of them is a gap.
        if let Some(at) = words.loose.iter().position(|word| word.number == number) {
            words.loose.swap_remove(at);
            return;
        }
        *gaps += 1;
        if *gaps > LOOSE && *gaps > nodes.len() / 3 {
            *gaps = 0;
            words.retain(|word| word.needle(nodes).is_some());
        }
    }
}

impl Automaton {
    fn find(&self, text: &str, found: &mut impl FnMut(&Word)) {
        let Some(finds) = &self.finds else {
            let contained = self.words.iter().filter(|word| text.contains(&*word.text));
            contained.for_each(found);
            return;
        };
        let places = finds.try_find_overlapping_iter(Input::new(text));
        for place in places.into_iter().flatten() {
            found(&self.words[place.pattern().as_usize()]);
        }
    }
}

impl Tier<Word> for Automaton {
    fn len(&self) -> usize {
        self.words.len()
    }

    fn into_loose(self) -> Vec<Word> {
        self.words
    }

    fn of(mut words: Vec<Word>) -> Self {
        words.trim();
        let finds = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words.iter().map(|word| word.text.as_bytes()))
            .ok();
        Self { words, finds }
    }
}
