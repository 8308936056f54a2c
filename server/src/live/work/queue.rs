//! Which read is next.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::limit::Subject;

/// How many reads for live queries run at once. Other requests use the rest of the pool.
const READS: usize = 6;

/// From which time on a query's reads count as costly.
const COSTLY: Duration = Duration::from_millis(500);

/// What reads are for. Each kind leaves places for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Somebody waits for the first rows.
    First,
    /// A list is to be kept up to date.
    Again,
    /// The last read of the query took long.
    Costly,
}

/// A query, by its identity.
type Key = Arc<str>;

/// Something to be done that may come to be of no use while it waits.
pub trait Wanted {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;
}

/// How many reads may wait before those are looked for that nobody wants any more.
const UNSWEPT: usize = 64;

/// Reads that wait and run. Those who are counted take turns, and have a part of the places each;
/// so do the queries of one, and each has one read running at the most. So one of which much is
/// wanted, or who wants much, waits behind themselves alone. What nobody wants any more is not
/// started, and at most as many such reads are kept as there are others, or [`UNSWEPT`].
#[derive(Debug)]
pub struct Queue<J> {
    lines: [Line<J>; 3],
    /// The line that was served last.
    last: usize,
    costly: FxHashSet<Key>,
    /// How many reads wait.
    count: usize,
    /// At how many of them the unwanted are looked for.
    sweep_at: usize,
}

/// By whom a read is counted, if it is.
type Payer = Option<Subject>;

/// What has to be given back when a read is done.
#[derive(Debug)]
pub struct Ticket {
    line: usize,
    payer: Payer,
    key: Key,
}

#[derive(Debug)]
struct Line<J> {
    kind: Kind,
    running: usize,
    /// Those of whom something may be started.
    turns: VecDeque<Payer>,
    /// All of whom something waits or runs.
    payers: FxHashMap<Payer, Account<J>>,
}

/// What one payer has in a line.
#[derive(Debug)]
struct Account<J> {
    running: usize,
    /// Whether it has a turn.
    is_waiting: bool,
    /// Queries of which something waits and nothing runs.
    turns: VecDeque<Key>,
    /// What waits, by query. A query of which something runs is here too, if with nothing.
    waiting: FxHashMap<Key, VecDeque<J>>,
}

impl Kind {
    /// How many may run at once.
    fn places(self) -> usize {
        match self {
            Self::First => READS - 1,
            Self::Again => READS - 2,
            Self::Costly => 2,
        }
    }

    /// How many of these may be one payer's. What keeps lists up to date is counted by nobody: they
    /// are shared.
    fn places_of(self, payer: Payer) -> usize {
        match (payer, self) {
            (None, _) => READS,
            (Some(_), Self::Costly) => 1,
            (Some(_), Self::First | Self::Again) => 2,
        }
    }
}

impl<J> Default for Account<J> {
    fn default() -> Self {
        Self {
            running: 0,
            is_waiting: false,
            turns: VecDeque::new(),
            waiting: FxHashMap::default(),
        }
    }
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        let line = |kind| Line {
            kind,
            running: 0,
            turns: VecDeque::new(),
            payers: FxHashMap::default(),
        };
        Self {
            lines: [Kind::First, Kind::Again, Kind::Costly].map(line),
            last: 0,
            costly: FxHashSet::default(),
            count: 0,
            sweep_at: UNSWEPT,
        }
    }
}

impl<J: Wanted> Queue<J> {
    /// Adds a read of a query; `payer`: by whom it is counted.
    pub fn push(&mut self, key: Key, payer: Payer, is_first: bool, job: J) {
        let kind = if self.costly.contains(&key) {
            Kind::Costly
        } else if is_first {
            Kind::First
        } else {
            Kind::Again
        };
        if self.count >= self.sweep_at {
            self.sweep();
        }
        self.count += 1;
        let line = &mut self.lines[kind as usize];
        let account = line.payers.entry(payer).or_default();
        if let Some(waiting) = account.waiting.get_mut(&key) {
            waiting.push_back(job);
        } else {
            account.waiting.insert(Arc::clone(&key), [job].into());
            account.turns.push_back(key);
        }
        line.give_turn(payer);
    }

    /// The next read to start, if there is one and room for it.
    pub fn take(&mut self) -> Option<(Ticket, J)> {
        loop {
            let (ticket, job) = self.take_any()?;
            if job.is_wanted() {
                return Some((ticket, job));
            }
            self.give_back(ticket);
        }
    }

