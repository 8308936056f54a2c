//! Several changes, all or none.

use std::sync::Arc;

use rowcast_protocol::{ApiError, Cell};
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::{Connection, PgConnection};

use super::{
    attempt::{Failure, Work},
    author::Author,
    change::{Change, ReadAs},
    key,
    noted::note_changes,
    object::Object,
    perform::perform,
    refusal::Refusal,
    set::{self, Written},
    statement::Guard,
    values::{Values, nothing_set, require_allowed, require_key, require_rows},
};
use crate::{
    database::{catalog::TableMeta, impersonation::take_on},
    error::too_large,
    permission::Action,
};

/// The most changes of one request.
pub const MOST: usize = 10_000;

/// One change as a client writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    op: Operation,
    key: Option<Vec<Box<RawValue>>>,
    row: Option<Object>,
    set: Option<Object>,
    expect: Option<Object>,
    #[serde(default)]
    restore: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Insert,
    Update,
    Delete,
}

impl Asked {
    /// The change that it is of this table.
    ///
    /// # Errors
    /// `invalid_json` if it lacks a member or has one that its operation does not take;
    /// `unknown_column`, `generated_column`, `invalid_key`, `not_editable`.
    pub fn bind(&self, table: &TableMeta) -> Result<Change, Refusal> {
        let expect = self.expect.clone().unwrap_or_default();
        match (self.op, &self.key, &self.row, &self.set) {
            (Operation::Insert, None, Some(row), None) if self.expect.is_none() => {
                require_rows(table)?;
                require_allowed(table, Action::Insert)?;
                Ok(Change::Insert {
                    row: match self.restore {
                        true => Values::bind_restored(table, row)?,
                        false => Values::bind_written(table, row)?,
                    },
                    restore: self.restore,
                })
            }
            (Operation::Update, Some(key), None, Some(set)) if !self.restore => {
                require_key(table)?;
                require_allowed(table, Action::Update)?;
                if set.0.is_empty() {
                    return Err(nothing_set());
                }
                Ok(Change::Update {
                    key: key::from_values(table, key.clone())?,
                    set: Values::bind_written(table, set)?,
                    expect: Values::bind(table, &expect)?,
                })
            }
            (Operation::Delete, Some(key), None, None) if !self.restore => {
                require_key(table)?;
                require_allowed(table, Action::Delete)?;
                Ok(Change::Delete {
                    key: key::from_values(table, key.clone())?,
                    expect: Values::bind(table, &expect)?,
                })
            }
            _ => Err(ApiError::new(
                "invalid_json",
                "a change has other members than its operation takes",
                "insert: row; update: key, set, expect; delete: key, expect",
            )
            .into()),
        }
    }
}

/// Changes that are made in one transaction, in their order.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Who makes them.
    pub author: &'a Author,
    /// What they are.
    pub changes: &'a [Asked],
    /// The most bytes of the rows that they write.
    pub bytes: u32,
}

impl Work for Batch<'_> {
    /// The rows that were written, in the order of the changes; `None` for one that was
    /// deleted.
    type Done = Written;

    async fn run(
        &self,
        connection: &mut PgConnection,
        table: &Arc<TableMeta>,
    ) -> Result<Self::Done, Failure> {
        let mut changes = Vec::with_capacity(self.changes.len());
        for (index, asked) in self.changes.iter().enumerate() {
            changes.push(asked.bind(table).map_err(|refusal| refusal.at(index))?);
        }
        let mut transaction = connection.begin().await.map_err(Failure::database)?;
        match self.noted(&mut transaction, table, &changes).await {
            Ok(rows) => {
                transaction.commit().await.map_err(|error| {
                    let written = changes.iter().flat_map(Change::written);
                    let written = Values::of_columns(written.flat_map(Values::positions));
                    Failure::about(error, vec![(written, ReadAs::Declared)])
                })?;
                Ok(rows)
            }
            Err(failure) => {
                transaction.rollback().await.map_err(Failure::database)?;
                Err(failure)
            }
        }
    }
}

impl Batch<'_> {
    /// Makes the changes, and writes the entry of the audit log about them.
    async fn noted(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        changes: &[Change],
    ) -> Result<Written, Failure> {
        take_on(connection, table)
            .await
            .map_err(Failure::database)?;
        let rows = self.all(connection, table, changes).await?;
        note_changes(connection, table, self.author, changes, &rows)
            .await
            .map_err(Failure::database)?;
        Ok(rows)
    }

    /// Makes changes of one shape together, and those that can't be in ever smaller parts: so
    /// the first one that fails is found.
    async fn all(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        changes: &[Change],
    ) -> Result<Written, Failure> {
        let mut rows = Vec::with_capacity(changes.len());
        let mut room = self.bytes as usize;
        // Parts that are still to be made, the first of them last.
        let mut parts = Vec::new();
        while rows.len() < changes.len() {
            let part = parts.pop().unwrap_or_else(|| {
                let length = set::run(table, &changes[rows.len()..]);
                rows.len()..rows.len() + length
            });
            let made = match part.len() {
                1 => Some(vec![
                    self.one(connection, table, changes, part.start).await?,
                ]),
                _ => {
                    let some = &changes[part.clone()];
                    self.together(connection, table, some, room).await?
                }
            };
            let Some(made) = made else {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
                continue;
            };
            let size: usize = made.iter().flatten().flatten().map(size).sum();
            room = room
                .checked_sub(size)
                .ok_or_else(|| Failure::Refused(too_large().into()))?;
            rows.extend(made);
        }
        Ok(rows)
    }

    async fn one(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        changes: &[Change],
        index: usize,
    ) -> Result<Option<Vec<Cell>>, Failure> {
        let change = &changes[index];
        perform(connection, table, self.author, change, Guard::None)
            .await
            .map_err(|error| Failure::about(error, change.values()))
            .and_then(|outcome| Ok(outcome.into_row(table)?))
            .map_err(|failure| failure.at(index))
    }

    /// `None` if it has to be done in smaller parts; then nothing is done.
    async fn together(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        changes: &[Change],
        room: usize,
    ) -> Result<Option<Written>, Failure> {
        let mut savepoint = connection.begin().await.map_err(Failure::database)?;
        match set::make(&mut savepoint, table, self.author, changes, room).await {
            Ok(Some(rows)) => {
                savepoint.commit().await.map_err(Failure::database)?;
                return Ok(Some(rows));
            }
            Ok(None) => {}
            Err(Failure::Database { error, .. }) if set::may_be_of_one(&error) => {}
            Err(failure) => return Err(failure),
        }
        savepoint.rollback().await.map_err(Failure::database)?;
        Ok(None)
    }
}

/// Refuses more changes than one request may make.
///
/// # Errors
/// `too_many_changes`.
pub fn require_few(changes: &[Asked]) -> Result<(), ApiError> {
    if changes.len() <= MOST {
        return Ok(());
    }
    Err(ApiError::new(
        "too_many_changes",
        format!("{} changes are too many for one request", changes.len()),
        format!("at most {MOST}"),
    ))
}

/// About how many bytes a cell takes.
pub fn size(cell: &Cell) -> usize {
    const FIXED: usize = 24;
    match cell {
        Cell::Null | Cell::Bool(_) => FIXED,
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => FIXED + text.len(),
    }
}
