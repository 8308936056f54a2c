//! A column as it is shown now.

use std::sync::Arc;

use leptos::prelude::*;

use super::look::{Look, Looks};
use crate::{
    format::{Format, width::Width},
    live::rows::{LiveRow, ShownColumn},
};

/// How many rows a column's width is found from.
const ROWS: usize = 50;

/// A column with what the reader has chosen for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// The column.
    pub shown: Arc<ShownColumn>,
    /// What was chosen.
    pub look: Look,
    /// What its values are shown as, if that was chosen and is for columns of its kind.
    pub format: Option<Format>,
    /// The width that its values ask for. It stays until something else is chosen.
    pub width: Width,
}

impl Face {
    /// The faces of all columns. Those that were the same in `before` keep their widths.
    pub fn all(
        columns: &[Arc<ShownColumn>],
        looks: &Looks,
        rows: &[LiveRow],
        before: Option<&Arc<[Self]>>,
    ) -> Arc<[Self]> {
        let face = |(at, shown): (usize, &Arc<ShownColumn>)| {
            let look = looks.of(&shown.column.name).cloned().unwrap_or_default();
            let known = before.and_then(|before| {
                let mut before = before.iter();
                before.find(|of| of.shown == *shown && of.look == look)
            });
            if let Some(known) = known {
                return known.clone();
            }
            let format = look.format.filter(|of| of.fits(shown.column.kind));
            let width = if look.label.is_none() && format.is_none() {
                shown.width
            } else {
                let cells = rows.iter().take(ROWS).filter_map(|row| row.cells.get(at));
                let cells: Vec<_> = cells.map(|of| of.read_untracked().cell.clone()).collect();
                let label = look.label.as_deref().unwrap_or(&shown.column.name);
                Width::new(&shown.column, label, format, &cells)
            };
            Self {
                shown: shown.clone(),
                look,
                format,
                width,
            }
        };
        columns.iter().enumerate().map(face).collect()
    }

    /// What the column is called.
    pub fn label(&self) -> &str {
        let label = self.look.label.as_deref();
        label.unwrap_or(&self.shown.column.name)
    }

    /// What is said of it.
    pub fn description(&self) -> Option<&str> {
        let own = self.look.description.as_deref();
        own.or(self.shown.column.comment.as_deref())
    }
}
