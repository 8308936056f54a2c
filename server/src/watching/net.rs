//! What one transaction did to the rows that a rule looks for.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use rowcast_engine::{
    record::{Key, Record},
    transaction::Side,
};
use smallvec::SmallVec;

use super::rule::Kind;

/// The most rows of one transaction that are told apart.
const MOST: usize = 1_000_000;

/// How many of them are named.
const NAMED: usize = 8;

/// How often each row stands among those that are looked for, after a transaction less before it.
///
/// Each statement took a row from one image to the next, so in the sum all cancel but the row as it
/// was before the transaction and as it is after it, in whatever order they come. Only hashes of keys
/// and values are held: that is bounded by the rows that a transaction changed, not by their size.
#[derive(Debug, Default)]
pub struct Net {
    rows: HashMap<u128, Balance>,
    named: Vec<(u128, Arc<Record>)>,
    is_beyond: bool,
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
    /// One of them.
    pub one: Option<Arc<Record>>,
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
    pub fn add(&mut self, key: u128, value: u128, side: Side, record: &Arc<Record>) {
        let weight = match side {
            Side::Old => -1,
            Side::New => 1,
        };
        if self.rows.len() >= MOST && !self.rows.contains_key(&key) {
            self.is_beyond = true;
            return;
        }
        let is_new = self.named.len() < NAMED && !self.rows.contains_key(&key);
        let balance = self.rows.entry(key).or_default();
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
            self.rows.remove(&key);
        }
        if is_new {
            self.named.push((key, Arc::clone(record)));
        }
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
        let rows = self.rows.values().filter(|balance| is_hit(balance)).count();
        let mut named = self.named.iter();
        let one = named.find(|(key, _)| self.rows.get(key).is_some_and(is_hit));
        (rows > 0).then(|| Outcome {
            rows: rows as u64,
            one: one.map(|(_, record)| Arc::clone(record)),
            is_beyond: self.is_beyond,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rowcast_engine::{
        datum::{Codec, Datum},
        schema::{Collation, ColumnSchema, Schema, TableId},
    };

    use super::*;

    fn record(id: i64) -> Arc<Record> {
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
        Record::new(&schema, vec![Datum::Int(id)])
    }

    fn rows(images: &[(u128, u128, Side)], kind: &Kind) -> u64 {
        let count = |images: &mut dyn Iterator<Item = &(u128, u128, Side)>| {
            let mut net = Net::default();
            for (key, value, side) in images {
                net.add(*key, *value, *side, &record(*key as i64));
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
        let mut net = Net::default();
        for (key, side) in [
            (1, Side::New),
            (1, Side::Old),
            (2, Side::Old),
            (3, Side::New),
        ] {
            net.add(key, 0, side, &record(key as i64));
        }
        let one = net
            .outcome(&Kind::Enters)
            .expect("a hit")
            .one
            .expect("a row");
        assert!(one.values()[0].same(&Datum::Int(3)));
    }
}
