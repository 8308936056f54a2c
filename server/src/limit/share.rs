//! How much one may have under way at once of what there is for all.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much everybody has under way. Whoever has nothing is not in it, so there are never more
/// entries than things under way.
#[derive(Debug)]
pub struct Shares<K: Hash + Eq> {
    most: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

/// One thing under way; over when it is dropped.
#[derive(Debug)]
pub struct Share<K: Hash + Eq + Clone> {
    of: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self {
            most: self.most,
            held: Arc::clone(&self.held),
        }
    }
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// Of so many that there are for all, one may have a quarter.
    pub fn of(places: usize) -> Self {
        Self {
            most: (places / 4).max(1),
            held: Arc::default(),
        }
    }

    /// One more; `None` if it is one too many.
    pub fn take(&self, of: K) -> Option<Share<K>> {
        let mut held = lock(&self.held);
        let count = held.entry(of.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Share {
            of,
            held: Arc::clone(&self.held),
        })
    }
}

impl<K: Hash + Eq + Clone> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.of);
            }
        }
    }
}

fn lock<K>(held: &Mutex<HashMap<K, usize>>) -> MutexGuard<'_, HashMap<K, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_quarter_and_leaves_the_others_theirs() {
        let shares = Shares::of(8);
        let first = shares.take("ann").expect("a place");
        let _second = shares.take("ann").expect("a place");
        assert!(shares.take("ann").is_none());
        let other = shares.take("bob").expect("a place");
        drop(first);
        let _third = shares.take("ann").expect("a place");
        drop(other);
        assert_eq!(
            lock(&shares.held).len(),
            1,
            "nothing is kept of whoever has none"
        );
        assert!(Shares::of(1).take("ann").is_some());
    }
}
