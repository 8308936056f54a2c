//! Going to rows that need not be in the document yet.

use leptos::prelude::*;

use super::Surface;

/// A cell that the focus is to go to, by its position in the result.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    row: i64,
    column: usize,
    extend: bool,
}

impl Surface {
    pub(super) fn scroll_to(self, top: f64) {
        self.canvas.update(|canvas| canvas.offset = 0.0);
        self.top.set_value(top);
        self.wanted_top.set_value(Some(top));
        self.arrange();
        self.paint();
    }

    /// How many rows a screen has.
    pub(in crate::grid) fn screen(self) -> i64 {
        let (start, end) = self.grid.seen.get_untracked();
        (end - start - 1).max(1)
    }

    /// The focus goes to the cell at a position in the result, as soon as it is there.
    pub(in crate::grid) fn go(self, row: i64, column: usize, extend: bool) {
        let row = row.clamp(0, (self.canvas.get_untracked().rows - 1).max(0));
        self.wish.set_value(Some(Wish {
            row,
            column,
            extend,
        }));
        self.reveal(row);
        self.grant();
    }

    /// Where the focus is to go as soon as it can: a position in the result, and a column's.
    pub(in crate::grid) fn wished(self) -> Option<(i64, usize)> {
        self.wish.get_value().map(|wish| (wish.row, wish.column))
    }

    /// The focus goes nowhere but where it is put now.
    pub(in crate::grid) fn stay_here(self) {
        self.wish.set_value(None);
    }

    /// Grants a wish if the row is there.
    pub(super) fn grant(self) {
        let Some(wish) = self.wish.get_value() else {
            return;
        };
        let first = self.grid.shown.read_untracked().first;
        let at = usize::try_from(wish.row - first).ok();
        if let Some(place) = at.and_then(|at| self.grid.place(at, wish.column)) {
            self.wish.set_value(None);
            if wish.extend {
                self.grid.extend_to(place);
            } else {
                self.grid.focus_cell(place);
            }
        }
    }

    /// Scrolls as little as brings a row into sight.
    fn reveal(self, row: i64) {
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let canvas = self.canvas.get_untracked();
        let view = self.seen_height(&scroller, canvas.row);
        let at = self.top.get_value() + canvas.offset;
        let (top, bottom) = (row as f64 * canvas.row, (row + 1) as f64 * canvas.row);
        let next = if top < at {
            top
        } else if bottom > at + view {
            bottom - view
        } else {
            return;
        };
        let within = 0.0..=(canvas.height() - view).max(0.0);
        if !within.contains(&(next - canvas.offset)) {
            self.canvas
                .update(|canvas| canvas.offset = canvas.best_offset(next, view));
        }
        let top = (next - self.canvas.get_untracked().offset).max(0.0);
        // No leap of the reader's hand, whatever its size.
        self.top.set_value(top);
        self.wanted_top.set_value(Some(top));
        self.arrange();
        self.paint();
    }
}
