//! Which rows of the result the page follows.

use leptos::prelude::*;
use rowcast_protocol::query::DEFAULT_LIMIT;

use super::Surface;
use crate::grid::{
    Shown,
    slice::{self, Slice},
};

impl Surface {
    /// How many rows the canvas has room for.
    pub(super) fn rows(self, shown: &Shown) -> i64 {
        let end = shown.first + shown.rows.len() as i64;
        if !self.view.scrolls.get_untracked() {
            return end;
        }
        let rows = self.view.live.rows;
        let total = rows.total.get_untracked().unwrap_or(0) as i64;
        let offset = rows.offset.get_untracked() as i64;
        let loaded = offset + rows.list.read_untracked().len() as i64;
        if loaded >= total {
            end
        } else {
            (total + shown.first - offset).max(end)
        }
    }

    /// Follows another slice of the result if the rows seen come near the end of this one.
    pub(super) fn follow(self, seen: &std::ops::Range<i64>) {
        if !self.view.scrolls.get_untracked() {
            return;
        }
        let rows = self.view.live.rows;
        let Some(total) = rows.total.get_untracked() else {
            return;
        };
        let shown = self.grid.shown.read_untracked();
        let model = rows.list.read_untracked();
        let offset = rows.offset.get_untracked() as i64;
        // What is shown may stand elsewhere than it does in the result by now.
        let begin = usize::try_from(seen.start - shown.first).unwrap_or(0);
        let drift = shown
            .rows
            .iter()
            .enumerate()
            .skip(begin)
            .find_map(|(at, row)| {
                let now = model.iter().position(|of| of.id == row.id)?;
                Some(shown.first + at as i64 - offset - now as i64)
            });
        let drift = drift.unwrap_or(shown.first - offset);
        let window = self.view.window;
        let query = self.view.query.get_untracked();
        let now = window.with_untracked(|window| match window {
            Some((of, slice)) if *of == query => *slice,
            _ => Slice {
                offset: 0,
                limit: DEFAULT_LIMIT,
            },
        });
        let seen = seen.start - drift..seen.end - drift;
        if let Some(next) = slice::next(now, &seen, total) {
            window.set(Some((query, next)));
        }
    }
}
