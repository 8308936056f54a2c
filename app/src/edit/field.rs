//! One value that is being edited.

use leptos::prelude::*;
use rowcast_protocol::{Cell, Column};

use super::{clock::ReaderClock, draft};

/// The draft of a column's value, in a cell or in a form.
#[derive(Clone, Copy)]
pub struct Field {
    /// The column.
    pub column: StoredValue<Column>,
    /// What was typed.
    pub text: RwSignal<String>,
    /// Whether it is NULL, whatever was typed.
    pub null: RwSignal<bool>,
    /// Whether anything was changed.
    pub touched: RwSignal<bool>,
    /// What is wrong with it, once that was looked for.
    pub wrong: RwSignal<Option<String>>,
    /// What the editor saw when it began; nothing in a new row.
    pub seen: RwSignal<Option<Cell>>,
}

impl Field {
    /// A field that begins with what the editor sees.
    pub fn new(column: Column, seen: Option<Cell>) -> Self {
        let text = match &seen {
            Some(cell) => draft::text_of(cell, column.kind, &ReaderClock),
            None => String::new(),
        };
        Self {
            text: RwSignal::new(text),
            null: RwSignal::new(matches!(seen, Some(Cell::Null))),
            touched: RwSignal::new(false),
            wrong: RwSignal::new(None),
            seen: RwSignal::new(seen),
            column: StoredValue::new(column),
        }
    }

    /// Takes what is typed.
    pub fn set_text(self, text: String) {
        self.text.set(text);
        self.null.set(false);
        self.touched.set(true);
        self.wrong.set(None);
    }

    /// Becomes NULL.
    pub fn set_null(self) {
        self.text.set(String::new());
        self.null.set(true);
        self.touched.set(true);
        self.wrong.set(None);
    }

    /// Becomes a value.
    pub fn set(self, cell: &Cell) {
        if *cell == Cell::Null {
            self.set_null();
        } else {
            let kind = self.column.with_value(|column| column.kind);
            self.set_text(draft::text_of(cell, kind, &ReaderClock));
        }
    }

    /// Goes back to a value that the editor sees now.
    pub fn begin_again(self, seen: Cell) {
        self.set(&seen);
        self.touched.set(false);
        self.seen.set(Some(seen));
    }

    /// Whether it may be NULL.
    pub fn nullable(self) -> bool {
        self.column.with_value(|column| column.nullable)
    }

    /// The value, or why it is none. What is wrong is shown from then on.
    pub fn value(self) -> Result<Cell, String> {
        if self.null.get_untracked() {
            return Ok(Cell::Null);
        }
        let text = self.text.read_untracked();
        let read = self
            .column
            .with_value(|column| draft::read(&text, column, &ReaderClock));
        if let Err(wrong) = &read {
            self.wrong.set(Some(wrong.clone()));
        }
        read
    }

    /// The value, if it is another than the editor saw.
    pub fn changed(self) -> Result<Option<Cell>, String> {
        if !self.touched.get_untracked() {
            return Ok(None);
        }
        let seen = self.seen.get_untracked();
        // A text that reads as it did means no change, however the value is spelled.
        if let Some(seen) = &seen
            && *seen != Cell::Null
            && !self.null.get_untracked()
        {
            let kind = self.column.with_value(|column| column.kind);
            if draft::text_of(seen, kind, &ReaderClock) == *self.text.read_untracked() {
                return Ok(None);
            }
        }
        let value = self.value()?;
        Ok((Some(&value) != seen.as_ref()).then_some(value))
    }
}
