//! How wide a column is.

use rowcast_protocol::{Cell, Column, ColumnKind, message::Row};

use super::cell::{Shape, present};
use super::zone::Zone;

/// The narrowest column, in characters.
const NARROWEST: usize = 8;
/// The widest column, in characters. Longer values end in an ellipsis.
const WIDEST: usize = 44;

/// A column's width in characters, from its type and the first rows that hold it.
///
/// It is computed once: a table whose columns move while it is read is unreadable.
pub fn width(column: &Column, index: usize, rows: &[Row]) -> usize {
    let shape = Shape::of(column);
    // The name, and the marks of its type and of its place in the order.
    let name = column.name.chars().count() + 6;
    let typical = match column.kind {
        ColumnKind::Boolean => 5,
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => 7,
        ColumnKind::Date => 10,
        ColumnKind::Time => 8,
        ColumnKind::Timestamp | ColumnKind::TimestampTz => 19,
        ColumnKind::Uuid => return name.max(13),
        ColumnKind::Enum => {
            let longest = column.labels.iter().map(|label| label.chars().count());
            return (longest.max().unwrap_or(8) + 3).max(name).min(WIDEST);
        }
        ColumnKind::Json | ColumnKind::Array => 16,
        _ => 10,
    };
    let longest = rows
        .iter()
        .filter_map(|row| row.cells.get(index))
        .map(|cell| shown(cell, shape, column))
        .max()
        .unwrap_or(0);
    let limit = match column.kind {
        ColumnKind::Json | ColumnKind::Array => 32,
        _ => WIDEST,
    };
    typical
        .max(longest + 1)
        .min(limit)
        .max(name.min(28))
        .clamp(NARROWEST, WIDEST)
}

fn shown(cell: &Cell, shape: Shape, column: &Column) -> usize {
    present(cell, shape, column, Zone::Utc).text.chars().count()
}

/// The class that gives a column this width.
pub fn class(width: usize) -> String {
    format!("w{}", width.clamp(NARROWEST, WIDEST))
}
