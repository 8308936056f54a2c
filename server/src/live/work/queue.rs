//! Which read is next.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rustc_hash::{FxHashMap, FxHashSet};

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

/// Reads that wait and run. Queries take turns, and each has one read running at the most, so
/// one of which much is wanted waits behind itself alone. What nobody wants any more is not
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

/// What has to be given back when a read is done.
#[derive(Debug)]
pub struct Ticket {
    line: usize,
    key: Key,
}

#[derive(Debug)]
struct Line<J> {
    kind: Kind,
    running: usize,
    /// Queries of which something waits and nothing runs in this line.
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
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        let line = |kind| Line {
            kind,
            running: 0,
            turns: VecDeque::new(),
            waiting: FxHashMap::default(),
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
    /// Adds a read of a query.
    pub fn push(&mut self, key: Key, is_first: bool, job: J) {
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
        if let Some(waiting) = line.waiting.get_mut(&key) {
            waiting.push_back(job);
        } else {
            line.waiting.insert(Arc::clone(&key), [job].into());
            line.turns.push_back(key);
        }
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
        let key = line.turns.pop_front()?;
        let job = line.waiting.get_mut(&key)?.pop_front()?;
        line.running += 1;
        self.count -= 1;
        Some((Ticket { line: at, key }, job))
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

    /// Frees a read's place: the next one of its query may have it.
    fn give_back(&mut self, ticket: Ticket) -> Key {
        let Ticket { line, key } = ticket;
        let line = &mut self.lines[line];
        line.running -= 1;
        if line.waiting.get(&key).is_some_and(VecDeque::is_empty) {
            line.waiting.remove(&key);
        } else {
            line.turns.push_back(Arc::clone(&key));
        }
        key
    }

    /// Drops what nobody wants any more. So that a read costs the same however many wait, it is
    /// done each time that their number has doubled.
    fn sweep(&mut self) {
        self.count = 0;
        for Line { turns, waiting, .. } in &mut self.lines {
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
        self.sweep_at = (2 * self.count).max(UNSWEPT);
    }
}

impl<J> Line<J> {
    fn can_start(&self) -> bool {
        !self.turns.is_empty() && self.running < self.kind.places()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            queue.push("greedy".into(), false, nth);
        }
        queue.push("modest".into(), false, 1000);
        let running = taken(&mut queue);
        let jobs: Vec<u32> = running.iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [0, 1000], "one read of each");
        for (ticket, _) in running {
            queue.finish(ticket, QUICK);
        }
        queue.push("modest".into(), false, 1001);
        let jobs: Vec<u32> = taken(&mut queue).iter().map(|(_, job)| *job).collect();
        assert_eq!(jobs, [1, 1001]);
    }

    #[test]
    fn neither_first_reads_nor_later_ones_take_every_place() {
        for is_first in [true, false] {
            let mut queue = Queue::default();
            for nth in 0..20 {
                queue.push(nth.to_string().into(), is_first, nth);
            }
            assert!(taken(&mut queue).len() < READS);
            queue.push("other".into(), !is_first, 1000);
            assert_eq!(taken(&mut queue).first().map(|(_, job)| *job), Some(1000));
        }
    }

    #[test]
    fn costly_queries_have_few_places_together() {
        let mut queue = Queue::default();
        for nth in 0..4 {
            queue.push(nth.to_string().into(), false, nth);
        }
        for (ticket, _) in taken(&mut queue) {
            queue.finish(ticket, COSTLY);
        }
        for nth in 0..4 {
            queue.push(nth.to_string().into(), false, nth);
        }
        let running = taken(&mut queue);
        assert_eq!(running.len(), Kind::Costly.places());
        queue.push("quick".into(), false, 1000);
        assert_eq!(taken(&mut queue).len(), 1);
        // One that is quick again is among the others again.
        for (ticket, _) in running {
            queue.finish(ticket, QUICK);
        }
        queue.push("0".into(), false, 5);
        queue.push("1".into(), false, 6);
        assert_eq!(taken(&mut queue).len(), 4);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_passed_over() {
        let mut queue = Queue::default();
        let (wanted, unwanted) = (Arc::new(()), Arc::new(()));
        for nth in 0..50 {
            queue.push(nth.to_string().into(), true, Arc::downgrade(&unwanted));
        }
        let mut running = Vec::new();
        while let Some((ticket, _)) = queue.take() {
            running.push(ticket);
        }
        queue.push("last".into(), true, Arc::downgrade(&wanted));
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
                true,
                Arc::downgrade(&wanted),
            );
        }
        while queue.take().is_some() {}
        queue.push("wanted".into(), true, Arc::downgrade(&wanted));
        for nth in 0..10_000 {
            let left = Arc::new(());
            queue.push(nth.to_string().into(), true, Arc::downgrade(&left));
        }
        let waiting = |queue: &Queue<_>| -> usize {
            let lines = queue.lines.iter();
            lines.map(|line: &Line<_>| line.waiting.len()).sum()
        };
        assert!(waiting(&queue) <= 2 * UNSWEPT, "{}", waiting(&queue));
        queue.sweep();
        assert!(waiting(&queue) <= 2 * READS, "{}", waiting(&queue));
        assert!(queue.lines[0].waiting.contains_key("wanted"));
    }

    #[test]
    fn nothing_is_kept_of_what_is_done() {
        let mut queue = Queue::default();
        for nth in 0..100 {
            queue.push(nth.to_string().into(), nth % 2 == 0, nth);
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
        assert!(queue.lines.iter().all(|line| line.waiting.is_empty()));
    }
}
