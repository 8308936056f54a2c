//! Whether the log is read at each bell or at a beat, by how much was found lately.
//!
//! Decisions only: what was found and when are given.

use std::time::{Duration, Instant};

/// Over which time the rate of commits is measured.
const RATE_WINDOW: Duration = Duration::from_millis(250);

/// From so many transactions in a [`RATE_WINDOW`], those before it counted half, a quarter and
/// so on by their age in windows, a beat suits: 800 a second. Below it a read at each bell tells
/// a commit a beat earlier, and the bells are not yet so many that writers wait for each other's.
const BUSY: u32 = 400;

/// Below so many, counted alike, bells suit again: 300 a second.
const CALM: u32 = 150;

/// How long it must have been so calm.
const CALM_TIME: Duration = Duration::from_millis(500);

/// How often the log is read while transactions run that may have skipped the bell; less
/// often the longer they have run, so that one that is left open all day costs little.
const STRAGGLER_BEAT: Duration = Duration::from_millis(20);

/// Which part of the time that such a transaction has run already its commit may wait.
const STRAGGLER_PATIENCE: u32 = 50;

/// The slowest that they are looked for.
const SLOWEST_BEAT: Duration = Duration::from_secs(1);

/// When the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// When the bell rings.
    Bell,
    /// Again and again, a beat apart.
    Beat,
}

/// The rhythm that there is, and what speaks for the other one.
#[derive(Debug)]
pub(super) struct Pace {
    rhythm: Rhythm,
    /// Since when the rate is measured anew.
    window: Instant,
    /// Transactions found lately.
    lately: u32,
    /// Since when it has been calm without a break.
    calm_since: Option<Instant>,
    /// Whether no bell rings, which leaves nothing but reading while anything is found.
    pub is_silent: bool,
}

impl Pace {
    /// At the bell, nothing found yet.
    pub fn new(now: Instant, is_silent: bool) -> Self {
        Self {
            rhythm: Rhythm::Bell,
            window: now,
            lately: 0,
            calm_since: None,
            is_silent,
        }
    }

    /// Counts the transactions that a read found, and says which rhythm suits. It is for the
    /// caller to [take it up](Self::take_up), which may fail.
    pub fn found(&mut self, transactions: u32, now: Instant) -> Rhythm {
        let windows =
            now.saturating_duration_since(self.window).as_nanos() / RATE_WINDOW.as_nanos();
        if windows > 0 {
            // What was counted does not fall to nothing at the window's turn.
            let halvings = u32::try_from(windows).unwrap_or(u32::MAX);
            self.lately = self.lately.checked_shr(halvings).unwrap_or(0);
            self.window = now;
        }
        self.lately = self.lately.saturating_add(transactions);
        match self.rhythm {
            Rhythm::Bell if self.lately >= BUSY => Rhythm::Beat,
            Rhythm::Bell if self.is_silent && transactions > 0 => Rhythm::Beat,
            Rhythm::Bell => Rhythm::Bell,
            Rhythm::Beat if self.lately >= CALM => {
                self.calm_since = None;
                Rhythm::Beat
            }
            Rhythm::Beat => {
                let since = *self.calm_since.get_or_insert(now);
                if now.saturating_duration_since(since) >= CALM_TIME {
                    Rhythm::Bell
                } else {
                    Rhythm::Beat
                }
            }
        }
    }

    /// From now on the log is read so.
    pub fn take_up(&mut self, rhythm: Rhythm) {
        self.rhythm = rhythm;
        self.calm_since = None;
    }
}

