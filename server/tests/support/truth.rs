//! What a list has to be, and how one differs from it.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use rowcast_protocol::{Cell, list::List};

/// What a list has to be.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Key cells, if there is a key, and cells of each row.
    pub rows: Vec<(Vec<Cell>, Vec<Cell>)>,
    pub total: u64,
    pub aggregates: Vec<Cell>,
}

impl Expected {
    /// How a list differs, if it does.
    pub fn difference(&self, list: &List) -> Option<String> {
        let aggregates = list.aggregates.iter();
        let aggregates: Vec<Cell> = aggregates.map(|of| of.value.clone()).collect();
        let same = list.total == self.total
            && aggregates == self.aggregates
            && list.rows.len() == self.rows.len()
            && list.rows.iter().zip(&self.rows).all(|(row, (key, cells))| {
                (key.is_empty() || row.key.0[..] == key[..]) && row.cells == *cells
            });
        if same {
            return None;
        }
        let mut text = format!(
            "total {}, by SQL {}; {} rows, by SQL {}; at {}\n",
            list.total,
            self.total,
            list.rows.len(),
            self.rows.len(),
            list.cursor
        );
        if aggregates != self.aggregates {
            let (held, wanted) = (json(&aggregates), json(&self.aggregates));
            text += &format!("aggregates: {held}\n       SQL: {wanted}\n");
        }
        for at in 0..list.rows.len().max(self.rows.len()) {
            let row = list
                .rows
                .get(at)
                .map(|row| (&row.key.0[..], &row.cells[..]));
            let wanted = self.rows.get(at).map(|(key, cells)| (&key[..], &cells[..]));
            if row != wanted {
                let show = |row: Option<(&[Cell], &[Cell])>| match row {
                    Some((_, cells)) => json(cells),
                    None => "none".to_owned(),
                };
                text += &format!("row {at}: {}\n   SQL: {}\n", show(row), show(wanted));
            }
        }
        Some(text)
    }
}

/// A value as `to_jsonb` gives it; NULL where that is.
pub fn cell(json: Option<&str>) -> Cell {
    Cell::from_json(json.unwrap_or("null")).expect("JSON")
}

fn json(cells: &[Cell]) -> String {
    let cells: Vec<String> = cells.iter().map(Cell::to_json).collect();
    format!("[{}]", cells.join(", "))
}
