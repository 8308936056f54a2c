//! Giving up room after a peak.

use std::hash::{BuildHasher, Hash};

/// So little room is never given up.
pub(crate) const LITTLE: usize = 64;

/// Something that keeps room for more than it holds.
pub(crate) trait Roomy {
    /// For how many things it has room, and how many it holds.
    fn room(&self) -> (usize, usize);

    /// Gives up what is beyond the room for so many.
    fn shrink(&mut self, to: usize);

    /// Gives up room if most of it is not used. So much is kept that this happens again only
    /// when half of what is there has gone, or as much has come again.
    fn trim(&mut self) {
        let (room, held) = self.room();
        if room > LITTLE.max(4 * held) {
            self.shrink(2 * held);
        }
    }
}

impl<T> Roomy for Vec<T> {
    fn room(&self) -> (usize, usize) {
        (self.capacity(), self.len())
    }

    fn shrink(&mut self, to: usize) {
        self.shrink_to(to);
    }
}

impl<A: smallvec::Array> Roomy for smallvec::SmallVec<A> {
    fn room(&self) -> (usize, usize) {
        (self.capacity(), self.len())
    }

    fn shrink(&mut self, to: usize) {
        self.shrink_to_fit();
        self.reserve(to.saturating_sub(self.len()));
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Roomy for std::collections::HashMap<K, V, S> {
    fn room(&self) -> (usize, usize) {
        (self.capacity(), self.len())
    }

    fn shrink(&mut self, to: usize) {
        self.shrink_to(to);
    }
}

impl<T: Eq + Hash, S: BuildHasher> Roomy for std::collections::HashSet<T, S> {
    fn room(&self) -> (usize, usize) {
        (self.capacity(), self.len())
    }

    fn shrink(&mut self, to: usize) {
        self.shrink_to(to);
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Roomy for hashbrown::HashMap<K, V, S> {
    fn room(&self) -> (usize, usize) {
        (self.capacity(), self.len())
    }

    fn shrink(&mut self, to: usize) {
        self.shrink_to(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_up_when_most_of_it_is_not_used() {
        let mut things: Vec<u32> = (0..10_000).collect();
        things.truncate(2_500);
        things.trim();
        assert!(things.capacity() >= 10_000);
        things.truncate(2_400);
        things.trim();
        assert_eq!(things.capacity(), 4_800);
        things.clear();
        things.trim();
        assert_eq!(things.capacity(), 0);
        // Not for little.
        let mut few: Vec<u32> = Vec::with_capacity(LITTLE);
        few.trim();
        assert_eq!(few.capacity(), LITTLE);
    }
}
