//! Which of many words a text contains.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use hashbrown::HashMap;

use super::node::Node;
use crate::datum::has_odd_case;

/// Nodes by what a text contains, all of them found in one pass over the text.
///
/// The automaton knows those that were there when it was made. What came since is looked for
/// word by word, what went stays as a gap; making it anew is paid for by those.
#[derive(Debug)]
pub struct Needles {
    ignores_case: bool,
    slots: Vec<Slot>,
    places: HashMap<Box<str>, usize>,
    /// Finds the words of the first `known` slots by their places.
    automaton: Option<AhoCorasick>,
    known: usize,
    gaps: usize,
}

#[derive(Debug)]
struct Slot {
    word: Box<str>,
    node: Node,
}

impl Needles {
    /// No words yet. If letter case is ignored, words are ASCII in lower case.
    pub fn new(ignores_case: bool) -> Self {
        Self {
            ignores_case,
            slots: Vec::new(),
            places: HashMap::new(),
            automaton: None,
            known: 0,
            gaps: 0,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The node of exactly this word.
    pub fn get(&self, word: &str) -> Option<&Node> {
        Some(&self.slots[*self.places.get(word)?].node)
    }

    /// The same, to be changed; [`Needles::tidy`] is called after.
    pub fn get_mut(&mut self, word: &str) -> Option<&mut Node> {
        Some(&mut self.slots[*self.places.get(word)?].node)
    }

    /// The node of this word, made if it is not there.
    pub fn entry(&mut self, word: &str) -> &mut Node {
        let place = match self.places.get(word) {
            Some(place) => *place,
            None => {
                if self.slots.len() - self.known > 32 + self.known / 8 {
                    self.rebuild();
                }
                self.slots.push(Slot {
                    word: word.into(),
                    node: Node::default(),
                });
                self.places.insert(word.into(), self.slots.len() - 1);
                self.slots.len() - 1
            }
        };
        &mut self.slots[place].node
    }

    /// Forgets a word whose node has become empty.
    pub fn tidy(&mut self, word: &str) {
        if self.get(word).is_some_and(Node::is_empty) {
            self.places.remove(word);
            self.gaps += 1;
            if self.gaps > 32 + self.slots.len() / 4 {
                self.rebuild();
            }
        }
    }

    /// Calls `each` with the nodes of every word that the text contains.
    pub fn of(&self, text: &str, mut each: impl FnMut(&Node)) {
        if self.ignores_case && has_odd_case(text) {
            // What such a text matches is left to PostgreSQL.
            self.slots.iter().for_each(|slot| each(&slot.node));
            return;
        }
        if let Some(automaton) = &self.automaton {
            let input = Input::new(text);
            let mut found: Vec<usize> = automaton
                .try_find_overlapping_iter(input)
                .into_iter()
                .flatten()
                .map(|found| found.pattern().as_usize())
                .collect();
            found.sort_unstable();
            found.dedup();
            found.iter().for_each(|at| each(&self.slots[*at].node));
        }
        let recent = &self.slots[self.known..];
        if recent.is_empty() {
            return;
        }
        let lower = self.ignores_case.then(|| text.to_ascii_lowercase());
        let text = lower.as_deref().unwrap_or(text);
        for slot in recent {
            if text.contains(&*slot.word) {
                each(&slot.node);
            }
        }
    }

    fn rebuild(&mut self) {
        self.slots.retain(|slot| !slot.node.is_empty());
        self.gaps = 0;
        self.places = self
            .slots
            .iter()
            .enumerate()
            .map(|(at, slot)| (slot.word.clone(), at))
            .collect();
        self.automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(self.ignores_case)
            .build(self.slots.iter().map(|slot| slot.word.as_bytes()))
            // Too many to number: looked for word by word.
            .ok();
        self.known = if self.automaton.is_some() {
            self.slots.len()
        } else {
            0
        };
    }
}
