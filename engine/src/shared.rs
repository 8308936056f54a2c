//! What many queries and windows have alike, held once.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// Values that many hold, each held once. What nobody holds any more is forgotten in passing.
#[derive(Debug)]
pub(crate) struct Shared<T: ?Sized> {
    known: HashSet<Arc<T>>,
    sweep_at: usize,
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self {
            known: HashSet::new(),
            sweep_at: 64,
        }
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    /// The one that is equal to this.
    pub fn one(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.known.get(&value) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|value| Arc::strong_count(value) > 1);
            self.sweep_at = 2 * self.known.len().max(32);
        }
        self.known.insert(Arc::clone(&value));
        value
    }
}
