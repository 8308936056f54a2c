//! What has to hold for comments to be sent to somebody.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rowcast_protocol::{ApiError, message::Event};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::timeout;

use super::asked::Asked;
use crate::{
    auth::Identity,
    error::database_unavailable,
    live::{
        SubscriberId,
        event::SharedEvent,
        outbox::{Outbox, Waiting},
    },
    permission::Seen,
    state::AppState,
};

/// How long it may take to find out whether a row is still seen. What can't be found out is not sent.
const PATIENCE: Duration = Duration::from_secs(2);

/// The rows that have to be seen still.
#[derive(Clone, Debug)]
pub struct Guard {
    asked: Asked,
    /// As the catalog numbers it.
    table: u32,
    keys: BTreeSet<String>,
}

impl Guard {
    pub(super) fn new(asked: Asked, table: u32, keys: BTreeSet<String>) -> Self {
        Self { asked, table, keys }
    }

    /// Whether all of the rows are still seen.
    ///
    /// # Errors
    /// `unknown_row` if not; those of a read.
    pub async fn check(&self, seen: Seen<'_>) -> Result<(), ApiError> {
        let (table, keys) = self.asked.seen(seen).await?;
        if table == self.table && self.keys.is_subset(&keys) {
            return Ok(());
        }
        Err(ApiError::new(
            "unknown_row",
            "a row is not there any more that this was about",
            "subscribe anew",
        ))
    }
}

/// The guards of what one client follows.
#[derive(Debug, Default)]
pub struct Guards {
    of: Mutex<FxHashMap<SubscriberId, Arc<Guard>>>,
    /// Whether there ever were any: who follows nothing of the kind pays nothing.
    are_any: AtomicBool,
}

impl Guards {
    fn known(&self) -> MutexGuard<'_, FxHashMap<SubscriberId, Arc<Guard>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on what is sent of a subscription is guarded.
    pub fn add(&self, id: SubscriberId, guard: Option<Guard>) {
        if let Some(guard) = guard {
            self.known().insert(id, Arc::new(guard));
            self.are_any.store(true, Ordering::Relaxed);
        }
    }

    /// The subscription is over.
    pub fn remove(&self, id: SubscriberId) {
        self.known().remove(&id);
    }

    /// Whether anything is guarded, or was.
    pub fn are_any(&self) -> bool {
        self.are_any.load(Ordering::Relaxed)
    }

    /// What may be sent of what was taken to be sent. All of it was there before this asks, so that what
    /// it finds out is newer than any of it. The subscriptions of the rest end, and that is what
    /// waits then.
    pub async fn admit(
        &self,
        state: &AppState,
        identity: &Identity,
        outbox: &Outbox,
        mut taken: Vec<Waiting>,
    ) -> Vec<Waiting> {
        let mut asked = FxHashSet::default();
        let mut refused = FxHashSet::default();
        for waiting in &taken {
            let Some(id) = waiting.tells_of() else {
                continue;
            };
            let Some(guard) = self.known().get(&id).cloned() else {
                continue;
            };
            if !asked.insert(id) {
                continue;
            }
            let held = timeout(PATIENCE, guard.check(state.seen(identity))).await;
            let Err(error) = held.unwrap_or_else(|_| Err(database_unavailable())) else {
                continue;
            };
            refused.insert(id);
            // Its client may have ended it meanwhile, and its number stand for another one.
            if self.known().contains_key(&id) {
                state.live.leave(id);
                outbox.end(id, waiting.number, SharedEvent::bare(Event::Error(error)));
            }
        }
        taken.retain(|waiting| waiting.of().is_none_or(|id| !refused.contains(&id)));
        taken
    }
}
