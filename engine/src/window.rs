//! One window: the slice of a query that clients look at.

use std::sync::Arc;

use rowcast_protocol::{
    Cell, PgSnapshot, RowKey,
    message::{Op, Row},
};

use crate::{
    diff::{Step, diff},
    predicate_index::QueryId,
    record::Record,
    rows::{RowId, Rows},
    run::{Run, Side, Slice},
    schema::Schema,
    tally::{Aggregate, AggregatesRead, Tallies},
    transaction::TableChanges,
};

/// Names a window within the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub u32);

/// Names a request for rows within the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct RequestId(pub u64);

/// What defines a window of a query.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct WindowSpec {
    /// Which part of the result.
    pub slice: Slice,
    /// Positions of the columns that are shown, in the order shown.
    pub select: Arc<[usize]>,
    /// The figures over the whole result that are shown.
    pub aggregates: Arc<[Aggregate]>,
}

/// Which rows to read, of the query's result in its order, all at one version.
#[derive(Clone, Debug)]
pub enum RowsWanted {
    /// Rows by their places.
    Places {
        /// How many rows to skip.
        start: u64,
        /// How many to read at most.
        count: u64,
        /// Whether to count the whole result too, and to read its aggregates.
        total: bool,
    },
    /// Rows from this one's place on, itself included if it is still there.
    From {
        /// The row.
        anchor: Arc<Record>,
        /// How many to read at most.
        count: u64,
    },
    /// Rows up to this one's place, itself included if it is still there; given in the
    /// query's order.
    UpTo {
        /// The row.
        anchor: Arc<Record>,
        /// How many to read at most: the last ones.
        count: u64,
    },
}

impl RowsWanted {
    /// Whether the rows make a list by themselves: places and total are read along.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Places { total: true, .. })
    }
}

/// Rows that were read.
#[derive(Clone, Debug)]
pub struct RowsRead {
    /// The version that they are of.
    pub snapshot: PgSnapshot,
    /// The rows, in the query's order.
    pub rows: Vec<Arc<Record>>,
    /// How many rows the result has, where that was wanted.
    pub total: Option<u64>,
    /// Of which time they are, where the filter depends on that.
    pub time: Option<ReadTime>,
    /// The window's aggregates, where the total was wanted.
    pub aggregates: AggregatesRead,
}

/// Of which time rows are, in microseconds since 1970 by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadTime {
    /// The moment that the filter was asked for.
    pub moment: i64,
    /// The next moment at which the filter may judge otherwise of some row of that version.
    pub turns: Option<i64>,
}

/// A window's state.
#[derive(Debug)]
pub(crate) struct Window {
    pub query: QueryId,
    pub spec: WindowSpec,
    /// The rows around the slice; `None` until they are read, or read again.
    pub run: Option<Run>,
    /// The version of the run.
    pub version: Arc<PgSnapshot>,
    /// What clients hold.
    pub sent: Sent,
    /// The aggregates' values that clients hold.
    pub told: Box<[Cell]>,
    /// Since which version what clients hold is out of date, while it can't be brought up.
    pub stale_since: Option<Arc<PgSnapshot>>,
    /// When the newest change was logged that clients do not see yet.
    pub changed_at: i64,
    /// Rows that are being read.
    pub fetch: Option<Box<Fetch>>,
}

/// The list that clients hold.
#[derive(Debug)]
pub(crate) enum Sent {
    /// None yet.
    Nothing,
    /// What the run shows of the slice.
    Run,
    /// What the run showed before it could not be told.
    Kept(Box<List>),
}

/// A list; it holds its rows.
#[derive(Debug)]
pub(crate) struct List {
    pub rows: Vec<RowId>,
    pub total: u64,
}

/// A read under way, and what the log brought since it was asked for.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub request: RequestId,
    pub wanted: RowsWanted,
    pub held: Vec<Held>,
    pub held_images: usize,
    pub held_bytes: usize,
    /// Whether more came than is held, or something that images do not tell: the rows are
    /// then exact at their own version only.
    pub is_outrun: bool,
    pub arrived: Option<RowsRead>,
}

/// One read of the log, held back for rows that may or may not show it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub to: Arc<PgSnapshot>,
    pub changed_at: i64,
    pub changes: Arc<TableChanges>,
}

impl Window {
    /// The rows to read when the run has to be read anew.
    pub fn whole(&self, total: bool) -> RowsWanted {
        let Slice { offset, limit } = self.spec.slice;
        let margin = self.spec.slice.margin();
        let start = offset.saturating_sub(margin);
        RowsWanted::Places {
            start,
            count: offset - start + limit + margin,
            total,
        }
    }

