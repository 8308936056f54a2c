//! What an entry is to somebody who stands at a version.
//!
//! Versions of one history come one after another: of two, one has seen all that the other has.
//! So an entry from a version that one has seen holds all that is new up to where it leads, and
//! what one has seen of it already is told by its transactions. It does not matter who read
//! the log up to where one stands, in which steps, or how many wrote the stream at once.

use rowcast_protocol::PgSnapshot;

use crate::capture::{LogRow, Read};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It leads no further than where one stands.
    Known,
    /// It leads on: all of it that one has not seen is new, and nothing else is.
    Onward,
    /// Something lies between where one stands and where it begins.
    Gap,
}

/// What an entry between two versions is to somebody who stands `at` one.
pub fn step(at: &PgSnapshot, from: &PgSnapshot, to: &PgSnapshot) -> Step {
    if at.covers(to) {
        Step::Known
    } else if at.covers(from) && to.covers(at) {
        Step::Onward
    } else {
        Step::Gap
    }
}

/// Leaves of an entry's rows those that are new to somebody who stands `at` a version.
pub fn new_of(at: &PgSnapshot, rows: &mut Vec<LogRow>) {
    rows.retain(|row| !at.sees(row.xid));
}

/// Whether a read goes on where another one ends.
pub fn goes_on(first: &Read, next: &Read) -> bool {
    first.to == next.from
}

