//! The database's clock, by which it is told how late something comes.

use std::time::{Duration, Instant};

/// What the database's clock showed, and when.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    shown: i64,
    at: Instant,
}

impl Clock {
    /// It has just shown this: microseconds since 1970.
    pub fn new(shown: i64) -> Self {
        Self {
            shown,
            at: Instant::now(),
        }
    }

    /// What it shows now.
    pub fn now(&self) -> i64 {
        let since = i64::try_from(self.at.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.shown.saturating_add(since)
    }

    /// How long ago it showed something.
    pub fn since(&self, shown: i64) -> Duration {
        let since = self.now().saturating_sub(shown);
        Duration::from_micros(u64::try_from(since).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_is_not_late_and_what_lies_far_behind_is() {
        let clock = Clock::new(1_700_000_000_000_000);
        assert_eq!(clock.since(clock.shown + 60_000_000), Duration::ZERO);
        assert!(clock.since(clock.shown - 60_000_000) >= Duration::from_secs(60));
        assert_eq!(clock.since(i64::MAX), Duration::ZERO);
        assert!(clock.since(i64::MIN) > Duration::from_secs(60));
    }
}