/// How soon to look again for transactions that have been waited for so long.
pub(super) fn straggler_beat(waited: Duration) -> Duration {
    (waited / STRAGGLER_PATIENCE).clamp(STRAGGLER_BEAT, SLOWEST_BEAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments, counted from any one.
    struct Clock(Instant);

    impl Clock {
        fn at(&self, milliseconds: u64) -> Instant {
            self.0 + Duration::from_millis(milliseconds)
        }
    }

    fn clock() -> (Clock, Pace) {
        let clock = Clock(Instant::now());
        let pace = Pace::new(clock.at(0), false);
        (clock, pace)
    }

    /// A transaction every so many microseconds, each found by itself, for a while. The rhythms
    /// that were taken up, and when.
    fn run(
        pace: &mut Pace,
        clock: &Clock,
        from: u64,
        apart: u64,
        milliseconds: u64,
    ) -> Vec<(u64, Rhythm)> {
        let mut turns = Vec::new();
        for n in 0..milliseconds * 1000 / apart {
            let at = from * 1000 + n * apart;
            let now = clock.0 + Duration::from_micros(at);
            let suits = pace.found(1, now);
            if suits != pace.rhythm {
                pace.take_up(suits);
                turns.push((at / 1000, suits));
            }
        }
        turns
    }

    #[test]
    fn eight_hundred_a_second_have_it_read_at_a_beat_and_less_do_not() {
        let (clock, mut pace) = clock();
        assert_eq!(run(&mut pace, &clock, 0, 1_000_000 / 780, 20_000), []);
        let turns = run(&mut pace, &clock, 20_000, 1_000_000 / 820, 20_000);
        assert!(
            matches!(turns[..], [(at, Rhythm::Beat)] if at < 23_000),
            "{turns:?}"
        );
    }

    #[test]
    fn what_lies_between_the_two_rates_changes_nothing() {
        for rhythm in [Rhythm::Bell, Rhythm::Beat] {
            let (clock, mut pace) = clock();
            pace.take_up(rhythm);
            for (from, rate) in [(0, 650), (30_000, 320), (60_000, 700)] {
                // It begins as it goes on.
                pace.found(CALM, clock.at(from));
                assert_eq!(
                    run(&mut pace, &clock, from, 1_000_000 / rate, 20_000),
                    [],
                    "{rhythm:?} at {rate}"
                );
            }
        }
    }

    #[test]
    fn a_burst_is_read_at_a_beat_and_quiet_ends_that_once_it_has_lasted() {
        let (clock, mut pace) = clock();
        assert_eq!(pace.found(399, clock.at(10)), Rhythm::Bell);
        assert_eq!(pace.found(1, clock.at(10)), Rhythm::Beat);
        pace.take_up(Rhythm::Beat);
        // 400, then 200, then 100: calm from there on.
        assert_eq!(pace.found(0, clock.at(249)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(250)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(500)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(999)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(1000)), Rhythm::Bell);
        pace.take_up(Rhythm::Bell);
        assert_eq!(pace.found(1, clock.at(1001)), Rhythm::Bell);
    }

    #[test]
    fn quiet_that_is_broken_begins_again() {
        let (clock, mut pace) = clock();
        pace.take_up(Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(0)), Rhythm::Beat);
        assert_eq!(pace.found(CALM, clock.at(499)), Rhythm::Beat);
        // Half of it is calm again, and that must last.
        assert_eq!(pace.found(0, clock.at(750)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(1249)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(1250)), Rhythm::Bell);
    }

    #[test]
    fn what_could_not_be_taken_up_is_asked_for_again() {
        let (clock, mut pace) = clock();
        assert_eq!(pace.found(BUSY, clock.at(0)), Rhythm::Beat);
        assert_eq!(pace.found(0, clock.at(1)), Rhythm::Beat);
        // Until it is no longer true.
        assert_eq!(pace.found(0, clock.at(250)), Rhythm::Bell);
    }

    #[test]
    fn what_was_found_long_ago_counts_for_nothing() {
        let (clock, mut pace) = clock();
        pace.found(u32::MAX, clock.at(0));
        assert_eq!(pace.found(0, clock.at(3_600_000)), Rhythm::Bell);
        assert_eq!(pace.found(BUSY - 1, clock.at(3_600_001)), Rhythm::Bell);
        // Nor is there a number too large, or a moment that is earlier than one before.
        assert_eq!(pace.found(u32::MAX, clock.at(3_600_000)), Rhythm::Beat);
    }

    #[test]
    fn where_no_bell_rings_anything_found_has_it_read_at_a_beat() {
        let clock = Clock(Instant::now());
        let mut pace = Pace::new(clock.at(0), true);
        assert_eq!(pace.found(0, clock.at(0)), Rhythm::Bell);
        assert_eq!(pace.found(1, clock.at(1)), Rhythm::Beat);
        pace.take_up(Rhythm::Beat);
        assert_eq!(pace.found(1, clock.at(2)), Rhythm::Beat);
        assert_eq!(pace.found(1, clock.at(502)), Rhythm::Bell);
    }

    #[test]
    fn stragglers_are_looked_for_less_often_the_longer_they_run() {
        let beats = [0, 500, 1000, 5_000, 50_000, 86_400_000]
            .map(|waited| straggler_beat(Duration::from_millis(waited)).as_millis());
        assert_eq!(beats, [20, 20, 20, 100, 1000, 1000]);
    }
}
