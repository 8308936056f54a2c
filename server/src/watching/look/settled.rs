//! What a transaction came to.

use super::{Hit, Looking};
use crate::watching::{
    net::{Outcome, Room},
    rule::Kind,
    words,
};

impl Looking<'_> {
    /// What is looked at next is of this transaction.
    pub(super) fn go_to(&mut self, xid: u64, at: i64) {
        if xid != self.xid {
            self.settle();
            (self.xid, self.at) = (xid, at);
        }
        self.at = self.at.max(at);
    }

    /// Something happened to a table that is not recorded by row.
    pub(super) fn doubt(&mut self, table: u32, why: &'static str) {
        for &watch in &self.of[&table] {
            let rule = &self.rules[self.watches[watch].rule];
            if rule.since.sees(self.xid) {
                continue;
            }
            // Nothing enters by that, or changes, unless there are rows again.
            match why == words::EMPTIED && rule.kind != Kind::Leaves {
                true => drop(self.emptied.insert(watch)),
                false => drop(self.unsure.insert(watch, why)),
            }
        }
    }

    /// The transaction is over: what it did stands.
    pub(super) fn settle(&mut self) {
        let nothing = || Outcome {
            rows: 0,
            one: None,
            is_beyond: false,
        };
        let mut unsure = std::mem::take(&mut self.unsure);
        let emptied = std::mem::take(&mut self.emptied);
        let begin = self.hits.len();
        self.room = Room::default();
        let (rules, watches, xid, at) = (self.rules, &self.watches, self.xid, self.at);
        let is_over = |watch: usize| rules[watches[watch].rule].passes_over(xid, at);
        unsure.retain(|watch, _| !is_over(*watch));
        for (watch, net) in self.nets.drain() {
            let kind = &rules[watches[watch].rule].kind;
            if is_over(watch) {
                continue;
            }
            // Rows that are there again may be as they were.
            let again = emptied.contains(&watch) && net.has_new();
            let again = again.then_some(words::EMPTIED);
            let Some(outcome) = net.outcome(kind) else {
                if let (Some(why), Kind::Changes(_)) = (again, kind) {
                    unsure.entry(watch).or_insert(why);
                }
                continue;
            };
            let beyond = outcome.is_beyond.then_some(words::BEYOND).or(again);
            self.hits.push(Hit {
                watch,
                at: self.at,
                xid: self.xid,
                outcome,
                unsure: unsure.remove(&watch).or(beyond),
            });
        }
        for (watch, why) in unsure {
            self.hits.push(Hit {
                watch,
                at: self.at,
                xid: self.xid,
                outcome: nothing(),
                unsure: Some(why),
            });
        }
        for hit in &self.hits[begin..] {
            let watch = &self.watches[hit.watch];
            let is_grouped = self.rules[watch.rule].group_seconds > 0;
            if !is_grouped || self.grouped.insert(hit.watch) {
                self.told += watch.to.len();
            }
        }
    }

    /// A transaction did something to a table: whoever watches it may be told.
    pub(super) fn expect(&mut self, table: u32) {
        for watch in &self.of[&table] {
            let of = &self.watches[*watch];
            let is_grouped = self.rules[of.rule].group_seconds > 0;
            if !is_grouped || !self.grouped.contains(watch) {
                self.may_be_told += of.to.len();
            }
        }
    }
}
