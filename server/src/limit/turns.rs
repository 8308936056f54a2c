//! How much one may have done at once; what is more waits its turn.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Subject;

/// Places, of which each of those who are counted has so many at the most. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    /// The places of whoever has or waits for one.
    places: Arc<Mutex<HashMap<Subject, Arc<Semaphore>>>>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    // Dropped in this order.
    _place: OwnedSemaphorePermit,
    _own: Option<(OwnedSemaphorePermit, Known)>,
}

/// That somebody has or waits for a place.
#[derive(Debug)]
struct Known {
    subject: Subject,
    places: Arc<Semaphore>,
    of: Turns,
}

impl Turns {
    /// So many places, of which one has `each`.
    pub fn new(all: usize, each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            each,
            places: Arc::default(),
        }
    }

    /// Waits for a place: for one of one's own first, where one is counted, so that what somebody
    /// has too much of waits behind nobody else's.
    pub async fn take(&self, subject: Option<Subject>) -> Turn {
        let own = match subject {
            Some(subject) => Some(self.own(subject).await),
            None => None,
        };
        Turn {
            _place: acquire(&self.all).await,
            _own: own,
        }
    }

    async fn own(&self, subject: Subject) -> (OwnedSemaphorePermit, Known) {
        let known = Known {
            subject,
            places: Arc::clone(
                lock(&self.places)
                    .entry(subject)
                    .or_insert_with(|| Arc::new(Semaphore::new(self.each))),
            ),
            of: self.clone(),
        };
        (acquire(&known.places).await, known)
    }
}

async fn acquire(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let place = Arc::clone(places).acquire_owned().await;
    place.expect("no place is closed")
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut places = lock(&self.of.places);
        // Whoever takes one of these does so under the lock: there is the one here, and that one.
        if Arc::strong_count(&self.places) == 2 {
            places.remove(&self.subject);
        }
    }
}

fn lock<T>(places: &Mutex<T>) -> MutexGuard<'_, T> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::auth::AccountId;

    #[tokio::test]
    async fn what_one_has_too_much_of_waits_and_nobody_else() {
        let turns = Turns::new(4, 2);
        let [ann, bob] = [1, 2].map(|id| Some(Subject::Account(AccountId(id))));
        let first = turns.take(ann).now_or_never().expect("at once");
        let _second = turns.take(ann).now_or_never().expect("at once");
        let mut third = Box::pin(turns.take(ann));
        assert!((&mut third).now_or_never().is_none());
        let _bobs = turns.take(bob).now_or_never().expect("at once");
        let _anybodys = turns.take(None).now_or_never().expect("at once");
        drop(first);
        let _third = third.now_or_never().expect("there is room");
        // All are taken.
        assert!(turns.take(bob).now_or_never().is_none());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_whoever_has_and_waits_for_none() {
        let turns = Turns::new(2, 2);
        let ann = Some(Subject::Account(AccountId(1)));
        let held = [turns.take(ann).await, turns.take(ann).await];
        let mut waiting = Box::pin(turns.take(ann));
        assert!((&mut waiting).now_or_never().is_none());
        drop(held);
        assert_eq!(lock(&turns.places).len(), 1);
        drop(waiting);
        assert!(lock(&turns.places).is_empty());
    }
}
