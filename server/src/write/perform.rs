//! Making one change.

use rowcast_protocol::{ApiError, Cell};
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::{
    author::Author,
    change::Change,
    refusal::{About, Refusal},
    row::write_row,
    statement::{self, Guard},
    values::{Values, secured},
};
use crate::{
    database::catalog::TableMeta,
    error::internal,
    query::read::{catalog_changed, decode_row},
    traces,
};

/// What came of a change.
#[derive(Debug)]
pub enum Outcome {
    /// It was made; this is the row now.
    Written(Vec<Cell>),
    /// It was made; there is no such row any more.
    Deleted,
    /// There is no row of that key.
    Unknown,
    /// The row is not as it was expected to be.
    Conflict {
        /// How it is now.
        row: Vec<Cell>,
        /// Positions of the columns that hold something else.
        changed: Vec<usize>,
    },
    /// The table is not any more as it is known; nothing was done.
    Altered,
    /// The row is as expected, and yet it was not changed, or not inserted.
    Kept {
        /// Whether row-level security may be why.
        secured: bool,
    },
}

/// Makes the change, and where it was not made finds out why.
///
/// # Errors
/// The database's.
pub async fn perform(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    change: &Change,
    guard: Guard,
) -> Result<Outcome, sqlx::Error> {
    let mut span = traces::begin("write a row");
    if span.is_recorded() {
        span.say("db.system.name", "postgresql");
        span.say("rowcast.table", table.table.path());
    }
    let rows = statement::change(table, author, change, guard)
        .rows(connection)
        .await?;
    drop(span);
    if rows.is_empty() && guard == Guard::Unaltered && is_altered(connection, table).await? {
        return Ok(Outcome::Altered);
    }
    match (change, rows.first()) {
        (Change::Delete { .. }, Some(_)) => Ok(Outcome::Deleted),
        (_, Some(row)) => Ok(Outcome::Written(cells(row, table)?)),
        (Change::Insert { .. }, None) => Ok(Outcome::Kept { secured: false }),
        (Change::Update { key, expect, .. } | Change::Delete { key, expect }, None) => {
            look(connection, table, key, expect).await
        }
    }
}

async fn is_altered(connection: &mut PgConnection, table: &TableMeta) -> Result<bool, sqlx::Error> {
    let sql = format!("SELECT {}::text", table.fingerprint_sql());
    let row = sqlx::query(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<Option<&str>, _>(0)? != Some(&table.fingerprint))
}

async fn look(
    connection: &mut PgConnection,
    table: &TableMeta,
    key: &Values,
    expect: &Values,
) -> Result<Outcome, sqlx::Error> {
    let rows = statement::look(table, key, expect).rows(connection).await?;
    let Some(row) = rows.first() else {
        return Ok(Outcome::Unknown);
    };
    let holds: Vec<bool> = row.try_get(1)?;
    let changed: Vec<usize> = expect
        .positions()
        .zip(holds)
        .filter(|(_, holds)| !holds)
        .map(|(at, _)| at)
        .collect();
    if changed.is_empty() {
        let secured = row.try_get(2)?;
        return Ok(Outcome::Kept { secured });
    }
    let row = cells(row, table)?;
    Ok(Outcome::Conflict { row, changed })
}

/// The cells of a row whose image is the first column.
pub fn cells(row: &PgRow, table: &TableMeta) -> Result<Vec<Cell>, sqlx::Error> {
    let datums = decode_row(row.try_get(0)?, table)?;
    Ok(datums.iter().map(|datum| datum.to_cell()).collect())
}

impl Outcome {
    /// The row that was written, `None` if it was deleted.
    ///
    /// # Errors
    /// `unknown_row`, `conflict`, `not_editable`, `refused`, `catalog_changed`.
    pub fn into_row(self, table: &TableMeta) -> Result<Option<Vec<Cell>>, Refusal> {
        match self {
            Self::Written(row) => Ok(Some(row)),
            Self::Deleted => Ok(None),
            Self::Unknown => Err(ApiError::new(
                "unknown_row",
                format!("{} has no row of that key", table.table.path()),
                "it may have been deleted meanwhile",
            )
            .into()),
            Self::Conflict { row, changed } => Err(conflict(table, &row, &changed)),
            Self::Altered => Err(catalog_changed().into()),
            Self::Kept { secured: true } => Err(secured(
                table,
                "the table's row-level security does not allow it for this row",
            )),
            Self::Kept { secured: false } => Err(ApiError::new(
                "refused",
                "a trigger of the table left everything as it was",
                "",
            )
            .into()),
        }
    }
}

fn conflict(table: &TableMeta, row: &[Cell], changed: &[usize]) -> Refusal {
    let mut json = Vec::new();
    write_row(table, row, &mut json);
    let json = String::from_utf8_lossy(&json).into_owned();
    let Ok(row) = RawValue::from_string(json) else {
        return internal().into();
    };
    let changed = changed.iter().map(|at| table.columns[*at].name.clone());
    Refusal::new(
        ApiError::new(
            "conflict",
            "the row has been changed meanwhile",
            "\"row\" is how it is now; send what it holds as \"expect\" to write over it",
        ),
        About {
            row: Some(row),
            changed: changed.collect(),
            ..About::default()
        },
    )
}
