//! How copying does, for whoever waits for it or counts.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// For how long it may fail until one who starts gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one who copies is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It connects.
    #[default]
    Beginning,
    /// Somebody else has the place.
    Waiting {
        /// Whether they have copied already.
        is_copied: bool,
    },
    /// The slot is made, for which transactions that run are waited for.
    Making,
    /// It copies.
    Copying,
    /// It failed, and is tried again.
    Failed(String),
}

/// How it does.
#[derive(Debug)]
pub struct Standing {
    state: watch::Sender<State>,
    retained: AtomicU64,
    /// Whether so much was retained that it was warned of it.
    is_near: AtomicBool,
    /// Whether the slot was made, and nobody has copied from it since.
    has_made: AtomicBool,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            retained: AtomicU64::new(0),
            is_near: AtomicBool::new(false),
            has_made: AtomicBool::new(false),
        }
    }
}

impl Standing {
    /// How many bytes of the write-ahead log are kept for the slot, as it was last looked at.
    pub fn retained(&self) -> u64 {
        self.retained.load(Ordering::Relaxed)
    }

    /// Whether this server copies.
    pub fn copies(&self) -> bool {
        *self.state.borrow() == State::Copying
    }

    /// Waits until changes are copied by anybody. That running transactions are waited for is no
    /// failure, however long it takes.
    ///
    /// # Errors
    /// Why they are not, if that lasts.
    pub async fn ready(&self) -> Result<(), String> {
        self.ready_after(PATIENCE).await
    }

    async fn ready_after(&self, patience: Duration) -> Result<(), String> {
        let mut states = self.state.subscribe();
        let mut failing: Option<Instant> = None;
        loop {
            let state = states.borrow_and_update().clone();
            match state {
                State::Copying | State::Waiting { is_copied: true } => return Ok(()),
                State::Making => {
                    failing = None;
                    tracing::info!(
                        "changes are copied from the write-ahead log once the transactions that run \
                         now have ended"
                    );
                }
                State::Failed(reason) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if timeout_at(since + patience, states.changed())
                        .await
                        .is_err()
                    {
                        return Err(reason);
                    }
                    continue;
                }
                State::Beginning | State::Waiting { is_copied: false } => {}
            }
            // Whoever changes it is kept by this.
            let _ = states.changed().await;
        }
    }

    /// Whether this one has made the slot, or begun to, and nobody has copied from it since.
    pub(super) fn has_made(&self) -> bool {
        self.has_made.load(Ordering::Relaxed)
    }

    /// Whether much is retained now that was not before.
    pub(super) fn nears(&self, is_near: bool) -> bool {
        let was_near = self.is_near.swap(is_near, Ordering::Relaxed);
        is_near && !was_near
    }

    pub(super) fn becomes(&self, state: State) {
        match state {
            State::Making => self.has_made.store(true, Ordering::Relaxed),
            State::Copying | State::Waiting { .. } => self.has_made.store(false, Ordering::Relaxed),
            State::Beginning | State::Failed(_) => {}
        }
        self.state.send_if_modified(|old| {
            let is_other = *old != state;
            *old = state;
            is_other
        });
    }

    pub(super) fn retains(&self, bytes: u64) {
        self.retained.store(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_who_starts_waits_for_transactions_and_gives_up_on_failures_that_last() {
        let standing = Standing::default();
        let refused = || "refused".to_owned();
        standing.becomes(State::Failed(refused()));
        assert_eq!(standing.ready_after(Duration::ZERO).await, Err(refused()));
        assert_eq!(standing.ready().now_or_never(), None);
        standing.becomes(State::Making);
        assert_eq!(standing.ready_after(Duration::ZERO).now_or_never(), None);
        standing.becomes(State::Waiting { is_copied: false });
        assert_eq!(standing.ready_after(Duration::ZERO).now_or_never(), None);
        standing.becomes(State::Waiting { is_copied: true });
        assert_eq!(standing.ready().await, Ok(()));
        assert!(!standing.copies());
        standing.becomes(State::Copying);
        assert_eq!(standing.ready().await, Ok(()));
        assert!(standing.copies());
    }
}
