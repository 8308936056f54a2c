//! Rules that can't be looked at, which hold up no other.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// So many failures because of one rule, and it is gone on without it.
const FAILURES: u32 = 2;

/// For how long, at first; twice as long each time.
const FIRST: Duration = Duration::from_secs(60);

/// At the most.
const LAST: Duration = Duration::from_secs(3600);

/// How often each rule has failed a round since the last that went well.
#[derive(Debug, Default)]
pub struct Failures(HashMap<i64, Failing>);

#[derive(Debug, Default)]
struct Failing {
    times: u32,
    /// For how long it is gone on without it, and since when.
    left_out: Option<(Duration, Instant)>,
}

impl Failing {
    fn is_left_out(&self, now: Instant) -> bool {
        self.left_out
            .is_some_and(|(wait, since)| now.duration_since(since) < wait)
    }
}

impl Failures {
    /// A round failed because of this one.
    pub fn add(&mut self, rule: i64, now: Instant) {
        let failing = self.0.entry(rule).or_default();
        failing.times += 1;
        if failing.times >= FAILURES {
            let wait = failing
                .left_out
                .map_or(FIRST, |(wait, _)| (wait * 2).min(LAST));
            failing.left_out = Some((wait, now));
        }
    }

    /// Whether it is gone on without it.
    pub fn is_left_out(&self, rule: i64, now: Instant) -> bool {
        self.0
            .get(&rule)
            .is_some_and(|failing| failing.is_left_out(now))
    }

    /// A round that had begun then went well, with all but what was left out.
    pub fn went_well(&mut self, begun: Instant) {
        self.0.retain(|_, failing| failing.is_left_out(begun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_fails_again_is_left_out_for_longer_and_longer() {
        let mut failures = Failures::default();
        let mut now = Instant::now();
        failures.add(1, now);
        assert!(!failures.is_left_out(1, now));
        failures.add(1, now);
        // Another one fails meanwhile.
        failures.add(2, now);
        assert!(failures.is_left_out(1, now) && !failures.is_left_out(2, now));
        for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            failures.went_well(now);
            now += Duration::from_secs(wait - 1);
            assert!(failures.is_left_out(1, now), "{wait}");
            now += Duration::from_secs(1);
            // It is tried again, and has one try.
            assert!(!failures.is_left_out(1, now), "{wait}");
            failures.add(1, now);
        }
        now += LAST;
        failures.went_well(now);
        failures.add(1, now);
        assert!(!failures.is_left_out(1, now), "it was looked at meanwhile");
    }
}
