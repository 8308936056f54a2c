//! How long to wait before trying again.

use std::time::Duration;

const FIRST: u64 = 250;
const LONGEST: u64 = 10_000;

/// Waits that double up to ten seconds, spread at random so that the clients of a server
/// that stopped don't all return in the same moment.
#[derive(Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait; `random` is between 0 and 1.
    pub fn next_wait(&mut self, random: f64) -> Duration {
        let whole = (FIRST << self.attempts.min(10)).min(LONGEST);
        self.attempts += 1;
        Duration::from_millis(whole).mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }

    /// A connection succeeded: the next loss is a new one.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}
