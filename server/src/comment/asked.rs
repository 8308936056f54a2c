//! Which rows a query asks for the comments of.

use std::{collections::BTreeSet, sync::Arc};

use rowcast_protocol::{
    ApiError,
    query::{Filter, Operator, Query, Test},
};

use super::{
    guard::Guard,
    thread::{LONGEST, number, reading, rows},
    unknown_row,
};
use crate::{
    database::{catalog::TableMeta, readers::Readers},
    permission::Seen,
};

/// The most rows that one query asks for.
pub const MAX_KEYS: usize = 500;

/// What a query names: a table, and rows of it by their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    table: String,
    keys: Vec<String>,
    /// It asks for one row, which then has to be there.
    is_one: bool,
}

impl Asked {
    /// Takes out of a query what it names.
    fn take(query: &mut Query) -> Result<Self, ApiError> {
        let table = take(query, "table").and_then(|operator| match operator {
            Operator::Eq(table) => Some(table),
            _ => None,
        });
        let keys = take(query, "key").and_then(|operator| match operator {
            Operator::Eq(key) => Some((vec![key], true)),
            Operator::In(mut keys) if keys.len() <= MAX_KEYS => {
                // Nothing is written about rows with longer ones: they say nothing of the others.
                keys.retain(|key| key.len() <= LONGEST);
                Some((keys, false))
            }
            _ => None,
        });
        let (Some(table), Some((keys, is_one))) = (table, keys) else {
            return Err(ApiError::new(
                "invalid_rows_named",
                "comments are read of rows that are named",
                format!(
                    "table=eq.orders&key=eq.7, or key=in.(7,8) with at most {MAX_KEYS} rows: \
                     a key as the row's address has it"
                ),
            ));
        };
        Ok(Self {
            table,
            keys,
            is_one,
        })
    }

    /// The table as the catalog numbers it, and the addresses of those of its rows that are seen.
    pub(super) async fn seen(&self, seen: Seen<'_>) -> Result<(u32, BTreeSet<String>), ApiError> {
        let readers = reading(seen)?;
        let table = seen.table(&self.table).await?;
        let found = found(seen, readers, &table, &self.keys).await?;
        if self.is_one && found.is_empty() {
            return Err(unknown_row(&table.table.path()));
        }
        Ok((table.oid, found))
    }
}

async fn found(
    seen: Seen<'_>,
    readers: &Readers,
    table: &Arc<TableMeta>,
    keys: &[String],
) -> Result<BTreeSet<String>, ApiError> {
    let found = rows(seen, readers, table, keys).await?;
    Ok(found.into_iter().map(|row| row.address).collect())
}

/// Takes out the first condition that every row has to meet of the column of that name.
fn take(query: &mut Query, name: &str) -> Option<Operator> {
    let is_it = |filter: &Filter| matches!(filter, Filter::Test(test) if test.column == name && !test.negated);
    let at = query.filter.iter().position(is_it)?;
    match query.filter.remove(at) {
        Filter::Test(test) => Some(test.operator),
        _ => None,
    }
}

/// Makes of a query for comments the one for those about the rows that it names, of which its reader
/// sees them; and what has to hold as long as that is followed, if it is to be.
///
/// # Errors
/// `invalid_rows_named` of one that names none; `unknown_table`, `unknown_row`, `no_comments`,
/// `invalid_key`; those of a read.
pub async fn restrict(
    seen: Seen<'_>,
    mut query: Query,
    is_followed: bool,
) -> Result<(Query, Guard), ApiError> {
    let asked = Asked::take(&mut query)?;
    let (table, keys) = asked.seen(seen).await?;
    let test = |column: &str, operator| {
        Filter::Test(Test {
            column: column.to_owned(),
            negated: false,
            operator,
        })
    };
    // No table has 0.
    let of_table = match keys.is_empty() {
        false => number(seen, table, is_followed).await?.unwrap_or(0),
        true => 0,
    };
    query
        .filter
        .push(test("table_id", Operator::Eq(of_table.to_string())));
    let mut named: Vec<String> = keys.iter().cloned().collect();
    match named.len() {
        0 => {}
        1 => query
            .filter
            .push(test("key", Operator::Eq(named.swap_remove(0)))),
        _ => query.filter.push(test("key", Operator::In(named))),
    }
    Ok((query, Guard::new(asked, table, keys)))
}
