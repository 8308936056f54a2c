//! Which of many words a text contains.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use hashbrown::HashMap;

use super::{
    node::Node,
    tiers::{Tier, Tiers},
};
use crate::{datum::has_odd_case, slab::Slab};

/// Nodes by what a text contains, found in one pass over the text for each tier of words.
#[derive(Debug)]
pub struct Needles {
    ignores_case: bool,
    nodes: Slab<Node>,
    numbers: HashMap<Box<str>, u32>,
    words: Tiers<Word, Automaton>,
}

/// A word, and the number of its node; `None` of one that has been removed.
#[derive(Debug)]
struct Word {
    text: Box<str>,
    number: Option<u32>,
}

/// Words that are looked for all at once.
#[derive(Debug, Default)]
struct Automaton {
    words: Vec<Word>,
    gaps: usize,
    /// Finds them by their places; `None` if there are too many to number.
    finds: Option<AhoCorasick>,
}

impl Needles {
    /// No words yet. If letter case is ignored, words are ASCII in lower case.
    pub fn new(ignores_case: bool) -> Self {
        Self {
            ignores_case,
            nodes: Slab::default(),
            numbers: HashMap::new(),
            words: Tiers::default(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The node of exactly this word.
    pub fn get(&self, word: &str) -> Option<&Node> {
        self.nodes.get(*self.numbers.get(word)?)
    }

    /// The node of this word, made if it is not there.
    pub fn entry(&mut self, word: &str) -> Option<&mut Node> {
        let number = match self.numbers.get(word) {
            Some(number) => *number,
            None => {
                let number = self.nodes.insert(Node::default());
                self.numbers.insert(word.into(), number);
                self.words.push(Word {
                    text: word.into(),
                    number: Some(number),
                });
                number
            }
        };
        self.nodes.get_mut(number)
    }

    /// Changes the node of a word and forgets the word if it is empty then.
    pub fn change<R: Default>(&mut self, word: &str, change: impl FnOnce(&mut Node) -> R) -> R {
        let Some(number) = self.numbers.get(word).copied() else {
            return R::default();
        };
        let Some(node) = self.nodes.get_mut(number) else {
            return R::default();
        };
        let result = change(node);
        if node.is_empty() {
            self.numbers.remove(word);
            self.nodes.remove(number);
            let loose = &mut self.words.loose;
            match loose.iter().position(|word| word.number == Some(number)) {
                Some(at) => {
                    loose.swap_remove(at);
                }
                None => {
                    let _ = self.words.tiers.iter_mut().any(|tier| tier.forget(number));
                }
            }
        }
        result
    }

    /// Calls `each` with the nodes of every word that the text contains.
    pub fn of(&self, text: &str, mut each: impl FnMut(&Node)) {
        let mut found = Vec::new();
        if self.ignores_case && has_odd_case(text) {
            // What such a text matches is left to PostgreSQL.
            found.extend(self.numbers.values().copied());
        } else {
            let lower = self.ignores_case.then(|| text.to_ascii_lowercase());
            let text = lower.as_deref().unwrap_or(text);
            for word in &self.words.loose {
                if text.contains(&*word.text) {
                    found.extend(word.number);
                }
            }
            for tier in &self.words.tiers {
                tier.find(text, &mut found);
            }
            found.sort_unstable();
            found.dedup();
        }
        found
            .into_iter()
            .filter_map(|number| self.nodes.get(number))
            .for_each(&mut each);
    }
}

impl Automaton {
    fn find(&self, text: &str, found: &mut Vec<u32>) {
        let Some(finds) = &self.finds else {
            let contained = self.words.iter().filter(|word| text.contains(&*word.text));
            found.extend(contained.filter_map(|word| word.number));
            return;
        };
        let places = finds.try_find_overlapping_iter(Input::new(text));
        for place in places.into_iter().flatten() {
            found.extend(self.words[place.pattern().as_usize()].number);
        }
    }

    /// Forgets the word of this number. Returns whether it was here.
    fn forget(&mut self, number: u32) -> bool {
        let mut words = self.words.iter_mut();
        let Some(word) = words.find(|word| word.number == Some(number)) else {
            return false;
        };
        word.number = None;
        self.gaps += 1;
        if self.gaps > self.words.len() / 4 {
            *self = Self::of(std::mem::take(self).into_loose());
        }
        true
    }
}

impl Tier<Word> for Automaton {
    fn len(&self) -> usize {
        self.words.len() - self.gaps
    }

    fn into_loose(self) -> Vec<Word> {
        let words = self.words.into_iter();
        words.filter(|word| word.number.is_some()).collect()
    }

    fn of(words: Vec<Word>) -> Self {
        let finds = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words.iter().map(|word| word.text.as_bytes()))
            .ok();
        Self {
            words,
            gaps: 0,
            finds,
        }
    }
}
