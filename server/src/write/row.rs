//! A row as an object by column.

use rowcast_protocol::{Cell, cell::write_json_string};

use crate::database::catalog::TableMeta;

/// Appends `{"id":7,"title":"x"}`, as far as the row may be seen.
pub fn write_row(table: &TableMeta, cells: &[Cell], out: &mut Vec<u8>) {
    let all: Vec<usize> = (0..cells.len().min(table.columns.len()))
        .filter(|at| !table.is_hidden(*at))
        .collect();
    write_columns(table, cells, &all, out);
}

/// Appends the object of some columns.
pub fn write_columns(table: &TableMeta, cells: &[Cell], columns: &[usize], out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, at) in columns.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_json_string(&table.columns[*at].name, out);
        out.push(b':');
        cells[*at].write_json(out);
    }
    out.push(b'}');
}
