//! What the row is now, also where it is in the list no more.

use leptos::prelude::*;
use rowcast_protocol::{ApiError, Cell};

use crate::{
    edit::{change::Values, field::Field, rows, session::Session},
    erased::effect,
    live::{
        live_list::{LiveList, follow_list},
        rows::{LiveCell, LiveRow},
    },
    page_data::status_of,
};

/// A row that is followed.
#[derive(Clone)]
pub struct Followed {
    /// As the page's list has it, or had it last.
    row: LiveRow,
    /// The row alone, where the table is live.
    list: Option<LiveList>,
}

impl Followed {
    /// Follows a row for as long as what is made here is there.
    pub fn begin(session: Session, row: LiveRow) -> Self {
        let list = session.is_live().then(|| {
            let query = rows::query_of(session, &row.key);
            follow_list(session.table(), Memo::new(move |_| query.clone()))
        });
        Self { row, list }
    }

    /// The row alone, once it has come.
    fn arrived(&self) -> Option<LiveList> {
        self.list.filter(|list| list.arrived.get())
    }

    /// Whether it is there no more, or not for this reader.
    pub fn is_gone(&self) -> bool {
        self.arrived().is_some_and(|list| {
            let is_refused = |error: &ApiError| status_of(&error.code) != 503;
            list.rows.read().is_empty() || list.error.read().as_ref().is_some_and(is_refused)
        })
    }

    /// What it is, if that is more than the page's list has of it.
    pub fn values(&self) -> Option<Values> {
        let list = self.arrived()?;
        let columns = list.columns.read();
        let names = columns.iter().map(|column| column.name.clone());
        let rows = list.rows.read();
        Some(names.zip(rows.first()?.cells.iter().cloned()).collect())
    }

    /// The cell of the page's list.
    fn cell(&self, column: &str) -> Option<LiveCell> {
        let mut columns = self.row.columns.iter();
        let at = columns.position(|of| of.column.name == column)?;
        Some(self.row.cells[at].get())
    }

    /// What the database has in a column, as far as that is known.
    pub fn stored(&self, column: &str) -> Option<Cell> {
        let Some(list) = self.arrived() else {
            return self.cell(column).map(|cell| cell.cell);
        };
        let columns = list.columns.read();
        let at = columns.iter().position(|of| of.name == column)?;
        list.rows.read().first()?.cells.get(at).cloned()
    }

    /// What the reader sees in it: what they have just written, until that is saved.
    fn shown(&self, column: &str) -> Option<Cell> {
        let cell = self.cell(column);
        let written = cell.as_ref().and_then(|cell| cell.edit.as_ref());
        match written.filter(|written| !written.saved) {
            Some(written) => Some(written.value.clone()),
            None if self.arrived().is_some() => self.stored(column),
            None => cell.map(|cell| cell.shown().clone()),
        }
    }

    /// Has what others change show in the fields that the reader has not touched.
    pub fn fill(&self, fields: &[Field]) {
        for field in fields.iter().copied() {
            let name = field.column.with_value(|column| column.name.clone());
            let followed = self.clone();
            effect(move || {
                let Some(now) = followed.shown(&name) else {
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
