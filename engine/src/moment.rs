//! Where in time a query's lists are, if its filter depends on that.

use crate::{predicate::Predicate, record::Record, schema::Schema, window::ReadTime};

/// A moment, and up to when the lists of it are those of later ones too.
///
/// `at < turns`: no row that the query has taken in is judged otherwise at any moment between
/// that of its rows' reading and `turns`, so rows may be judged at one of these as well as at
/// another.
#[derive(Debug)]
pub(crate) struct Moment {
    /// The filter, its moving times as they are at the moment.
    pub filter: Predicate,
    /// In microseconds since 1970.
    pub at: i64,
    /// When some row is judged otherwise first.
    pub turns: i64,
    /// Up to when what clients hold is exact, where time has changed it since.
    pub stale_after: Option<i64>,
}

impl Moment {
    /// Before any rows were read; `None` if the filter does not depend on the time.
    pub fn new(filter: &Predicate) -> Option<Box<Self>> {
        filter.moves().then(|| {
            Box::new(Self {
                filter: filter.clone(),
                at: i64::MIN,
                turns: i64::MAX,
                stale_after: None,
            })
        })
    }

    /// Goes to a moment, which may lie before this one only where rows are taken as they were
    /// read.
    pub fn set(&mut self, filter: &Predicate, schema: &Schema, at: i64) {
        if at >= self.turns {
            self.stale_after.get_or_insert(self.turns - 1);
        }
        if self.at != at {
            self.at = at;
            self.filter = filter.at(&schema.columns, at);
        }
    }

    /// Goes on to a moment, if it lies ahead.
    pub fn advance(&mut self, filter: &Predicate, schema: &Schema, to: i64) {
        self.set(filter, schema, self.at.max(to));
    }

    /// Takes in a row: it may turn sooner than all others. Returns whether it does.
    pub fn take_in(&mut self, filter: &Predicate, record: &Record) -> bool {
        let turns = filter.turns_after(record.values(), self.at);
        let sooner = turns.is_some_and(|turns| turns < self.turns);
        if sooner {
            self.turns = turns.unwrap_or(self.turns);
        }
        sooner
    }

    /// Time has made a difference at this moment: no rows of an earlier one can be told on.
    pub fn pass(&mut self, filter: &Predicate, schema: &Schema, at: i64) {
        self.stale_after.get_or_insert(at - 1);
        self.advance(filter, schema, at);
        self.turns = i64::MAX;
    }

    /// Whether rows that were read are still judged the same; then they are the lists' from
    /// here on. `whole`: no others are.
    pub fn meet(
        &mut self,
        filter: &Predicate,
        schema: &Schema,
        time: ReadTime,
        whole: bool,
    ) -> bool {
        let read = time.turns.unwrap_or(i64::MAX);
        let turns = if whole { read } else { read.min(self.turns) };
        self.advance(filter, schema, time.moment);
        if self.at >= turns {
            return false;
        }
        self.turns = turns;
        true
    }
}
