//! Things by number.

use crate::room::{LITTLE, Roomy};

/// Holds things under small numbers, so that finding one is one step. A number is given out
/// again once its thing is gone. What is behind the last thing is given up after a peak.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    /// All numbers that are free, and some that have been given up.
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// How many things there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// For how many things there is room.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.entries.capacity().max(self.free.capacity())
    }

    /// Takes a thing in and gives its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        self.len += 1;
        while let Some(number) = self.free.pop() {
            if let Some(entry) = self.entries.get_mut(number as usize) {
                *entry = Some(thing);
                return number;
            }
        }
        self.entries.push(Some(thing));
        self.entries.len() as u32 - 1
    }

    /// Gives the thing back that had this number.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let thing = self.entries.get_mut(number as usize)?.take()?;
        self.len -= 1;
        self.free.push(number);
        if number as usize + 1 == self.entries.len() {
            self.give_up_end();
        }
        Some(thing)
    }

    /// Gives up what is behind the last thing.
    fn give_up_end(&mut self) {
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
        self.entries.trim();
        if self.free.len() > LITTLE.max(2 * self.entries.len()) {
            let end = self.entries.len();
            self.free.retain(|number| (*number as usize) < end);
            self.free.trim();
        }
    }

    /// The thing of this number.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.entries.get_mut(number as usize)?.as_mut()
    }

    /// The numbers in use.
    pub fn numbers(&self) -> Vec<u32> {
        (0..self.entries.len() as u32)
            .filter(|number| self.get(*number).is_some())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::LITTLE;

    #[test]
    fn numbers_are_given_out_again_and_room_is_given_up_after_a_peak() {
        let mut slab = Slab::default();
        let kept: Vec<u32> = (0..10).map(|n| slab.insert(n)).collect();
        for _ in 0..3 {
            let numbers: Vec<u32> = (10..100_000).map(|n| slab.insert(n)).collect();
            assert!(slab.room() >= 100_000);
            for number in numbers {
                assert!(slab.remove(number).is_some());
                assert!(slab.remove(number).is_none());
            }
            assert_eq!(slab.len(), 10);
            assert!(slab.room() <= 4 * LITTLE, "{}", slab.room());
            assert!(kept.iter().all(|number| slab.get(*number) == Some(number)));
        }
    }

    #[test]
    fn what_is_left_at_the_end_keeps_its_number_and_none_is_given_out_twice() {
        let mut slab = Slab::default();
        for n in 0..1000 {
            slab.insert(n);
        }
        for number in 0..999 {
            slab.remove(number);
        }
        assert_eq!(slab.get(999), Some(&999));
        let again: Vec<u32> = (0..10).map(|n| slab.insert(n)).collect();
        slab.remove(999);
        assert_eq!(slab.len(), 10);
        for number in &again[..9] {
            slab.remove(*number);
        }
        assert_eq!((slab.len(), slab.numbers()), (1, again[9..].to_vec()));
        for n in 0..2000 {
            slab.insert(n);
        }
        assert_eq!((slab.len(), slab.numbers().len()), (2001, 2001));
        assert_eq!(slab.get(again[9]), Some(&9));
    }
}
