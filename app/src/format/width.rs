//! How wide a column is.

use rowcast_protocol::{Cell, Column, ColumnKind, message::Row};

use super::{
    cell::{Shape, present},
    zone::Zone,
};

/// The narrowest column, in characters.
const NARROWEST: usize = 8;
/// The widest column, in characters. Longer values end in an ellipsis.
const WIDEST: usize = 40;

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// In characters.
    characters: usize,
    /// Whether some of its values are longer, so that it takes room where there is some.
    long: bool,
}

impl Width {
    /// A column's width, from its type and the first rows that hold it.
    ///
    /// It is computed once: a table whose columns move while it is read is unreadable.
    pub fn new(column: &Column, index: usize, rows: &[Row]) -> Self {
        // The name, and the marks of its type and of its place in the order.
        let name = (column.name.chars().count() + 6).min(28);
        let (least, most) = match column.kind {
            ColumnKind::Boolean => (5, 5),
            ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => (7, 30),
            ColumnKind::Date => (10, 16),
            ColumnKind::Time => (8, 20),
            ColumnKind::Timestamp | ColumnKind::TimestampTz => (18, 22),
            ColumnKind::Uuid => (13, 13),
            ColumnKind::Enum => {
                let labels = column.labels.iter().map(|label| label.chars().count() + 2);
                let longest = labels.max().unwrap_or(8).min(30);
                (longest, longest)
            }
            ColumnKind::Json | ColumnKind::Array => (14, 30),
            _ => (10, WIDEST),
        };
        let wanted = usual_length(column, index, rows);
        Self {
            characters: wanted.clamp(least, most).max(name).clamp(NARROWEST, WIDEST),
            long: most == WIDEST && wanted > WIDEST,
        }
    }

    /// The classes that give a column this width.
    pub fn class(self) -> String {
        let long = if self.long { " long" } else { "" };
        format!("w{}{long}", self.characters)
    }
}

/// The length that nine in ten of the first values keep to, as they are shown. Most of a
/// text's letters are narrower than the digits that a character is measured by.
fn usual_length(column: &Column, index: usize, rows: &[Row]) -> usize {
    let shape = Shape::of(column);
    let mut lengths: Vec<usize> = rows
        .iter()
        .filter_map(|row| row.cells.get(index))
        .map(|cell| shown(cell, shape, column))
        .collect();
    lengths.sort_unstable();
    let usual = match column.kind {
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => lengths.last(),
        _ => lengths.get(lengths.len() * 9 / 10),
    };
    let usual = usual.copied().unwrap_or(0);
    if column.kind == ColumnKind::Text {
        usual - usual / 12 + 1
    } else {
        usual + 1
    }
}

fn shown(cell: &Cell, shape: Shape, column: &Column) -> usize {
    present(cell, shape, column, Zone::Utc).text.chars().count()
}
