//! Several changes, all or none.

use std::sync::Arc;

use rowcast_protocol::{ApiError, Cell};
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::{Connection, PgConnection};

use super::{
    author::Author,
    change::Change,
    explain::{self, is_passing, is_stale},
    key,
    object::Object,
    perform::perform,
    refusal::Refusal,
    values::{Values, nothing_set, require_key, require_rows},
    writer::Writer,
};
use crate::{database::catalog::TableMeta, state::AppState};

/// The most changes of one request.
pub const MOST: usize = 10_000;

/// How often a batch is tried.
const ATTEMPTS: usize = 3;

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
                Ok(Change::Insert {
                    row: Values::bind_written(table, row, self.restore)?,
                    restore: self.restore,
                })
            }
            (Operation::Update, Some(key), None, Some(set)) if !self.restore => {
                require_key(table)?;
                if set.0.is_empty() {
                    return Err(nothing_set());
                }
                Ok(Change::Update {
                    key: key::from_values(table, key.clone())?,
                    set: Values::bind_written(table, set, false)?,
                    expect: Values::bind(table, &expect)?,
                })
            }
            (Operation::Delete, Some(key), None, None) if !self.restore => {
                require_key(table)?;
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

/// Rows that were written, in the order of the changes; `None` for one that was deleted.
pub type Rows = Vec<Option<Vec<Cell>>>;

/// Makes the changes in one transaction, in their order.
///
/// # Errors
/// As for one change, with the index of the one that failed, which a constraint that is
/// checked at the end does not have; `too_many_changes`; `too_large` if the rows are more than
/// the server holds of one list.
pub async fn write(
    state: &AppState,
    table: &str,
    author: &Author,
    asked: &[Asked],
) -> Result<(Arc<TableMeta>, Rows), Refusal> {
    if asked.len() > MOST {
        return Err(ApiError::new(
            "too_many_changes",
            format!("{} changes are too many for one request", asked.len()),
            format!("at most {MOST}"),
        )
        .into());
    }
    let mut attempt = 1;
    loop {
        let meta = state.catalog.table(table).await?;
        let mut changes = Vec::with_capacity(asked.len());
        for (index, asked) in asked.iter().enumerate() {
            changes.push(asked.bind(&meta).map_err(|refusal| refusal.at(index))?);
        }
        let mut writer = Writer::acquire(&state.writers).await?;
        let connection = writer.connection();
        let outcome = match all(connection, &meta, author, &changes, state.list_bytes).await {
            Ok(rows) => Some(Ok(rows)),
            Err(Failure::Refused(refusal)) => Some(Err(refusal)),
            Err(Failure::Database { error, .. })
                if attempt < ATTEMPTS && (is_passing(&error) || is_stale(&error)) =>
            {
                None
            }
            Err(Failure::Database { error, index }) => {
                let values = index.map(|index| changes[index].values());
                let values = values.unwrap_or_default();
                let refusal = explain::refusal(connection, &meta, &values, &error).await;
                Some(Err(match index {
                    Some(index) => refusal.at(index),
                    None => refusal,
                }))
            }
        };
        writer.finish();
        if let Some(outcome) = outcome {
            return Ok((meta, outcome?));
        }
        attempt += 1;
    }
}

enum Failure {
    Refused(Refusal),
    Database {
        error: sqlx::Error,
        /// Which change it was; `None` at the end of them all.
        index: Option<usize>,
    },
}

/// Makes the changes, or leaves the connection as it was.
async fn all(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    changes: &[Change],
    bytes: u32,
) -> Result<Rows, Failure> {
    let failed = |index| move |error| Failure::Database { error, index };
    let mut transaction = connection.begin().await.map_err(failed(None))?;
    let mut rows = Vec::with_capacity(changes.len());
    let mut held = 0_usize;
    for (index, change) in changes.iter().enumerate() {
        let made = match perform(&mut transaction, table, author, change).await {
            Ok(outcome) => outcome
                .into_row(table)
                .map_err(|refusal| Failure::Refused(refusal.at(index))),
            Err(error) => Err(Failure::Database {
                error,
                index: Some(index),
            }),
        };
        let made = made.and_then(|row| {
            held += row.iter().flatten().map(size).sum::<usize>();
            if held > bytes as usize {
                return Err(Failure::Refused(crate::error::too_large().into()));
            }
            Ok(row)
        });
        match made {
            Ok(row) => rows.push(row),
            Err(failure) => {
                let undone = transaction.rollback().await;
                return Err(match undone {
                    Ok(()) => failure,
                    Err(error) => Failure::Database { error, index: None },
                });
            }
        }
    }
    transaction.commit().await.map_err(failed(None))?;
    Ok(rows)
}

/// About how many bytes a cell takes.
fn size(cell: &Cell) -> usize {
    const FIXED: usize = 24;
    match cell {
        Cell::Null | Cell::Bool(_) => FIXED,
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => FIXED + text.len(),
    }
}
