//! The rows of a table that somebody sees, by their addresses.

use std::sync::Arc;

use rowcast_protocol::{
    ApiError, Cell, RowKey,
    query::{Filter, Operator, Query, Selected, Test},
};
use sqlx::PgPool;

use super::{participant, unknown_row};
use crate::{
    database::{catalog::TableMeta, readers::Readers},
    error::{read_error, unknown_table},
    history::address::key_values,
    permission::Seen,
    query::list,
    write::key::encode_segment,
};

/// The longest address of a row that is written about, in bytes.
pub(super) const LONGEST: usize = 1000;

/// How often the rows are read again because their table was altered in the midst of it.
const ATTEMPTS: usize = 3;

/// A row that somebody sees, about which there may be comments.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its table, as they see it.
    pub table: Arc<TableMeta>,
    /// Its address within the table, with the values that the row has.
    pub key: String,
    /// Those values.
    values: Vec<String>,
}

impl Thread {
    /// The row of that address.
    ///
    /// # Errors
    /// `unknown_table`, `no_comments`, `invalid_key`, `unknown_row`; those of a read.
    pub async fn find(seen: Seen<'_>, table: &str, key: &str) -> Result<Self, ApiError> {
        let table = seen.table(table).await?;
        Self::of(seen, table, key).await
    }

    /// The row of that address in a table, as it is seen.
    ///
    /// # Errors
    /// As [`Thread::find`].
    pub async fn of(seen: Seen<'_>, table: Arc<TableMeta>, key: &str) -> Result<Self, ApiError> {
        let readers = reading(seen)?;
        let rows = rows(seen, readers, &table, &[key.to_owned()]).await?;
        let Some(row) = rows.into_iter().next() else {
            return Err(unknown_row(&table.table.path()));
        };
        Ok(Self {
            key: row.address,
            values: row.values,
            table,
        })
    }

    /// Its values as they are seen, by column: as text, and none where there is none.
    ///
    /// # Errors
    /// `unknown_row`; those of a read.
    pub async fn row(&self, seen: Seen<'_>) -> Result<Vec<(String, Option<String>)>, ApiError> {
        let readers = reading(seen)?;
        let query = Query {
            limit: 1,
            filter: vec![any_of(&self.table.table.key, vec![self.values.clone()])],
            ..Query::default()
        };
        let table = Arc::clone(&self.table);
        let (_, list) = list::of_table(seen, readers, 0, table, query).await?;
        let Some(row) = list.rows.into_iter().next() else {
            return Err(unknown_row(&self.table.table.path()));
        };
        let named = list.columns.into_iter().zip(row.cells);
        let text = |cell| match cell {
            Cell::Null => None,
            Cell::Text(text) => Some(text.to_string()),
            other => Some(other.to_json()),
        };
        Ok(named
            .map(|(column, cell)| (column.name, text(cell)))
            .collect())
    }

    /// Its key, by column.
    pub fn named_key(&self) -> Vec<(String, String)> {
        let columns = self.table.table.key.iter().cloned();
        columns.zip(self.values.iter().cloned()).collect()
    }

    /// What it is called where it is told of.
    pub fn name(&self) -> String {
        format!("{} {}", self.table.table.path(), self.values.join(","))
    }

    /// Where it is read.
    pub fn page(&self) -> String {
        let table = encode_segment(&self.table.table.path());
        format!("/comments/{table}/{}", self.key)
    }
}

/// By what it is read who sees a row.
pub(super) fn reading(seen: Seen<'_>) -> Result<&Readers, ApiError> {
    let (readers, _) = connections(seen)?;
    Ok(readers)
}

fn connections(seen: Seen<'_>) -> Result<(&Readers, &PgPool), ApiError> {
    participant(seen.identity())?;
    seen.about_rows()
        .ok_or_else(|| unknown_table("rowcast.comment"))
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its key as addresses have it.
    pub address: String,
    values: Vec<String>,
}

