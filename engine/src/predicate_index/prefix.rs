//! Which of many beginnings a text has.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::node::Node;
use crate::room::Roomy;

/// Nodes by what a text begins with. A look-up takes as many steps as there are different
/// lengths among them.
#[derive(Debug, Default)]
pub struct Prefixes {
    nodes: HashMap<Box<str>, Node>,
    /// How many have this length, in bytes.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of exactly this beginning.
    pub fn get(&self, prefix: &str) -> Option<&Node> {
        self.nodes.get(prefix)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, prefix: &str) -> Option<&mut Node> {
        self.nodes.get_mut(prefix)
    }

    /// The node of this beginning, made if it is not there.
    pub fn entry(&mut self, prefix: &str) -> &mut Node {
        if !self.nodes.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.nodes.entry(prefix.into()).or_default()
    }

    /// Forgets a node.
    pub fn remove(&mut self, prefix: &str) {
        if self.nodes.remove(prefix).is_some()
            && let Some(count) = self.lengths.get_mut(&prefix.len())
        {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
        self.nodes.trim();
    }

    /// The nodes of every beginning that the text has.
    pub fn of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a Node> {
        self.lengths
            .range(..=text.len())
            .filter_map(|(length, _)| self.nodes.get(text.get(..*length)?))
    }
}
