//! Reads of the log of several transactions at once.
//!
//! A list goes from the version before such a read to the one after it at once, and nothing is
//! told of what came and went in between. Another server may have read the log just there, and
//! its clients hold what was then: none of the patches kept here takes them on from it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use rowcast_protocol::PgSnapshot;

/// How many reads are remembered of a table.
const REMEMBERED: usize = 1024;

/// Those of each table.
#[derive(Debug, Default)]
pub struct Leaps {
    of: HashMap<u32, OfTable>,
    /// Where the last read led.
    until: Option<Arc<PgSnapshot>>,
    /// Nothing is known of what was before.
    since: Option<Arc<PgSnapshot>>,
}

#[derive(Debug, Default)]
struct OfTable {
    /// In order.
    leaps: VecDeque<Leap>,
    /// Nothing is known of what was before.
    since: Option<Arc<PgSnapshot>>,
}

#[derive(Debug)]
struct Leap {
    from: Arc<PgSnapshot>,
    to: Arc<PgSnapshot>,
}

impl Leaps {
    /// Remembers a read, which `tables` were changed in by several transactions, or by who knows
    /// how many.
    pub fn read(
        &mut self,
        from: &PgSnapshot,
        to: &PgSnapshot,
        tables: impl IntoIterator<Item = u32>,
    ) {
        let to = Arc::new(to.clone());
        let follows = self.until.as_deref().is_none_or(|until| until == from);
        self.until = Some(Arc::clone(&to));
        if !follows {
            self.of.clear();
            self.since = Some(to);
            return;
        }
        let from = Arc::new(from.clone());
        for table in tables {
            let of = self.of.entry(table).or_default();
            of.leaps.push_back(Leap {
                from: Arc::clone(&from),
                to: Arc::clone(&to),
            });
            if of.leaps.len() > REMEMBERED {
                of.since = of.leaps.pop_front().map(|first| first.to);
            }
        }
    }

    /// Whether a version lies, or may lie, within a read that changed the table.
    pub fn are_over(&self, table: u32, version: &PgSnapshot) -> bool {
        let is_before = |since: &Option<Arc<PgSnapshot>>| {
            since.as_deref().is_some_and(|since| !version.covers(since))
        };
        if is_before(&self.since) {
            return true;
        }
        let Some(of) = self.of.get(&table) else {
            return false;
        };
        let next = of.leaps.partition_point(|leap| version.covers(&leap.to));
        let next = of.leaps.get(next);
        is_before(&of.since) || next.is_some_and(|next| !next.from.covers(version))
    }

    /// Forgets a table of which there is no list any more.
    pub fn forget(&mut self, table: u32) {
        self.of.remove(&table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> PgSnapshot {
        text.parse().expect("a version")
    }

    #[test]
    fn a_version_within_a_read_is_told_from_those_it_leads_between() {
        let mut leaps = Leaps::default();
        leaps.read(&version("10:10:"), &version("14:14:"), [1]);
        leaps.read(&version("14:14:"), &version("16:16:"), []);
        leaps.read(&version("16:16:"), &version("20:20:"), [1, 2]);
        for (table, at, expected) in [
            (1, "9:9:", false),
            (1, "10:10:", false),
            (1, "12:12:", true),
            // It sees the latest transaction, and not the others.
            (1, "10:14:10,11,12", true),
            (1, "14:14:", false),
            // Whatever was done by a single one is all that was done.
            (1, "15:15:", false),
            (1, "18:18:", true),
            (1, "20:20:", false),
            (1, "21:21:", false),
            (2, "12:12:", false),
            (2, "18:18:", true),
            (3, "18:18:", false),
        ] {
            assert_eq!(
                leaps.are_over(table, &version(at)),
                expected,
                "{table} {at}"
            );
        }
        leaps.forget(1);
        assert!(!leaps.are_over(1, &version("12:12:")));
    }

    #[test]
    fn what_is_not_remembered_may_have_been() {
        let mut leaps = Leaps::default();
        for at in 0..=REMEMBERED as u64 {
            let (from, to) = (2 * at + 10, 2 * at + 12);
            let versions = [from, to].map(|at| version(&format!("{at}:{at}:")));
            leaps.read(&versions[0], &versions[1], [1]);
        }
        assert!(leaps.are_over(1, &version("10:10:")));
        assert!(!leaps.are_over(1, &version("12:12:")));
        assert!(!leaps.are_over(2, &version("10:10:")));
        // What was not read in between may have been anything.
        leaps.read(&version("5000:5000:"), &version("5001:5001:"), []);
        assert!(leaps.are_over(2, &version("4999:4999:")));
        assert!(!leaps.are_over(2, &version("5001:5001:")));
    }
}
