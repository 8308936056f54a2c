//! What one transaction did to the rows that a rule looks for.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use rowcast_engine::{record::Key, transaction::Side};
use smallvec::SmallVec;

use super::rule::Kind;

/// The most rows of one transaction that are told apart, of all rules together.
const MOST: usize = 250_000;

/// How many of them are named.
const NAMED: usize = 8;

/// How many more rows are told apart, by all that share it.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MOST)
    }
}

/// How often each row stands among those that are looked for, after a transaction less before it.
///
/// Each statement took a row from one image to the next, so in the sum all cancel but the row as it
/// was before the transaction and as it is after it, in whatever order they come. Only hashes of keys
/// and values are held: that is bounded by the rows that a transaction changed, not by their size.
#[derive(Debug, Default)]
pub struct Net {
    rows: HashMap<u128, Balance>,
    named: Vec<(u128, Key)>,
    /// Images of rows for which there was no room: as they were, and as they are.
    beyond: (u64, u64),
}

/// By the value that is looked at.
type Balance = SmallVec<[(u128, i32); 2]>;

/// Tells keys and values apart.
#[derive(Debug, Default)]
pub struct Hashes([RandomState; 2]);

/// What it came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How many rows.
    pub rows: u64,
    /// The key of one of them.
    pub one: Option<Key>,
    /// Whether there were more than were told apart.
    pub is_beyond: bool,
}

impl Hashes {
    /// Of a key.
    pub fn of_key(&self, key: &Key) -> u128 {
        self.of(key)
    }

    /// Of anything.
    pub fn of(&self, value: &impl std::hash::Hash) -> u128 {
        let [one, other] = &self.0;
        (u128::from(one.hash_one(value)) << 64) | u128::from(other.hash_one(value))
    }
}

impl Net {
    /// Takes in an image of a row that is looked for, with the hash of its key and of its value.
    pub fn add(&mut self, hash: u128, value: u128, side: Side, key: &Key, room: &mut Room) {
        let weight = match side {
            Side::Old => -1,
            Side::New => 1,
        };
        let is_known = self.rows.contains_key(&hash);
        if !is_known && room.0 == 0 {
            match side {
                Side::Old => self.beyond.0 += 1,
                Side::New => self.beyond.1 += 1,
            }
            return;
        }
        if !is_known {
            room.0 -= 1;
            if self.named.len() < NAMED {
                self.named.push((hash, key.clone()));
            }
        }
        let balance = self.rows.entry(hash).or_default();
        match balance.iter().position(|(known, _)| *known == value) {
            Some(at) => {
                balance[at].1 += weight;
                if balance[at].1 == 0 {
                    balance.swap_remove(at);
                }
            }
            None => balance.push((value, weight)),
        }
        if balance.is_empty() {
            self.rows.remove(&hash);
            room.0 += 1;
        }
    }

    /// Whether rows are among those looked for that the transaction wrote.
    pub fn has_new(&self) -> bool {
        let is_new = |balance: &Balance| balance.iter().any(|(_, weight)| *weight > 0);
        self.beyond.1 > 0 || self.rows.values().any(is_new)
    }