    fn take_any(&mut self) -> Option<(Ticket, J)> {
        let running: usize = self.lines.iter().map(|line| line.running).sum();
        if running >= READS {
            return None;
        }
        let count = self.lines.len();
        let at = (1..=count)
            .map(|step| (self.last + step) % count)
            .find(|at| self.lines[*at].can_start())?;
        self.last = at;
        let line = &mut self.lines[at];
        let payer = line.turns.pop_front()?;
        let account = line.payers.get_mut(&payer)?;
        account.is_waiting = false;
        let key = account.turns.pop_front()?;
        let job = account.waiting.get_mut(&key)?.pop_front()?;
        account.running += 1;
        line.running += 1;
        line.give_turn(payer);
        self.count -= 1;
        let ticket = Ticket {
            line: at,
            payer,
            key,
        };
        Some((ticket, job))
    }

    /// Notes that a read is done, and how long it took the database.
    pub fn finish(&mut self, ticket: Ticket, took: Duration) {
        let key = self.give_back(ticket);
        if took >= COSTLY {
            self.costly.insert(key);
        } else {
            self.costly.remove(&key);
        }
        // Those that are gone for good are not told: forgetting them all costs little.
        if self.costly.len() > 1000 {
            self.costly.clear();
        }
    }

    /// Frees a read's place: the next one may have it.
    fn give_back(&mut self, ticket: Ticket) -> Key {
        let Ticket { line, payer, key } = ticket;
        let line = &mut self.lines[line];
        line.running -= 1;
        if let Some(account) = line.payers.get_mut(&payer) {
            account.running -= 1;
            if account.waiting.get(&key).is_some_and(VecDeque::is_empty) {
                account.waiting.remove(&key);
            } else {
                account.turns.push_back(Arc::clone(&key));
            }
            line.give_turn(payer);
        }
        key
    }

    /// Drops what nobody wants any more. So that a read costs the same however many wait, it is
    /// done each time that their number has doubled.
    fn sweep(&mut self) {
        self.count = 0;
        for Line { turns, payers, .. } in &mut self.lines {
            for Account { turns, waiting, .. } in payers.values_mut() {
                for jobs in waiting.values_mut() {
                    jobs.retain(J::is_wanted);
                    self.count += jobs.len();
                }
                // Of a query without a turn something runs.
                turns.retain(|key| {
                    let stays = waiting.get(key).is_some_and(|jobs| !jobs.is_empty());
                    if !stays {
                        waiting.remove(key);
                    }
                    stays
                });
            }
            payers.retain(|_, account| !account.is_idle());
            turns.retain(|payer| match payers.get_mut(payer) {
                Some(account) => {
                    account.is_waiting = !account.turns.is_empty();
                    account.is_waiting
                }
                None => false,
            });
        }
        self.sweep_at = (2 * self.count).max(UNSWEPT);
    }
}

impl<J> Line<J> {
    fn can_start(&self) -> bool {
        !self.turns.is_empty() && self.running < self.kind.places()
    }

    /// Gives a payer a turn if there is something to start and room for it, and forgets one of whom
    /// there is nothing.
    fn give_turn(&mut self, payer: Payer) {
        let Some(account) = self.payers.get_mut(&payer) else {
            return;
        };
        let may_start = !account.turns.is_empty() && account.running < self.kind.places_of(payer);
        if may_start && !account.is_waiting {
            account.is_waiting = true;
            self.turns.push_back(payer);
        } else if account.is_idle() {
            self.payers.remove(&payer);
        }
    }
}

impl<J> Account<J> {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::AccountId;

    impl Wanted for u32 {
        fn is_wanted(&self) -> bool {
            true
        }
    }

    impl Wanted for std::sync::Weak<()> {
        fn is_wanted(&self) -> bool {
            self.strong_count() > 0
        }
    }

    const QUICK: Duration = Duration::from_millis(1);

