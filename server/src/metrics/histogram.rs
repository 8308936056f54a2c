//! How long things take: counts by bound, as Prometheus adds them up over servers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The bounds of what takes milliseconds where all is well, in seconds.
pub const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The bounds of how many there are.
pub const NUMBERS: [f64; 14] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 1e4, 1e5, 1e6, 1e7,
];

/// Values seen so far.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64; 14],
    /// Of each bound, how many were at most that and above the one before; last, those above all.
    counts: [AtomicU64; 15],
    /// In millionths.
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Each bound, and how many values were at most that.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// What they add up to.
    pub sum: f64,
}

impl Histogram {
    /// One of durations.
    pub const fn of_seconds() -> Self {
        Self::new(&SECONDS)
    }

    /// One of numbers.
    pub const fn of_numbers() -> Self {
        Self::new(&NUMBERS)
    }

    const fn new(bounds: &'static [f64; 14]) -> Self {
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; 15],
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a duration.
    pub fn took(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.see(duration.as_secs_f64(), micros);
    }

    /// Counts a number.
    pub fn number(&self, number: u64) {
        self.see(number as f64, number.saturating_mul(1_000_000));
    }

    fn see(&self, value: f64, millionths: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(millionths, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        let mut count = 0;
        let mut upto = |of: &AtomicU64| {
            count += of.load(Ordering::Relaxed);
            count
        };
        let buckets = self
            .bounds
            .iter()
            .zip(&self.counts)
            .map(|(bound, of)| (*bound, upto(of)))
            .collect();
        Counted {
            buckets,
            count: upto(&self.counts[self.bounds.len()]),
            sum: self.sum.load(Ordering::Relaxed) as f64 / 1e6,
        }
    }
}

impl Counted {
    /// What so great a part of the values were at most that came since `before`, supposing that
    /// they lie evenly between the bounds; `None` if none came.
    pub fn quantile_since(&self, before: &Self, part: f64) -> Option<f64> {
        let came = self
            .count
            .checked_sub(before.count)
            .filter(|came| *came > 0)?;
        let wanted = came as f64 * part;
        let (mut below, mut least) = (0.0, 0.0);
        for ((bound, upto), (_, upto_before)) in self.buckets.iter().zip(&before.buckets) {
            let upto = upto.saturating_sub(*upto_before) as f64;
            if upto >= wanted && upto > below {
                return Some(least + (bound - least) * (wanted - below) / (upto - below));
            }
            (below, least) = (upto, *bound);
        }
        // Of those above all bounds no more is known.
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_each_bound_that_it_is_not_above() {
        let histogram = Histogram::of_seconds();
        for millis in [0, 1, 3, 60_000] {
            histogram.took(Duration::from_millis(millis));
        }
        let counted = histogram.counted();
        let upto = |bound: f64| {
            let found = counted.buckets.iter().find(|(of, _)| *of == bound);
            found.expect("a bucket of that bound").1
        };
        assert_eq!([upto(0.0005), upto(0.001), upto(0.0025)], [1, 2, 2]);
        assert_eq!([upto(0.005), upto(10.0), counted.count], [3, 3, 4]);
        assert!((counted.sum - 60.004).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_of_what_came_since() {
        let histogram = Histogram::of_seconds();
        histogram.took(Duration::from_secs(60));
        let before = histogram.counted();
        assert_eq!(before.quantile_since(&before, 0.5), None);
        for _ in 0..100 {
            histogram.took(Duration::from_millis(2));
        }
        let now = histogram.counted();
        let of = |part| now.quantile_since(&before, part).expect("values came");
        // Between the bounds of 1 and 2.5 ms.
        assert!((of(0.5) - 0.00175).abs() < 1e-9, "{}", of(0.5));
        assert!((0.0024..0.0025).contains(&of(0.99)), "{}", of(0.99));
        histogram.took(Duration::from_secs(60));
        assert_eq!(histogram.counted().quantile_since(&now, 0.99), Some(10.0));
    }
}
