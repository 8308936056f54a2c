//! What a reader has chosen among the rows.

use std::collections::HashSet;

use rowcast_protocol::{Cell, RowKey};

use crate::live::rows::LiveRow;

/// A cell, wherever its row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellPlace {
    /// The key of its row.
    pub row: RowKey,
    /// The name of its column.
    pub column: String,
}

/// What is chosen: a block of cells, whole rows, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Two corners of a block: where it began, and where the focus is. One cell alone is no
    /// block: it only has the focus.
    pub range: Option<(CellPlace, CellPlace)>,
    /// Whole rows.
    pub rows: HashSet<RowKey>,
    /// Whether it is every row that matches the query, wherever it stands; then `rows` says
    /// nothing.
    pub all: bool,
}

impl Selection {
    /// Whether nothing is chosen.
    pub fn is_empty(&self) -> bool {
        self.range.is_none() && !self.has_rows()
    }

    /// Whether whole rows are chosen.
    pub fn has_rows(&self) -> bool {
        self.all || !self.rows.is_empty()
    }

    /// Whether that row is.
    pub fn has_row(&self, key: &RowKey) -> bool {
        self.all || self.rows.contains(key)
    }
}

/// A block of cells as it stands now: rows and columns that are shown, in their order.
#[derive(Clone, Default)]
pub struct Block {
    /// The rows.
    pub rows: Vec<LiveRow>,
    /// Positions of the columns among the row's cells.
    pub columns: Vec<usize>,
}

impl Block {
    /// The values, exactly, as spreadsheets exchange them: cells apart by tabs, rows by
    /// lines, text that holds either in quotes. NULL is nothing.
    pub fn to_tsv(&self) -> String {
        let mut out = String::new();
        for (nth, row) in self.rows.iter().enumerate() {
            if nth > 0 {
                out.push('\n');
            }
            for (nth, column) in self.columns.iter().enumerate() {
                if nth > 0 {
                    out.push('\t');
                }
                if let Some(cell) = row.cells.get(*column) {
                    use leptos::prelude::ReadUntracked;
                    write_tsv(&cell.read_untracked().cell, &mut out);
                }
            }
        }
        out
    }
}

fn write_tsv(cell: &Cell, out: &mut String) {
    match cell {
        Cell::Null => {}
        Cell::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => {
            if text.contains(['\t', '\n', '\r', '"']) {
                out.push('"');
                out.push_str(&text.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(text);
            }
        }
    }
}

/// The places between two, both included, whichever is first.
pub fn between(one: usize, other: usize) -> std::ops::RangeInclusive<usize> {
    one.min(other)..=one.max(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_would_misread_is_quoted() {
        let written = |cell| {
            let mut out = String::new();
            write_tsv(&cell, &mut out);
            out
        };
        assert_eq!(written(Cell::Null), "");
        assert_eq!(written(Cell::Bool(true)), "true");
        assert_eq!(written(Cell::text("a b, c")), "a b, c");
        assert_eq!(written(Cell::text("a\tb\n\"c\"")), "\"a\tb\n\"\"c\"\"\"");
        assert_eq!(written(Cell::Number("1.50".into())), "1.50");
    }
}
