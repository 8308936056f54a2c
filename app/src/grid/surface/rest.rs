//! Staying where the reader is, and putting the canvas in place once that disturbs nobody.

use std::{collections::HashMap, time::Duration};

use leptos::prelude::*;

use super::{Surface, ids};
use crate::grid::Shown;

/// After so long without scrolling a reader has come to rest.
const REST: Duration = Duration::from_millis(140);

impl Surface {
    /// The box was scrolled: by the reader, unless it is to be somewhere.
    pub fn scrolled(self) {
        if self.wanted_top.with_value(Option::is_none) {
            self.moving.set_value(true);
        }
        self.arrange();
        self.settle_later();
    }

    /// When the reader rests, or has been scrolled for: the canvas is put in place, and the
    /// rows there are followed.
    pub(super) fn settle_later(self) {
        let handle = set_timeout_with_handle(move || self.settle(), REST).ok();
        let before = self
            .rest
            .try_update_value(|rest| std::mem::replace(rest, handle));
        if let Some(before) = before.flatten() {
            before.clear();
        }
    }

    fn settle(self) {
        // The page may have been left meanwhile.
        if self.rest.try_set_value(None).is_some() {
            return;
        }
        self.moving.set_value(false);
        self.put_in_place();
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let canvas = self.canvas.get_untracked();
        let view = self.seen_height(&scroller, canvas.row);
        self.follow(&canvas.seen(self.top.get_value(), view));
    }

    /// Puts the canvas where there is room to scroll through on both sides, unless the reader
    /// is scrolling: that would end the movement.
    pub(super) fn put_in_place(self) {
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let mut canvas = self.canvas.get_untracked();
        if self.moving.get_value() || canvas.row <= 0.0 {
            return;
        }
        let view = self.seen_height(&scroller, canvas.row);
        let at = self.top.get_value() + canvas.offset;
        let best = canvas.best_offset(at.max(0.0), view);
        if (best - canvas.offset).abs() >= 1.0 {
            canvas.offset = best;
            self.top.set_value(at - best);
            self.wanted_top.set_value(Some(at - best));
            self.canvas.set(canvas);
            self.arrange();
        }
    }

    /// Keeps what is seen where it is when rows come or go before it, unless the list stands
    /// at its top.
    pub(super) fn stay(self, before: &Shown, now: &Shown) {
        if !self.grid.scrolled.get_untracked() {
            return;
        }
        let canvas = self.canvas.get_untracked();
        let (start, _) = self.grid.seen.get_untracked();
        let begin = usize::try_from(start - before.first).unwrap_or(0);
        let place: HashMap<u64, usize> = ids(now);
        let moved = before
            .rows
            .iter()
            .enumerate()
            .skip(begin)
            .find_map(|(at, row)| {
                let to = place.get(&row.id)?;
                Some(now.first + *to as i64 - before.first - at as i64)
            });
        if let Some(moved) = moved.filter(|moved| *moved != 0) {
            self.canvas
                .update_untracked(|of| of.offset = canvas.offset + moved as f64 * canvas.row);
            self.canvas.notify();
        }
    }
}
