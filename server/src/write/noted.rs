//! What the audit log is told of changes of rows.

use rowcast_protocol::Cell;
use sqlx::PgConnection;

use super::{author::Author, change::Change, key, statement::shown, values::Values};
use crate::{audit::Entry, database::catalog::TableMeta, query::sql::Params};

/// What a statement returns further of the one row, as `t`, that it has written: that writes the
/// entry, which so is there if the row is.
pub fn returned_note(
    table: &TableMeta,
    author: &Author,
    change: &Change,
    params: &mut Params,
) -> String {
    let key: Vec<String> = table
        .key
        .iter()
        .map(|at| {
            let column = &table.columns[*at];
            shown(column, &column.value("t"))
        })
        .collect();
    let key = match key.is_empty() {
        true => "NULL".to_owned(),
        false => format!(
            "pg_catalog.jsonb_build_array({})::pg_catalog.text",
            key.join(", ")
        ),
    };
    let (action, details) = author.noted(change.word());
    format!(
        ", rowcast.note_rows({}, {}, {}, {key}, 1, {}::pg_catalog.jsonb)",
        params.push(author.actor().setting()),
        params.push(action),
        params.push(table.table.path()),
        params.push(details.to_string())
    )
}

/// Writes the entry about changes that were made in a transaction, with the rows that came of
/// them, `None` of what is deleted. Of no change there is none.
///
/// # Errors
/// The database's.
pub async fn note_changes(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    changes: &[Change],
    rows: &[Option<Vec<Cell>>],
) -> Result<(), sqlx::Error> {
    let Some(first) = changes.first() else {
        return Ok(());
    };
    let is_one_kind = changes.iter().all(|change| change.word() == first.word());
    let change = if is_one_kind { first.word() } else { "batch" };
    let (action, mut details) = author.noted(change);
    let mut keys = changes
        .iter()
        .zip(rows)
        .filter_map(|(change, row)| match row {
            Some(row) => key::json(table, row),
            None => change.key().map(Values::to_json_array),
        });
    let row_key = match changes.len() {
        1 => keys.next(),
        _ => {
            details["keys"] = Entry::keys(keys);
            None
        }
    };
    let entry = Entry {
        action,
        table: &table.table.path(),
        row_key,
        rows: changes.len() as u64,
        details,
    };
    entry.write_in(author.actor(), connection).await
}