    /// What the transaction came to, for a rule of that kind; `None`: nothing.
    pub fn outcome(&self, kind: &Kind) -> Option<Outcome> {
        let is_hit = |balance: &Balance| {
            let total: i32 = balance.iter().map(|(_, weight)| weight).sum();
            match kind {
                Kind::Enters => total > 0,
                Kind::Leaves => total < 0,
                Kind::Changes(_) => total == 0 && !balance.is_empty(),
                Kind::Total(_) => false,
            }
        };
        let rows = self.rows.values().filter(|balance| is_hit(balance)).count() as u64;
        // Of those that could not be told apart no more did than this.
        let (old, new) = self.beyond;
        let beyond = match kind {
            Kind::Enters => new,
            Kind::Leaves => old,
            Kind::Changes(_) => old.saturating_add(new),
            Kind::Total(_) => 0,
        };
        let rows = rows.saturating_add(beyond);
        let mut named = self.named.iter();
        let one = named.find(|(hash, _)| self.rows.get(hash).is_some_and(is_hit));
        (rows > 0).then(|| Outcome {
            rows,
            one: one.map(|(_, key)| key.clone()),
            is_beyond: old > 0 || new > 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use rowcast_engine::{
        datum::{Codec, Datum},
        record::Record,
        schema::{Collation, ColumnSchema, Schema, TableId},
    };

    use super::*;

    fn key(id: i64) -> Key {
        let column = ColumnSchema {
            name: "id".into(),
            codec: Codec::Int8,
            collation: Collation::C,
        };
        let schema = Schema {
            table: TableId(1),
            columns: [column].into(),
            key: [0].into(),
        };
        Record::new(&schema, vec![Datum::Int(id)]).key().clone()
    }

    fn rows(images: &[(u128, u128, Side)], kind: &Kind) -> u64 {
        let count = |images: &mut dyn Iterator<Item = &(u128, u128, Side)>| {
            let (mut net, mut room) = (Net::default(), Room::default());
            for (hash, value, side) in images {
                net.add(*hash, *value, *side, &key(*hash as i64), &mut room);
            }
            net.outcome(kind).map_or(0, |outcome| outcome.rows)
        };
        let found = count(&mut images.iter());
        assert_eq!(
            found,
            count(&mut images.iter().rev()),
            "the order means nothing"
        );
        found
    }

    #[test]
    fn a_row_that_enters_and_leaves_again_did_neither() {
        use Side::{New, Old};
        let changes = Kind::Changes("x".to_owned());
        for (images, entered, left, changed) in [
            (&[(1, 0, New)][..], 1, 0, 0),
            (&[(1, 0, Old)], 0, 1, 0),
            (&[(1, 0, New), (1, 0, Old)], 0, 0, 0),
            (&[(1, 0, Old), (1, 5, New)], 0, 0, 1),
            (
                &[(1, 0, Old), (1, 5, New), (1, 5, Old), (1, 0, New)],
                0,
                0,
                0,
            ),
            (&[(1, 0, Old), (1, 5, New), (1, 5, Old)], 0, 1, 0),
            (&[(1, 0, New), (2, 0, New), (3, 0, Old)], 2, 1, 0),
        ] {
            assert_eq!(rows(images, &Kind::Enters), entered, "{images:?}");
            assert_eq!(rows(images, &Kind::Leaves), left, "{images:?}");
            assert_eq!(rows(images, &changes), changed, "{images:?}");
        }
    }

    #[test]
    fn one_is_named_that_is_a_hit() {
        let (mut net, mut room) = (Net::default(), Room::default());
        for (hash, side) in [
            (1, Side::New),
            (1, Side::Old),
            (2, Side::Old),
            (3, Side::New),
        ] {
            net.add(hash, 0, side, &key(hash as i64), &mut room);
        }
        let one = net
            .outcome(&Kind::Enters)
            .expect("a hit")
            .one
            .expect("a row");
        assert_eq!(one, key(3));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut room = Room(2);
        let (mut one, mut other) = (Net::default(), Net::default());
        for hash in 1..=2 {
            one.add(hash, 0, Side::New, &key(hash as i64), &mut room);
        }
        // All share the room.
        for hash in 3..=9 {
            other.add(hash, 0, Side::New, &key(hash as i64), &mut room);
        }
        let outcome = other.outcome(&Kind::Enters).expect("a hit");
        assert!(outcome.rows == 7 && outcome.is_beyond && outcome.one.is_none());
        assert!(other.outcome(&Kind::Leaves).is_none());
        let outcome = one.outcome(&Kind::Enters).expect("a hit");
        assert!(outcome.rows == 2 && !outcome.is_beyond);
        // What cancels gives its room back.
        one.add(1, 0, Side::Old, &key(1), &mut room);
        one.add(3, 0, Side::New, &key(3), &mut room);
        let outcome = one.outcome(&Kind::Enters).expect("a hit");
        assert!(outcome.rows == 2 && !outcome.is_beyond);
    }
}
