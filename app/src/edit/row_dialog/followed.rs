//! What the row is now, also where it is in the list no more.

use leptos::prelude::*;
use rowcast_protocol::Cell;

use crate::{
    edit::{field::Field, rows, session::Session},
    erased::effect,
    live::{
        live_list::{LiveList, follow_list},
        rows::{LiveCell, LiveRow},
    },
};

/// A row that is followed.
#[derive(Clone)]
pub struct Followed {
    row: LiveRow,
    /// The row alone: nothing where the table is not live.
    list: LiveList,
}

impl Followed {
    /// Follows a row for as long as what is made here is there.
    pub fn begin(session: Session, row: LiveRow) -> Self {
        let query = rows::query_of(session, &row.key);
        Self {
            list: follow_list(session.table(), Memo::new(move |_| query.clone())),
            row,
        }
    }

    /// Whether it is there no more, or not for this reader.
    pub fn is_gone(&self) -> bool {
        self.list.arrived.get() && self.list.rows.read().is_empty()
    }

    /// What a column has, as far as that is known: `shown` says it of a cell of the page's list.
    fn value(&self, column: &str, shown: impl Fn(&LiveCell) -> Cell) -> Option<Cell> {
        if self.list.arrived.get() {
            let columns = self.list.columns.read();
            let at = columns.iter().position(|of| of.name == column)?;
            let rows = self.list.rows.read();
            return rows.first()?.cells.get(at).cloned();
        }
        let mut columns = self.row.columns.iter();
        let at = columns.position(|of| of.column.name == column)?;
        Some(shown(&self.row.cells[at].read()))
    }

    /// What the database has in a column.
    pub fn stored(&self, column: &str) -> Option<Cell> {
        self.value(column, |cell| cell.cell.clone())
    }

    /// Has what others change show in the fields that the reader has not touched.
    pub fn fill(&self, fields: &[Field]) {
        for field in fields.iter().copied() {
            let name = field.column.with_value(|column| column.name.clone());
            let followed = self.clone();
            effect(move || {
                let Some(now) = followed.value(&name, |cell| cell.shown().clone()) else {
                    return;
                };
                let seen = field.seen.read_untracked().clone();
                if !field.touched.get_untracked() && seen.as_ref() != Some(&now) {
                    field.begin_again(now);
                }
            });
        }
    }
}
