//! What many queries and windows have alike, held once.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use crate::room::{LITTLE, Roomy};

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
            self.sweep();
        }
        self.known.insert(Arc::clone(&value));
        value
    }

    /// After a holder has gone: forgets what nobody holds, if so few holders are left that this
    /// is most of what is known.
    pub fn held_by(&mut self, holders: usize) {
        if self.known.len() > LITTLE.max(4 * holders) {
            self.sweep();
        }
    }

    /// How many are known, and for how many there is room.
    #[cfg(test)]
    pub fn room(&self) -> (usize, usize) {
        (self.known.len(), self.known.capacity())
    }

    fn sweep(&mut self) {
        self.known.retain(|value| Arc::strong_count(value) > 1);
        self.known.trim();
        self.sweep_at = 2 * self.known.len().max(32);
    }
}