/// Puts a read to the one that it goes on from: as if both had been one.
pub fn join(first: &mut Read, next: Read) {
    first.to = next.to;
    first.clock = next.clock;
    first.is_purged |= next.is_purged;
    first.changed_schemas.extend(next.changed_schemas);
    first.rows.extend(next.rows);
    first.overflow.extend(next.overflow);
    if first.overflow.is_empty() {
        return;
    }
    first.overflow.sort_unstable();
    first.overflow.dedup();
    // Of what was left out in one, the other one's rows are not all.
    let left_out = &first.overflow;
    let is_held = |row: &LogRow| left_out.binary_search(&row.relation).is_err();
    first.rows.retain(is_held);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::capture::ChangeKind;

    /// A database in which transactions begin, write and end.
    #[derive(Default)]
    struct History {
        next: u64,
        running: Vec<u64>,
        log: Vec<u64>,
        aborted: Vec<u64>,
    }

    impl History {
        fn version(&self) -> PgSnapshot {
            // As PostgreSQL has it: behind the latest that has ended, which may leave out some
            // that run.
            let xmax = (0..self.next)
                .rev()
                .find(|xid| !self.running.contains(xid))
                .map_or(0, |latest| latest + 1);
            let running: Vec<u64> = (0..xmax).filter(|x| self.running.contains(x)).collect();
            PgSnapshot {
                xmin: running.first().copied().unwrap_or(xmax),
                xmax,
                running,
            }
        }

        /// What a read of the log finds.
        fn read(&self, from: &PgSnapshot) -> (PgSnapshot, Vec<LogRow>) {
            let to = self.version();
            let is_new = |xid: u64| !from.sees(xid) && to.sees(xid) && !self.aborted.contains(&xid);
            let log = self.log.iter().copied();
            let rows = log.filter(|xid| is_new(*xid)).map(row).collect();
            (to, rows)
        }
    }

    fn row(xid: u64) -> LogRow {
        LogRow {
            xid,
            at: 0,
            relation: 1,
            kind: ChangeKind::Images,
            layout: 0,
            old: Vec::new(),
            new: Vec::new(),
        }
    }

    /// What happens next.
    #[derive(Clone, Debug)]
    enum Event {
        Begin,
        Write(usize),
        Commit(usize),
        Abort(usize),
        /// One of two leaders reads, and its entry is to be written, or lost.
        Lead(usize, bool),
        /// What one of them has to write is written.
        Send(usize),
        /// The oldest entry is removed.
        Trim,
        /// All of them are.
        Flush,
        /// The follower takes the next entry.
        Follow,
        /// The follower reads the log by itself.
        Read,
        /// The follower begins again somewhere in the stream.
        Rewind(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        let any = 0..8_usize;
        prop_oneof![
            4 => Just(Event::Begin),
            6 => any.clone().prop_map(Event::Write),
            4 => any.clone().prop_map(Event::Commit),
            1 => any.clone().prop_map(Event::Abort),
            5 => (0..2_usize, prop::bool::weighted(0.9)).prop_map(|(who, is_written)| Event::Lead(who, is_written)),
            4 => (0..2_usize).prop_map(Event::Send),
            1 => Just(Event::Trim),
            1 => Just(Event::Flush),
            6 => Just(Event::Follow),
            1 => Just(Event::Read),
            1 => any.prop_map(Event::Rewind),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn each_change_is_seen_once_whoever_read_it(
            events in prop::collection::vec(event(), 1..120)
        ) {
            let mut history = History::default();
            let mut leaders = [history.version(), history.version()];
            let mut at = history.version();
            let mut waiting: [Option<Read>; 2] = [None, None];
            let mut stream: Vec<Read> = Vec::new();
            let mut position = 0_usize;
            let mut seen: HashMap<u64, usize> = HashMap::new();
            let mut take = |at: &mut PgSnapshot, to: &PgSnapshot, rows: Vec<LogRow>| {
                for row in rows {
                    *seen.entry(row.xid).or_default() += 1;
                }
                assert!(to.covers(at), "it never goes back");
                *at = to.clone();
            };
            for event in events {
                let running = history.running.len();
                let pick = |n: usize| n.checked_rem(running);
                match event {
                    Event::Begin => {
                        history.running.push(history.next);
                        history.next += 1;
                    }
                    Event::Write(n) => {
                        if let Some(n) = pick(n)
                            && !history.log.contains(&history.running[n])
                        {
                            history.log.push(history.running[n]);
                        }
                    }
                    Event::Commit(n) => {
                        if let Some(n) = pick(n) {
                            history.running.remove(n);
                        }
                    }
                    Event::Abort(n) => {
                        if let Some(n) = pick(n) {
                            let xid = history.running.remove(n);
                            history.aborted.push(xid);
                        }
                    }
                    Event::Lead(who, is_written) => {
                        let from = leaders[who].clone();
                        let (to, rows) = history.read(&from);
                        leaders[who] = to.clone();
                        let read = Read {
                            from,
                            to,
                            rows,
                            overflow: Vec::new(),
                            changed_schemas: Vec::new(),
                            is_purged: false,
                            source: Default::default(),
                            clock: 0, cause: Default::default(),
                        };
                        match &mut waiting[who] {
                            _ if !is_written => {}
                            Some(first) if goes_on(first, &read) => join(first, read),
                            waiting => *waiting = Some(read),
                        }
                    }
                    Event::Send(who) => stream.extend(waiting[who].take()),
                    Event::Trim => {
                        if !stream.is_empty() {
                            stream.remove(0);
                            position = position.saturating_sub(1);
                        }
                    }
                    Event::Flush => {
                        stream.clear();
                        position = 0;
                    }
                    Event::Rewind(n) => position = n.min(stream.len()),
                    Event::Follow => {
                        let Some(Read { from, to, mut rows, .. }) = stream.get(position).cloned() else {
                            continue;
                        };
                        position += 1;
                        match step(&at, &from, &to) {
                            Step::Known => {}
                            Step::Onward => {
                                new_of(&at, &mut rows);
                                take(&mut at, &to, rows);
                            }
                            Step::Gap => {
                                let (to, rows) = history.read(&at);
                                take(&mut at, &to, rows);
                            }
                        }
                    }
                    Event::Read => {
                        let (to, rows) = history.read(&at);
                        take(&mut at, &to, rows);
                    }
                }
            }
            for xid in &history.log {
                let shown = at.sees(*xid) && !history.aborted.contains(xid);
                let count = seen.get(xid).copied().unwrap_or_default();
                prop_assert_eq!(count, usize::from(shown), "transaction {}", xid);
            }
        }
    }

    #[test]
    fn of_what_was_left_out_in_one_of_two_reads_nothing_is_left_in_both() {
        let read = |overflow: &[u32], relations: &[u32]| Read {
            from: "1:1:".parse().expect("a version"),
            to: "1:1:".parse().expect("a version"),
            rows: relations
                .iter()
                .map(|relation| LogRow {
                    relation: *relation,
                    ..row(1)
                })
                .collect(),
            overflow: overflow.to_vec(),
            changed_schemas: Vec::new(),
            is_purged: false,
            source: Default::default(),
            clock: 0,
            cause: Default::default(),
        };
        let mut first = read(&[4, 2], &[1, 3]);
        join(&mut first, read(&[3, 2], &[1, 2, 4, 5]));
        assert_eq!(first.overflow, [2, 3, 4]);
        let relations: Vec<u32> = first.rows.iter().map(|row| row.relation).collect();
        assert_eq!(relations, [1, 1, 5]);
    }
}
