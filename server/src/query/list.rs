//! A query's list, as clients get it.

use std::sync::Arc;

use super::{
    bind::bind,
    bound::BoundQuery,
    read::{Range, Totals, WindowRead, window},
};
use crate::{
    database::{catalog::TableMeta, readers::Readers},
    permission::{Seen, restrict},
};
use rowcast_engine::datum::Datum;
use rowcast_protocol::{
    ApiError, Cell, Cursor, RowKey, Table,
    message::{AggregateValue, Row, Snapshot},
    query::Query,
};

/// How often a read begins again because the table was altered in the midst of it.
const ATTEMPTS: usize = 3;

/// Reads the list of a query in the grammar, and the table that it is of, as they may be seen.
///
/// # Errors
/// `unknown_table`; those of the grammar, of binding and of reading.
pub async fn read(
    seen: Seen<'_>,
    readers: &Readers,
    epoch: u64,
    table: &str,
    query: &str,
) -> Result<(Table, Snapshot), ApiError> {
    let mut attempt = 1;
    loop {
        match read_once(seen, readers, epoch, table, query).await {
            Err(error) if error.code == "catalog_changed" && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn read_once(
    seen: Seen<'_>,
    readers: &Readers,
    epoch: u64,
    table: &str,
    query: &str,
) -> Result<(Table, Snapshot), ApiError> {
    let table = seen.table(table).await?;
    of_table(seen, readers, epoch, table, Query::parse(query)?).await
}

/// Reads the list of a query of that table, both as they may be seen.
///
/// # Errors
/// Those of binding and of reading; `catalog_changed` if the table was altered meanwhile.
pub async fn of_table(
    seen: Seen<'_>,
    readers: &Readers,
    epoch: u64,
    table: Arc<TableMeta>,
    query: Query,
) -> Result<(Table, Snapshot), ApiError> {
    let query = restrict(seen, &table, query).await?;
    let described = table.described();
    let bound = bind(seen.catalog(), readers.ours(), table, &query).await?;
    let range = Range::Offset {
        offset: bound.offset,
        limit: bound.limit.into(),
    };
    let read = window(readers, &bound, &range, Totals::Shown).await?;
    let list = snapshot(&bound, read, epoch);
    Ok((described, list))
}

/// The list that was read whole.
fn snapshot(bound: &BoundQuery, read: WindowRead, epoch: u64) -> Snapshot {
    let table = &bound.table;
    let row = |datums: &Vec<Datum>| Row {
        key: RowKey::new(
            table
                .schema
                .key
                .iter()
                .map(|column| datums[*column].to_cell()),
        ),
        cells: bound
            .select
            .iter()
            .map(|column| datums[*column].to_cell())
            .collect(),
    };
    Snapshot {
        columns: bound
            .select
            .iter()
            .map(|column| table.table.columns[*column].clone())
            .collect(),
        key: table.table.key.clone(),
        rows: read.rows.iter().map(row).collect(),
        total: read.total.unwrap_or_default(),
        aggregates: aggregates(bound, &read.aggregates.values),
        cursor: Cursor {
            epoch: bound.epoch(epoch),
            snapshot: read.snapshot,
            moment: read.clock.map(|clock| clock.moment),
        }
        .to_string(),
    }
}

/// The aggregates' values with their names.
pub fn aggregates(bound: &BoundQuery, values: &[Cell]) -> Vec<AggregateValue> {
    let named = bound.aggregates.iter().zip(values);
    named
        .map(|(aggregate, value)| AggregateValue {
            name: aggregate.name.clone(),
            value: value.clone(),
        })
        .collect()
}
