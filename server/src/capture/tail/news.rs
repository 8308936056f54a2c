//! Which relations something was found of, for somebody who reads the log by themselves.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// What was found and not taken yet.
#[derive(Debug, Default)]
pub(super) struct News {
    found: Mutex<Found>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Found {
    /// Whether anybody hears of it: else nothing is kept.
    is_heard: bool,
    relations: BTreeSet<u32>,
    is_any: bool,
}

impl News {
    /// Something was found of these.
    pub fn tell(&self, relations: impl Iterator<Item = u32>) {
        let mut found = self.found();
        if !found.is_heard {
            return;
        }
        let mut last = None;
        for relation in relations {
            // Those of a statement, and of most reads, are one.
            if last.replace(relation) != Some(relation) {
                found.relations.insert(relation);
            }
        }
        drop(found);
        self.rung.notify_one();
    }

    /// Something may have happened to any.
    pub fn tell_of_any(&self) {
        self.found().is_any = true;
        self.rung.notify_one();
    }

    /// From now on it is kept.
    pub fn hear(&self) {
        self.found().is_heard = true;
    }

    /// Waits for some; `None`: any.
    pub async fn wait(&self) -> Option<BTreeSet<u32>> {
        loop {
            self.rung.notified().await;
            let mut found = self.found();
            let relations = std::mem::take(&mut found.relations);
            if std::mem::take(&mut found.is_any) {
                return None;
            }
            // A ring may have been for what was taken already.
            if !relations.is_empty() {
                return Some(relations);
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