    fn taken(queue: &mut Queue<u32>) -> Vec<(Ticket, u32)> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    #[test]
    fn queries_take_turns_whatever_one_of_them_wants() {
        let mut queue = Queue::default();
        for nth in 0..100 {
            queue.push("greedy".into(), None, false, nth);
        }
        queue.push("modest".into(), None, false, 1000);
        let running = taken(&mut queue);
        let jobs: Vec<u32> = running.iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [0, 1000], "one read of each");
        for (ticket, _) in running {
            queue.finish(ticket, QUICK);
        }
        queue.push("modest".into(), None, false, 1001);
        let jobs: Vec<u32> = taken(&mut queue).iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [1, 1001]);
    }

    #[test]
    fn neither_first_reads_nor_later_ones_take_every_place() {
        for is_first in [true, false] {
            let mut queue = Queue::default();
            for nth in 0..20 {
                queue.push(nth.to_string().into(), None, is_first, nth);
            }
            assert!(taken(&mut queue).len() < READS);
            queue.push("other".into(), None, !is_first, 1000);
            assert_eq!(taken(&mut queue).first().map(|(_, job)| *job), Some(1000));
        }
    }

    #[test]
    fn one_who_wants_much_leaves_the_others_places_and_turns() {
        let [ann, bob] = [1, 2].map(|id| Some(Subject::Account(AccountId(id))));
        let mut queue = Queue::default();
        for nth in 0..100 {
            queue.push(nth.to_string().into(), ann, true, nth);
        }
        queue.push("bob's".into(), bob, true, 1000);
        let mut running = taken(&mut queue);
        let jobs: Vec<u32> = running.iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [0, 1000, 1], "two of hers, and his between");
        queue.push("kept up to date".into(), None, false, 2000);
        assert_eq!(taken(&mut queue).len(), 1);
        for (ticket, _) in running.drain(..) {
            queue.finish(ticket, COSTLY);
        }
        // What took long counts apart, one of each.
        for nth in [0, 1] {
            queue.push(nth.to_string().into(), ann, true, nth);
        }
        let jobs: Vec<u32> = taken(&mut queue).iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs.len(), 3, "{jobs:?}");
        queue.push("bob's".into(), bob, true, 1001);
        let jobs: Vec<u32> = taken(&mut queue).iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [1001]);
    }

    #[test]
    fn costly_queries_have_few_places_together() {
        let mut queue = Queue::default();
        for nth in 0..4 {
            queue.push(nth.to_string().into(), None, false, nth);
        }
        for (ticket, _) in taken(&mut queue) {
            queue.finish(ticket, COSTLY);
        }
        for nth in 0..4 {
            queue.push(nth.to_string().into(), None, false, nth);
        }
        let running = taken(&mut queue);
        assert_eq!(running.len(), Kind::Costly.places());
        queue.push("quick".into(), None, false, 1000);
        assert_eq!(taken(&mut queue).len(), 1);
        // One that is quick again is among the others again.
        for (ticket, _) in running {
            queue.finish(ticket, QUICK);
        }
        queue.push("0".into(), None, false, 5);
        queue.push("1".into(), None, false, 6);
        assert_eq!(taken(&mut queue).len(), 4);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_passed_over() {
        let mut queue = Queue::default();
        let (wanted, unwanted) = (Arc::new(()), Arc::new(()));
        for nth in 0..50 {
            queue.push(
                nth.to_string().into(),
                None,
                true,
                Arc::downgrade(&unwanted),
            );
        }
        let mut running = Vec::new();
        while let Some((ticket, _)) = queue.take() {
            running.push(ticket);
        }
        queue.push("last".into(), None, true, Arc::downgrade(&wanted));
        drop(unwanted);
        queue.finish(running.pop().expect("some run"), QUICK);
        let (_, job) = queue.take().expect("a place is free");
        assert!(job.ptr_eq(&Arc::downgrade(&wanted)));
    }

    #[test]
    fn clients_that_come_and_go_leave_nothing_waiting() {
        let mut queue = Queue::default();
        let wanted = Arc::new(());
        // All places are taken, and stay so.
        for nth in 0..READS {
            queue.push(
                format!("running {nth}").into(),
                None,
                true,
                Arc::downgrade(&wanted),
            );
        }
        while queue.take().is_some() {}
        queue.push("wanted".into(), None, true, Arc::downgrade(&wanted));
        for nth in 0..10_000 {
            let left = Arc::new(());
            queue.push(nth.to_string().into(), None, true, Arc::downgrade(&left));
        }
        let waiting = |queue: &Queue<_>| -> usize {
            let lines = queue.lines.iter();
            let accounts = lines.flat_map(|line: &Line<_>| line.payers.values());
            accounts.map(|of| of.waiting.len()).sum()
        };
        assert!(waiting(&queue) <= 2 * UNSWEPT, "{}", waiting(&queue));
        queue.sweep();
        assert!(waiting(&queue) <= 2 * READS, "{}", waiting(&queue));
        assert!(queue.lines[0].payers[&None].waiting.contains_key("wanted"));
    }

    #[test]
    fn nothing_is_kept_of_what_is_done() {
        let mut queue = Queue::default();
        for nth in 0..100 {
            queue.push(nth.to_string().into(), None, nth % 2 == 0, nth);
        }
        let mut done = 0;
        loop {
            let running = taken(&mut queue);
            if running.is_empty() {
                break;
            }
            for (ticket, _) in running {
                done += 1;
                queue.finish(ticket, QUICK);
            }
        }
        assert_eq!(done, 100);
        assert!(queue.lines.iter().all(|line| line.payers.is_empty()));
    }
}
