//! One look-up for all who ask at the same time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shares look-ups among those who ask for the same thing while one is under way.
///
/// Nobody is told anything that was looked up before the question: who asks while a look-up
/// runs waits for the next one, with all others who do. So however many ask at once, two
/// look-ups serve them.
#[derive(Debug)]
pub struct Shared<K, T>(Mutex<HashMap<K, Arc<LookUp<T>>>>);

/// What was looked up last, and when that began. Whoever holds the lock is looking it up.
type LookUp<T> = tokio::sync::Mutex<Option<(Instant, T)>>;

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, T: Clone> Shared<K, T> {
    /// What `look_up` finds, if it is begun now or later, by whoever it is begun.
    pub async fn get<F>(&self, key: K, look_up: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        let asked = Instant::now();
        let interest = Interest::new(self, key);
        let mut last = interest.look_up.lock().await;
        let found = match &*last {
            Some((begun, found)) if *begun >= asked => found.clone(),
            _ => {
                let begun = Instant::now();
                let found = look_up().await;
                *last = Some((begun, found.clone()));
                found
            }
        };
        drop(last);
        found
    }
}

impl<K, T> Shared<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<LookUp<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who asks. The look-up is forgotten with the last of them, whether they were told or
/// have gone away before.
struct Interest<'a, K: Eq + Hash, T> {
    all: &'a Shared<K, T>,
    key: K,
    look_up: Arc<LookUp<T>>,
}

impl<'a, K: Eq + Hash + Clone, T> Interest<'a, K, T> {
    fn new(all: &'a Shared<K, T>, key: K) -> Self {
        let look_up = Arc::clone(all.lock().entry(key.clone()).or_default());
        Self { all, key, look_up }
    }
}

impl<K: Eq + Hash, T> Drop for Interest<'_, K, T> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        // This one's, and what is in the map: nobody else waits.
        if Arc::strong_count(&self.look_up) == 2 {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::{sync::Notify, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_share_and_nobody_gets_what_is_older_than_the_question() {
        let shared = Shared::<&str, u32>::default();
        let (count, gate) = (AtomicU32::new(0), Notify::new());
        let look_up = || async {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            if nth == 0 {
                gate.notified().await;
            }
            nth
        };
        let first = shared.get("t", look_up);
        let others = async {
            // The first one's look-up is under way.
            while count.load(Ordering::Relaxed) == 0 {
                yield_now().await;
            }
            let waiting = join_all((0..1000).map(|_| shared.get("t", look_up)));
            let opened = async {
                yield_now().await;
                gate.notify_one();
            };
            tokio::join!(waiting, opened).0
        };
        let (first, others) = tokio::join!(first, others);
        assert_eq!(first, 0);
        assert!(others.iter().all(|nth| *nth == 1), "{others:?}");
        assert!(shared.lock().is_empty());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_one_who_goes_away_before_being_told() {
        let shared = Shared::<String, u32>::default();
        for nth in 0..100 {
            let mut asking = Box::pin(shared.get(nth.to_string(), std::future::pending));
            assert!(futures::poll!(&mut asking).is_pending());
            // One more who waits for the first.
            let mut waiting = Box::pin(shared.get(nth.to_string(), std::future::pending));
            assert!(futures::poll!(&mut waiting).is_pending());
            drop(asking);
            assert_eq!(shared.lock().len(), 1);
            drop(waiting);
        }
        assert!(shared.lock().is_empty());
    }
}
