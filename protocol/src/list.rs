//! The list a client holds, and what a patch does to it.

use crate::{
    RowKey,
    message::{AggregateValue, Op, Patch, Row, Snapshot},
};

/// A client's copy of a query's rows.
///
/// After every [`List::apply`] it equals what the query's SQL returns at [`List::cursor`].
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// How many rows match the filter in all.
    pub total: u64,
    /// The query's aggregates.
    pub aggregates: Vec<AggregateValue>,
    /// The version that this is.
    pub cursor: String,
}

/// A patch that does not fit the list: one of the two is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The key of an update, move or remove is not in the list.
    #[error("the patch names a row that is not in the list")]
    UnknownKey,
    /// An insert's key is in the list already.
    #[error("the patch inserts a row that is in the list already")]
    KnownKey,
    /// An index past the list's end.
    #[error("the patch names an index past the list's end")]
    Index,
    /// A column past the row's end.
    #[error("the patch names a column that the row does not have")]
    Column,
    /// An aggregate that the list does not have.
    #[error("the patch names an aggregate that the list does not have")]
    Aggregate,
}

impl List {
    /// The list that a snapshot gives.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            rows: snapshot.rows,
            total: snapshot.total,
            aggregates: snapshot.aggregates,
            cursor: snapshot.cursor,
        }
    }

    /// Applies a patch whole. After an error the list is void: ask for a snapshot.
    pub fn apply(&mut self, patch: &Patch) -> Result<(), Misfit> {
        for op in &patch.ops {
            self.apply_op(op)?;
        }
        for (at, value) in &patch.aggregates {
            self.aggregates
                .get_mut(usize::from(*at))
                .ok_or(Misfit::Aggregate)?
                .value = value.clone();
        }
        self.total = patch.total;
        self.cursor.clone_from(&patch.cursor);
        Ok(())
    }

    fn apply_op(&mut self, op: &Op) -> Result<(), Misfit> {
        match op {
            Op::Insert { at, row } => {
                let at = *at as usize;
                if at > self.rows.len() {
                    return Err(Misfit::Index);
                }
                if self.position(&row.key).is_ok() {
                    return Err(Misfit::KnownKey);
                }
                self.rows.insert(at, row.clone());
            }
            Op::Update { key, cells } => {
                let at = self.position(key)?;
                for (column, cell) in cells {
                    *self.rows[at]
                        .cells
                        .get_mut(usize::from(*column))
                        .ok_or(Misfit::Column)? = cell.clone();
                }
            }
            Op::Move { key, to } => {
                let row = self.rows.remove(self.position(key)?);
                let to = *to as usize;
                if to > self.rows.len() {
                    return Err(Misfit::Index);
                }
                self.rows.insert(to, row);
            }
            Op::Remove { key } => {
                self.rows.remove(self.position(key)?);
            }
        }
        Ok(())
    }

    fn position(&self, key: &RowKey) -> Result<usize, Misfit> {
        self.rows
            .iter()
            .position(|row| row.key == *key)
            .ok_or(Misfit::UnknownKey)
    }
}
