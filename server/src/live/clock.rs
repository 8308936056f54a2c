//! The database's clock, as it is known here.

use std::time::{Duration, Instant};

/// What the database's clock said, and when that was heard. Of the clock here only the time
/// that passes is used: what it says may be anything.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    said: i64,
    heard: Instant,
}

impl Clock {
    /// It has just said this: microseconds since 1970.
    pub fn heard(said: i64) -> Self {
        Self {
            said,
            heard: Instant::now(),
        }
    }

    /// When it says that, or later by what hearing it took; `None` if that is too far ahead.
    pub fn when(self, moment: i64) -> Option<Instant> {
        let ahead = u64::try_from(moment.saturating_sub(self.said)).unwrap_or_default();
        self.heard.checked_add(Duration::from_micros(ahead))
    }

    /// Whether it says more at any one time than another.
    pub fn is_ahead_of(self, other: Self) -> bool {
        let micros = |time: Duration| i128::try_from(time.as_micros()).unwrap_or(i128::MAX);
        let passed = match self.heard.checked_duration_since(other.heard) {
            Some(passed) => micros(passed),
            None => -micros(other.heard.duration_since(self.heard)),
        };
        i128::from(self.said) - i128::from(other.said) > passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_far_off_as_the_clock_has_to_go() {
        let clock = Clock::heard(1_000_000);
        let hour = Duration::from_secs(3600);
        assert_eq!(clock.when(3_601_000_000), clock.heard.checked_add(hour));
        assert_eq!(clock.when(0), Some(clock.heard), "what is past is due");
        assert_eq!(clock.when(i64::MIN), Some(clock.heard));
    }

    #[test]
    fn the_clock_that_says_more_at_the_same_time_is_ahead() {
        let early = Clock::heard(1_000_000);
        let ahead = Clock {
            said: early.said + 2,
            heard: early.heard + Duration::from_micros(1),
        };
        assert!(ahead.is_ahead_of(early) && !early.is_ahead_of(ahead));
    }
}
