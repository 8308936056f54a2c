//! Rows as a whole, whichever of their columns are shown.

use leptos::prelude::*;
use rowcast_protocol::{
    Cell, RowKey,
    query::{Filter, Operator, Query, Test},
};

use super::{api, change::Values, session::Session};
use crate::live::rows::LiveRow;

/// The values of rows that can be written, as the reader sees them; what the reader doesn't
/// see, as the database has it now. Says why, if a row is no longer there.
pub async fn whole(session: Session, rows: &[LiveRow]) -> Result<Vec<Values>, String> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let seen = session.values(row);
        let missing = session.view.table.with_value(|table| {
            let mut columns = table.columns.iter();
            columns.any(|column| !seen.contains_key(&column.name))
        });
        let mut values = if missing {
            let mut values = read(session, &row.key).await?;
            values.extend(seen);
            values
        } else {
            seen
        };
        session.view.table.with_value(|table| {
            for column in table.columns.iter().filter(|column| column.generated) {
                values.remove(&column.name);
            }
        });
        all.push(values);
    }
    Ok(all)
}

/// A row as the database has it now.
pub async fn read(session: Session, key: &RowKey) -> Result<Values, String> {
    let columns = session.view.table.with_value(|table| table.key.clone());
    let tests = columns.into_iter().zip(key.0.iter()).map(|(column, cell)| {
        Filter::Test(Test {
            column,
            negated: false,
            operator: Operator::Eq(text(cell)),
        })
    });
    let query = Query {
        filter: tests.collect(),
        ..Query::default()
    };
    let found = api::rows(&session.table(), &query.to_query_string()).await;
    let snapshot = found.map_err(|refusal| refusal.text())?;
    let row = snapshot.rows.into_iter().next();
    let row = row.ok_or("The row has been deleted meanwhile.")?;
    let names = snapshot.columns.into_iter().map(|column| column.name);
    Ok(names.zip(row.cells).collect())
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_string(),
        other => other.to_json(),
    }
}
