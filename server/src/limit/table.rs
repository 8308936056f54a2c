//! How much somebody has asked lately, for very many, in a room of a fixed size.
//!
//! Of each of the [kinds](Kind) it is kept until when what was asked is paid for, at the rate
//! that is allowed (the generic cell rate algorithm: a token bucket in one number). Whoever has
//! paid for all is as good as unknown, so to forget them costs nothing. A subject has a place in one
//! set of eight, by a hash that nobody outside can compute; where all eight are taken, the one that has
//! asked least is forgotten. So whoever comes by as many addresses as it takes to fill the table has
//! made some of them forgotten: addresses that many are many clients by any count.
//!
//! Libraries for this (governor) keep everybody until they are told not to.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Kind, Spent, Subject};

/// How much may come at once: what this time allows.
pub const BURST: Duration = Duration::from_secs(10);

const WAYS: usize = 8;

/// One subject, or nobody. 40 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The subject's hash; 0 for nobody.
    key: u64,
    /// Until when it has paid for each kind, in microseconds since the start.
    paid: [u64; 4],
}

/// A table of a fixed number of subjects.
#[derive(Debug)]
pub struct Table {
    sets: Box<[Mutex<[Slot; WAYS]>]>,
    hasher: RandomState,
}

impl Table {
    /// One for so many.
    pub fn new(subjects: usize) -> Self {
        let sets = (0..subjects.div_ceil(WAYS)).map(|_| Mutex::default());
        Self {
            sets: sets.collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one more, each of which takes `period`, `now` after the start: how much is used with
    /// it, of which what is beyond the [burst](BURST) has to be waited for.
    ///
    /// # Errors
    /// If that is more than `patience`.
    pub fn reserve(
        &self,
        subject: Subject,
        kind: Kind,
        now: Duration,
        period: Duration,
        patience: Duration,
    ) -> Result<Duration, Spent> {
        self.with(subject, |slot| {
            let now = micros(now);
            let paid = &mut slot.paid[kind as usize];
            let until = (*paid).max(now) + micros(period);
            let used = Duration::from_micros(until - now);
            let wait = used.saturating_sub(BURST);
            if wait > patience {
                return Err(Spent(wait));
            }
            *paid = until;
            Ok(used)
        })
    }

    /// Counts so much more that was taken elsewhere, but never so much that it takes longer to pay
    /// for than two bursts.
    pub fn add(&self, subject: Subject, kind: Kind, now: Duration, time: Duration) {
        self.with(subject, |slot| {
            let paid = &mut slot.paid[kind as usize];
            let now = micros(now);
            let most = now + micros(2 * BURST);
            *paid = (*paid).max((*paid).max(now).saturating_add(micros(time)).min(most));
        });
    }

    /// Whether one more would have to wait.
    pub fn is_spent(&self, subject: Subject, kind: Kind, now: Duration, period: Duration) -> bool {
        self.with(subject, |slot| {
            let paid = slot.paid[kind as usize].max(micros(now));
            paid + micros(period) > micros(now) + micros(BURST)
        })
    }

    fn with<T>(&self, subject: Subject, act: impl FnOnce(&mut Slot) -> T) -> T {
        let key = self.hasher.hash_one(subject).max(1);
        let set = &self.sets[(key % self.sets.len() as u64) as usize];
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|slot| slot.key == key);
        let place = known.unwrap_or_else(|| {
            let least = set
                .iter()
                .enumerate()
                .min_by_key(|(_, slot)| slot.paid.iter().max());
            let place = least.map_or(0, |(place, _)| place);
            set[place] = Slot {
                key,
                ..Slot::default()
            };
            place
        });
        act(&mut set[place])
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::AccountId, limit::Network};

    const SECOND: Duration = Duration::from_secs(1);

    fn somebody(number: u32) -> Subject {
        Subject::Network(Network::V4(number.to_be_bytes()))
    }

    fn take(table: &Table, subject: Subject, now: Duration) -> Result<Duration, Spent> {
        let used = table.reserve(subject, Kind::Read, now, SECOND, Duration::ZERO);
        used.map(|used| used.saturating_sub(BURST))
    }

    #[test]
    fn ten_seconds_worth_may_come_at_once_and_then_as_many_as_time_allows() {
        let table = Table::new(64);
        let me = somebody(1);
        for _ in 0..10 {
            assert!(!table.is_spent(me, Kind::Read, SECOND, SECOND));
            assert_eq!(take(&table, me, SECOND), Ok(Duration::ZERO));
        }
        assert!(table.is_spent(me, Kind::Read, SECOND, SECOND));
        assert_eq!(take(&table, me, SECOND), Err(Spent(SECOND)));
        assert_eq!(take(&table, me, SECOND * 3 / 2), Err(Spent(SECOND / 2)));
        // What is refused costs nothing.
        assert_eq!(take(&table, me, 2 * SECOND), Ok(Duration::ZERO));
        assert_eq!(take(&table, me, 2 * SECOND), Err(Spent(SECOND)));
        let later = 100 * SECOND;
        for _ in 0..10 {
            assert_eq!(take(&table, me, later), Ok(Duration::ZERO));
        }
        assert!(take(&table, me, later).is_err());
    }

    #[test]
    fn who_has_patience_waits_and_is_counted() {
        let table = Table::new(64);
        let me = Subject::Account(AccountId(1));
        let reserve = || {
            let used = table.reserve(me, Kind::Message, SECOND, SECOND, 2 * SECOND);
            used.map(|used| used.saturating_sub(BURST))
        };
        for _ in 0..10 {
            assert_eq!(reserve(), Ok(Duration::ZERO));
        }
        assert_eq!(reserve(), Ok(SECOND));
        assert_eq!(reserve(), Ok(2 * SECOND));
        assert_eq!(reserve(), Err(Spent(3 * SECOND)));
    }

    #[test]
    fn what_was_taken_elsewhere_counts_but_for_two_bursts_at_the_most() {
        let table = Table::new(64);
        let me = somebody(1);
        table.add(me, Kind::Read, SECOND, 4 * SECOND);
        for _ in 0..6 {
            assert_eq!(take(&table, me, SECOND), Ok(Duration::ZERO));
        }
        assert_eq!(take(&table, me, SECOND), Err(Spent(SECOND)));
        table.add(me, Kind::Read, SECOND, 1_000_000 * SECOND);
        assert_eq!(take(&table, me, SECOND), Err(Spent(11 * SECOND)));
        assert_eq!(take(&table, me, 12 * SECOND), Ok(Duration::ZERO));
        // Of another kind nothing was.
        assert!(!table.is_spent(me, Kind::Write, SECOND, SECOND));
    }

    #[test]
    fn whoever_has_asked_much_is_not_forgotten_for_those_who_ask_little() {
        // One set: all of them are in it.
        let table = Table::new(WAYS);
        let much = somebody(0);
        while take(&table, much, SECOND).is_ok() {}
        for number in 1..1000 {
            assert!(take(&table, somebody(number), SECOND).is_ok());
        }
        assert!(take(&table, much, SECOND).is_err());
    }

    #[test]
    fn a_place_has_forty_bytes() {
        assert_eq!(size_of::<Slot>(), 40);
        // With the lock of each set.
        assert!(size_of::<Mutex<[Slot; WAYS]>>() <= 328);
    }
}
