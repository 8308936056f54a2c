//! The changes that undo a bulk change, as JSON for a batch.

use std::collections::HashMap;

use rowcast_protocol::Cell;

use crate::{
    database::catalog::TableMeta,
    write::{row::write_columns, values::Values},
};

/// The changes that set the values again which the rows had; `None` if it can't be told which
/// row is which, for a trigger has given them other keys.
pub fn set(
    table: &TableMeta,
    set: &Values,
    before: &[Vec<Cell>],
    after: &[Vec<Cell>],
) -> Option<Vec<u8>> {
    let set: Vec<usize> = set.positions().collect();
    // What is set is the same in all rows, so the rest of the key tells them apart.
    let rest: Vec<usize> = table
        .key
        .iter()
        .copied()
        .filter(|at| !set.contains(at))
        .collect();
    let key = |row: &[Cell]| -> Vec<Cell> { rest.iter().map(|at| row[*at].clone()).collect() };
    let mut known: HashMap<Vec<Cell>, &Vec<Cell>> =
        before.iter().map(|row| (key(row), row)).collect();
    if known.len() != before.len() {
        return None;
    }
    let mut json = b"[".to_vec();
    for (place, row) in after.iter().enumerate() {
        let old = known.remove(&key(row))?;
        if place > 0 {
            json.push(b',');
        }
        json.extend_from_slice(b"{\"op\":\"update\",\"key\":[");
        for (place, at) in table.key.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            row[*at].write_json(&mut json);
        }
        json.extend_from_slice(b"],\"set\":");
        write_columns(table, old, &set, &mut json);
        json.extend_from_slice(b",\"expect\":");
        write_columns(table, row, &set, &mut json);
        json.push(b'}');
    }
    json.push(b']');
    Some(json)
}

/// The changes that insert the rows again, with the identities that they had.
pub fn delete(table: &TableMeta, deleted: &[Vec<Cell>]) -> Option<Vec<u8>> {
    // Rows that come back without what is hidden are not the ones that went.
    if (0..table.columns.len()).any(|at| table.is_hidden(at)) {
        return None;
    }
    let written: Vec<usize> = (0..table.columns.len())
        .filter(|at| !table.table.columns[*at].generated || table.columns[*at].is_always_identity)
        .collect();
    let restored = table.columns.iter().any(|column| column.is_always_identity);
    let mut json = b"[".to_vec();
    for (place, row) in deleted.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        json.extend_from_slice(b"{\"op\":\"insert\",");
        if restored {
            json.extend_from_slice(b"\"restore\":true,");
        }
        json.extend_from_slice(b"\"row\":");
        write_columns(table, row, &written, &mut json);
        json.push(b'}');
    }
    json.push(b']');
    Some(json)
}
