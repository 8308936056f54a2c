//! Values that a column has, to choose from.

use std::collections::HashSet;

use leptos::prelude::*;
use rowcast_protocol::{
    Cell, Column, ColumnKind,
    query::{Operator, Query, Selected, Test},
};

use crate::{live::fetch, pages::table::TableView};

/// How many are offered.
const OFFERED: usize = 50;
/// The longest value that is offered, in bytes: longer ones are written by nobody.
const LONGEST: usize = 80;

/// The column's values in the rows that the page has, in their order.
pub fn loaded(view: TableView, column: &str) -> Vec<String> {
    let rows = view.live.rows.list.read_untracked();
    let at = rows.first().and_then(|row| {
        let mut columns = row.columns.iter();
        columns.position(|shown| shown.column.name == column)
    });
    let Some(at) = at else { return Vec::new() };
    let cells = rows.iter().filter_map(|row| row.cells.get(at));
    distinct(cells.filter_map(|cell| text(&cell.read_untracked().cell)))
}

/// Values of a text column in which `typed` occurs, wherever in the table; none of other
/// columns, and none where the server does not answer.
pub async fn found(view: TableView, column: &Column, typed: &str) -> Vec<String> {
    let own = view
        .table
        .with_value(|table| table.column(&column.name).is_some());
    if column.kind != ColumnKind::Text || !own {
        return Vec::new();
    }
    let query = Query {
        select: Some(vec![Selected::Column(column.name.clone())]),
        ..Query::default()
    };
    let query = query.with_test(Test {
        column: column.name.clone(),
        negated: false,
        operator: Operator::Ilike(["*", &crate::filter::literal(typed), "*"].concat()),
    });
    let path = view.path.get_value();
    let Ok(snapshot) = fetch::rows(&path, &query.to_query_string()).await else {
        return Vec::new();
    };
    let cells = snapshot.rows.iter().filter_map(|row| row.cells.first());
    distinct(cells.filter_map(text))
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::new();
    values
        .filter(|value| known.insert(value.clone()))
        .take(OFFERED)
        .collect()
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Number(text) | Cell::Text(text) if !text.is_empty() && text.len() <= LONGEST => {
            Some(text.to_string())
        }
        _ => None,
    }
}