/// Those of the rows of these addresses that are seen.
///
/// # Errors
/// `no_comments`, `invalid_key`; those of a read.
pub(super) async fn rows(
    seen: Seen<'_>,
    readers: &Readers,
    table: &Arc<TableMeta>,
    keys: &[String],
) -> Result<Vec<Found>, ApiError> {
    require_thread(table)?;
    let mut addressed = Vec::with_capacity(keys.len());
    for key in keys {
        let values = key_values(key, table.key.len())?;
        if values.len() != table.key.len() || key.len() > LONGEST {
            return Err(invalid_key(table));
        }
        addressed.push(values);
    }
    if addressed.is_empty() {
        return Ok(Vec::new());
    }
    let columns = &table.table.key;
    let query = Query {
        limit: u32::try_from(addressed.len()).unwrap_or(1),
        filter: vec![any_of(columns, addressed)],
        select: Some(columns.iter().cloned().map(Selected::Column).collect()),
        ..Query::default()
    };
    let mut table = Arc::clone(table);
    let mut attempt = 1;
    let list = loop {
        match list::of_table(seen, readers, 0, Arc::clone(&table), query.clone()).await {
            Ok((_, list)) => break list,
            Err(error) if error.code == "catalog_changed" && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
        let now = seen.catalog().by_oid(table.oid).await?;
        table = seen.known(now, &table.table.path()).await?;
        // Another key makes another address of the row.
        if table.table.key != *columns {
            return Ok(Vec::new());
        }
    };
    let found = list.rows.into_iter().map(|row| Found::of(&row.key));
    Ok(found
        .filter(|found| found.address.len() <= LONGEST)
        .collect())
}

impl Found {
    fn of(key: &RowKey) -> Self {
        let text = |cell: &Cell| match cell {
            Cell::Text(text) => text.to_string(),
            other => other.to_json(),
        };
        let values: Vec<String> = key.0.iter().map(text).collect();
        let parts: Vec<String> = values.iter().map(|value| encode_segment(value)).collect();
        Self {
            address: parts.join(","),
            values,
        }
    }
}

fn require_thread(table: &TableMeta) -> Result<(), ApiError> {
    if table.table.may.comment {
        return Ok(());
    }
    Err(ApiError::new(
        "no_comments",
        format!(
            "{} is no table whose rows are commented on",
            table.table.path()
        ),
        "comments are about rows of tables with a key; of a part, name the table that it is a part of",
    ))
}

/// The condition on a row that its key is one of these.
fn any_of(columns: &[String], mut keys: Vec<Vec<String>>) -> Filter {
    let test = |column: &String, operator| {
        Filter::Test(Test {
            column: column.clone(),
            negated: false,
            operator,
        })
    };
    if let [column] = columns {
        let mut values: Vec<String> = keys.into_iter().flatten().collect();
        return match values.len() {
            1 => test(column, Operator::Eq(values.swap_remove(0))),
            _ => test(column, Operator::In(values)),
        };
    }
    let one = |values: Vec<String>| {
        let equal = columns.iter().zip(values);
        Filter::And {
            negated: false,
            of: equal
                .map(|(column, value)| test(column, Operator::Eq(value)))
                .collect(),
        }
    };
    match keys.len() {
        1 => one(keys.swap_remove(0)),
        _ => Filter::Or {
            negated: false,
            of: keys.into_iter().map(one).collect(),
        },
    }
}

/// The number that a table has among those with comments; where it has none it gets one if it `is_to_have`
/// one, and stays without otherwise.
///
/// # Errors
/// Those of a read.
pub(super) async fn number(
    seen: Seen<'_>,
    table: u32,
    is_to_have: bool,
) -> Result<Option<i32>, ApiError> {
    let (readers, pool) = connections(seen)?;
    let failed = |error| read_error(&error, "rowcast.comment_table");
    let known = sqlx::query_scalar(
        "SELECT t.id FROM rowcast.comment_table t WHERE t.relation = $1::int8::oid::regclass",
    )
    .bind(i64::from(table))
    .fetch_optional(readers.ours())
    .await
    .map_err(failed)?;
    if known.is_some() || !is_to_have {
        return Ok(known);
    }
    sqlx::query_scalar("SELECT rowcast.comment_table($1::int8::oid)")
        .bind(i64::from(table))
        .fetch_one(pool)
        .await
        .map_err(failed)
}

fn invalid_key(table: &TableMeta) -> ApiError {
    ApiError::new(
        "invalid_key",
        format!("that is no key of a row of {}", table.table.path()),
        "a key's values are separated by commas, each percent-encoded",
    )
}
