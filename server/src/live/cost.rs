//! What keeping a list up to date costs.

use std::time::Duration;

use serde::Serialize;

/// After how long half of what a list cost counts no more as being of late.
const HALF: f64 = 10.0;

/// What a list cost since it is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Its number among those that were told; 0: it was not yet.
    pub number: u64,
    /// Steps within its patches.
    pub changes: u64,
    /// Patches made.
    pub patches: u64,
    /// Comparisons asked of PostgreSQL.
    pub questions: u64,
    /// Reads of its rows.
    pub reads: u64,
    /// The time that PostgreSQL took for these, and making its patches.
    pub micros: u64,
    /// The same, of which less counts the longer it is ago.
    pub recent: u64,
}

/// A list that costs, as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Busy {
    /// Its number on this server.
    pub number: u64,
    /// Its table.
    pub table_path: String,
    /// Its query as addresses have it; `None` where not everybody who reads this may know it.
    pub query: Option<String>,
    /// How many follow it.
    pub subscribers: usize,
    /// As in [`Cost`].
    pub changes: u64,
    /// As in [`Cost`].
    pub patches: u64,
    /// As in [`Cost`].
    pub questions: u64,
    /// As in [`Cost`].
    pub reads: u64,
    /// As in [`Cost`].
    pub micros: u64,
    /// As in [`Cost`].
    pub recent_micros: u64,
}

impl Cost {
    /// Adds some time.
    pub fn spent(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros = self.micros.saturating_add(micros);
        // At least one, so that what costs next to nothing still counts by how often it comes.
        self.recent = self.recent.saturating_add(micros.max(1));
    }

    /// So long has passed.
    pub fn age(&mut self, time: Duration) {
        let left = 0.5_f64.powf(time.as_secs_f64() / HALF);
        self.recent = (self.recent as f64 * left) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_counts_less_and_then_nothing() {
        let mut cost = Cost::default();
        cost.spent(Duration::from_micros(800));
        cost.age(Duration::from_secs(10));
        assert_eq!((cost.micros, cost.recent), (800, 400));
        cost.age(Duration::from_secs(120));
        assert_eq!((cost.micros, cost.recent), (800, 0));
    }
}
