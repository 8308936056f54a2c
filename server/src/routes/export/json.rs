//! A JSON array of objects, one a line.

use rowcast_protocol::{Cell, cell::write_json_string};

/// Writes a row; `nth` counts from 0.
pub fn write_row(nth: u64, names: &[&str], cells: &[Cell], out: &mut Vec<u8>) {
    if nth > 0 {
        out.extend_from_slice(b",\n");
    }
    out.push(b'{');
    for (place, (name, cell)) in names.iter().zip(cells).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_json_string(name, out);
        out.push(b':');
        cell.write_json(out);
    }
    out.push(b'}');
}