    /// The rows to read so that the run covers the slice and its margins again.
    pub fn refill(&self, run: &Run, rows: &Rows) -> RowsWanted {
        let slice = self.spec.slice;
        let margin = slice.margin();
        let count = slice.limit + 2 * margin;
        let wanted = slice.within(run.total);
        let len = run.rows.len() as u64;
        if run.lost || len == 0 {
            return self.whole(false);
        }
        let front = run.before > wanted.start || run.thin(slice) == Some(Side::Front);
        if front {
            // Backwards from the last row that is still wanted.
            let last = (wanted.end + margin)
                .saturating_sub(run.before)
                .clamp(1, len);
            let end = run.before + last;
            let count = end.saturating_sub(wanted.start.saturating_sub(margin));
            if count <= 2 * (slice.limit + 2 * margin) {
                return RowsWanted::UpTo {
                    anchor: Arc::clone(rows.get(run.rows[last as usize - 1])),
                    count,
                };
            }
        } else {
            let first = wanted
                .start
                .saturating_sub(margin)
                .saturating_sub(run.before)
                .min(len - 1);
            let start = run.before + first;
            let needed = (wanted.end + margin).saturating_sub(start).max(count);
            if needed <= 2 * (slice.limit + 2 * margin) {
                return RowsWanted::From {
                    anchor: Arc::clone(rows.get(run.rows[first as usize])),
                    count: needed,
                };
            }
        }
        self.whole(false)
    }

    /// What clients hold; `None` before the first list.
    pub fn list(&self) -> Option<(&[RowId], u64)> {
        match (&self.sent, &self.run) {
            (Sent::Kept(list), _) => Some((&list.rows, list.total)),
            (Sent::Run, Some(run)) => Some((run.visible(self.spec.slice), run.total)),
            (Sent::Run, None) | (Sent::Nothing, _) => None,
        }
    }

    /// The tallies of rows that were read whole.
    pub fn tallies(&self, read: &RowsRead, schema: &Arc<Schema>) -> Option<Box<Tallies>> {
        let aggregates = &self.spec.aggregates;
        (!aggregates.is_empty() && read.total.is_some())
            .then(|| Box::new(Tallies::new(aggregates, schema, read.aggregates.clone())))
    }

    /// Takes the run's aggregates for told, and says which of them clients do not hold.
    pub fn tell(&mut self) -> Vec<(u16, Cell)> {
        let Some(tallies) = self.run.as_mut().and_then(|run| run.tallies.as_mut()) else {
            return Vec::new();
        };
        let values = tallies.values();
        if *values == *self.told {
            return Vec::new();
        }
        let told = std::mem::replace(&mut self.told, values.into());
        let values = self.told.iter().enumerate();
        values
            .filter(|(at, value)| told.get(*at) != Some(*value))
            .map(|(at, value)| (at as u16, value.clone()))
            .collect()
    }

    /// Keeps what clients hold apart from the run, which is about to become another.
    pub fn keep_list(&mut self, rows: &mut Rows) {
        if let (Sent::Run, Some((ids, total))) = (&self.sent, self.list()) {
            let ids = ids.to_vec();
            ids.iter().for_each(|id| rows.hold_again(*id));
            self.sent = Sent::Kept(Box::new(List { rows: ids, total }));
        }
    }

    /// Puts a run in the place of the one that there was, or none.
    pub fn set_run(&mut self, run: Option<Run>, rows: &mut Rows) {
        self.keep_list(rows);
        if let Some(run) = std::mem::replace(&mut self.run, run) {
            run.let_go(rows);
        }
    }

    /// Lets go of all rows that it holds.
    pub fn let_go(self, rows: &mut Rows) {
        if let Some(run) = self.run {
            run.let_go(rows);
        }
        if let Sent::Kept(list) = self.sent {
            list.let_go(rows);
        }
    }
}

impl List {
    pub fn let_go(self, rows: &mut Rows) {
        self.rows.into_iter().for_each(|id| rows.let_go(id));
    }
}

/// The steps from one list to another, as clients see them.
pub(crate) fn ops(old: &[RowId], new: &[RowId], select: &[usize], rows: &Rows) -> Vec<Op> {
    diff(old, new, rows)
        .iter()
        .filter_map(|step| op(step, select, rows))
        .collect()
}

/// A row as clients see it.
pub fn row(record: &Record, select: &[usize]) -> Row {
    Row {
        key: key(record),
        cells: select
            .iter()
            .map(|&column| record.values()[column].to_cell())
            .collect(),
    }
}

fn key(record: &Record) -> RowKey {
    RowKey(
        record
            .key()
            .values()
            .iter()
            .map(crate::datum::Datum::to_cell)
            .collect(),
    )
}

/// A step as clients see it; `None` if none of the columns shown changed.
fn op(step: &Step, select: &[usize], rows: &Rows) -> Option<Op> {
    Some(match step {
        Step::Remove(id) => Op::Remove {
            key: key(rows.get(*id)),
        },
        Step::Move(id, to) => Op::Move {
            key: key(rows.get(*id)),
            to: *to as u32,
        },
        Step::Insert(id, at) => Op::Insert {
            at: *at as u32,
            row: row(rows.get(*id), select),
        },
        Step::Update { old, new } => {
            let (old, new) = (rows.get(*old), rows.get(*new));
            let cells: Vec<(u16, Cell)> = select
                .iter()
                .enumerate()
                .map(|(at, &column)| (at, &old.values()[column], &new.values()[column]))
                .filter(|(_, old, new)| !old.same(new))
                .map(|(at, old, new)| (at, old.to_cell(), new.to_cell()))
                // Values may differ and look the same: 0 and -0, SQL's NULL and JSON's.
                .filter(|(_, old, new)| old != new)
                .map(|(at, _, new)| (at as u16, new))
                .collect();
            if cells.is_empty() {
                return None;
            }
            Op::Update {
                key: key(new),
                cells,
            }
        }
    })
}
