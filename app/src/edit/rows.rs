//! Rows as a whole, whichever of their columns are shown, and whether they are loaded or not.

use std::collections::HashMap;

use leptos::prelude::*;
use rowcast_protocol::{
    Cell, RowKey,
    query::{Filter, MAX_TESTS, MAX_TEXT, Operator, Query, Test},
};

use super::{api, change::Values, session::Session};

/// How many rows are asked for at once, and how long the question may become, with room for
/// what else is in it and for escapes.
const AT_ONCE: usize = 200;
const TEXT_AT_ONCE: usize = MAX_TEXT / 4;

/// What the reader sees of some rows.
pub struct Sight {
    table: String,
    /// The table's key.
    columns: Vec<String>,
    /// The rows' keys, and what is seen of each.
    rows: Vec<(RowKey, Values)>,
    /// Those of which something is not seen.
    missing: Vec<RowKey>,
}

impl Sight {
    /// As it is now.
    pub fn of(session: Session, keys: &[RowKey]) -> Self {
        let rows: Vec<_> = keys
            .iter()
            .map(|key| (key.clone(), seen(session, key)))
            .collect();
        let (columns, missing) = session.view.table.with_value(|table| {
            let is_missing = |values: &Values| {
                let mut columns = table.columns.iter();
                columns.any(|column| !values.contains_key(&column.name))
            };
            let missing = rows.iter().filter(|(_, values)| is_missing(values));
            let missing = missing.map(|(key, _)| key.clone()).collect();
            (table.key.clone(), missing)
        });
        Self {
            table: session.table(),
            columns,
            rows,
            missing,
        }
    }

    /// The rows' values as they are seen; what isn't seen, as the database has it now. Says
    /// why, if a row is no longer there.
    pub async fn whole(self) -> Result<Vec<Values>, String> {
        let mut read = read_all(&self.table, &self.columns, &self.missing).await?;
        let rows = self.rows.into_iter().map(|(key, seen)| {
            let mut values = read.remove(&key).unwrap_or_default();
            values.extend(seen);
            values
        });
        Ok(rows.collect())
    }
}

/// What the reader sees of a row: nothing, if it isn't loaded.
fn seen(session: Session, key: &RowKey) -> Values {
    let row = session.grid.row(key);
    row.map(|row| session.values(&row)).unwrap_or_default()
}

/// A row as the database has it now.
pub async fn read(session: Session, key: &RowKey) -> Result<Values, String> {
    let columns = session.view.table.with_value(|table| table.key.clone());
    let mut rows = read_all(&session.table(), &columns, std::slice::from_ref(key)).await?;
    rows.remove(key).ok_or_else(gone)
}

/// What a row is followed by: the query that has it alone.
pub fn query_of(session: Session, key: &RowKey) -> String {
    let columns = session.view.table.with_value(|table| table.key.clone());
    query(&columns, std::slice::from_ref(key)).to_query_string()
}

fn query(columns: &[String], keys: &[RowKey]) -> Query {
    Query {
        filter: vec![any_of(columns, keys)],
        limit: u32::try_from(keys.len()).unwrap_or(u32::MAX),
        ..Query::default()
    }
}

/// Rows as the database has them now. Says why, if one is no longer there.
/// Nothing of the page is needed: it may be left meanwhile.
async fn read_all(
    table: &str,
    columns: &[String],
    keys: &[RowKey],
) -> Result<HashMap<RowKey, Values>, String> {
    let mut rows = HashMap::with_capacity(keys.len());
    let mut rest = keys;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(how_many(rest, columns.len()));
        rest = others;
        let found = api::rows(table, &query(columns, some).to_query_string()).await;
        let snapshot = found.map_err(|refusal| refusal.text())?;
        if snapshot.rows.len() < some.len() {
            return Err(gone());
        }
        for row in snapshot.rows {
            let names = snapshot.columns.iter().map(|column| column.name.clone());
            rows.insert(row.key, names.zip(row.cells).collect());
        }
    }
    Ok(rows)
}

fn gone() -> String {
    "The row has been deleted meanwhile.".to_owned()
}

/// How many of these keys one question names.
fn how_many(keys: &[RowKey], columns: usize) -> usize {
    let most = match columns {
        0 | 1 => AT_ONCE,
        several => MAX_TESTS / several,
    };
    let mut length = 0;
    let fits = keys.iter().take(most.max(1)).take_while(|key| {
        length += key.0.iter().map(|cell| text(cell).len() + 8).sum::<usize>();
        length <= TEXT_AT_ONCE
    });
    fits.count().max(1)
}

/// The filter that lets through the rows of these keys.
fn any_of(columns: &[String], keys: &[RowKey]) -> Filter {
    if let [column] = columns {
        let values = keys.iter().flat_map(|key| key.0.iter().map(text));
        return Filter::Test(Test {
            column: column.clone(),
            negated: false,
            operator: Operator::In(values.collect()),
        });
    }
    let row = |key: &RowKey| Filter::And {
        negated: false,
        of: columns
            .iter()
            .zip(key.0.iter())
            .map(|(column, cell)| {
                Filter::Test(Test {
                    column: column.clone(),
                    negated: false,
                    operator: Operator::Eq(text(cell)),
                })
            })
            .collect(),
    };
    Filter::Or {
        negated: false,
        of: keys.iter().map(row).collect(),
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_string(),
        other => other.to_json(),
    }
}
