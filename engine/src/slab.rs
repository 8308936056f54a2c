//! Things by number.

/// Holds things under small numbers, so that finding one is one step. A number is given out
/// again once its thing is gone.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// How many things there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Takes a thing in and gives its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = Some(thing);
                number
            }
            None => {
                self.entries.push(Some(thing));
                self.entries.len() as u32 - 1
            }
        }
    }

    /// Gives the thing back that had this number.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let thing = self.entries.get_mut(number as usize)?.take();
        if thing.is_some() {
            self.free.push(number);
        }
        thing
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
