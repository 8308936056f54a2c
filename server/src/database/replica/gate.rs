//! Whether a standby is asked at all, so that not every read waits for one that does not answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Reason;

/// How long a standby that could not answer is left alone. Then one read tries it.
const PAUSE: Duration = Duration::from_secs(2);

/// Open unless what keeps the standby from answering lasts.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Option<Closed>>);

#[derive(Clone, Copy, Debug)]
struct Closed {
    until: Instant,
    reason: Reason,
}

impl Gate {
    /// Whether a read may try the standby.
    ///
    /// # Errors
    /// Why not.
    pub fn enter(&self, now: Instant) -> Result<(), Reason> {
        match &mut *self.state() {
            Some(closed) if now < closed.until => Err(closed.reason),
            Some(closed) => {
                closed.until = now + PAUSE;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes that a read could not be answered.
    pub fn failed(&self, reason: Reason, now: Instant) {
        if !reason.lasts() {
            return;
        }
        let until = now + PAUSE;
        let before = self.state().replace(Closed { until, reason });
        if before.is_none_or(|before| before.reason != reason) {
            tracing::warn!(
                reason = reason.name(),
                "the standby is not read from, the primary is"
            );
        }
    }

    /// Notes that one was.
    pub fn succeeded(&self) {
        if self.state().take().is_some() {
            tracing::info!("the standby is read from again");
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_read_at_a_time_tries_a_standby_that_could_not_answer() {
        let gate = Gate::default();
        let begun = Instant::now();
        assert_eq!(gate.enter(begun), Ok(()));
        gate.failed(Reason::Conflict, begun);
        assert_eq!(gate.enter(begun), Ok(()), "that was one read's");
        gate.failed(Reason::Behind, begun);
        assert_eq!(gate.enter(begun), Err(Reason::Behind));
        let later = begun + PAUSE;
        assert_eq!(gate.enter(later), Ok(()));
        assert_eq!(gate.enter(later), Err(Reason::Behind), "one tries it");
        gate.succeeded();
        assert_eq!(gate.enter(later), Ok(()));
    }
}
