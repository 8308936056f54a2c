//! The grid in the document: what of it depends on where the browser has put things.
//!
//! Rows are made by the page's view. What changes with every step of the reader, which row is
//! chosen, which cell takes the focus, how high the room before and after the rows is, is set
//! on the elements here, for the few rows that are in the document, so that a step costs no
//! more than what it shows.

mod paint;

use std::{collections::HashMap, time::Duration};

use leptos::{html, prelude::*};
use rowcast_protocol::query::DEFAULT_LIMIT;
use send_wrapper::SendWrapper;
#[cfg(feature = "hydrate")]
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlTableElement};

pub(crate) use paint::set_style;

use super::{
    GridState, Shown,
    canvas::Canvas,
    slice::{self, Slice},
};
use crate::pages::table::TableView;
use paint::set_attribute;

/// After so long without scrolling a reader has come to rest.
const REST: Duration = Duration::from_millis(140);

/// The grid's place in the document.
#[derive(Clone, Copy)]
pub struct Surface {
    /// The page's shared state.
    pub view: TableView,
    /// The grid's.
    pub grid: GridState,
    /// The box that scrolls.
    pub scroller: NodeRef<html::Main>,
    /// The table in it.
    pub table: NodeRef<html::Table>,
    /// Which rows are in the document, and where.
    pub canvas: RwSignal<Canvas>,
    /// How far the box was scrolled when that was last looked at.
    top: StoredValue<f64>,
    /// How far it is to be scrolled once the document has the height for it.
    wanted_top: StoredValue<Option<f64>>,
    /// Where the focus goes once the row is there.
    wish: StoredValue<Option<Wish>>,
    /// Whether the browser's focus is in the rows.
    pub(super) active: StoredValue<bool>,
    /// Requests for the focus that have been met.
    grabbed: StoredValue<u32>,
    /// The cell that the tab key leads to.
    ///
    /// On the server, where a page may end on another thread than it began on, there is none:
    /// what is of one thread is only what is in it.
    entry: StoredValue<Option<SendWrapper<HtmlElement>>>,
    rest: StoredValue<Option<TimeoutHandle>>,
}

/// A cell that the focus is to go to, by its position in the result.
#[derive(Clone, Copy)]
struct Wish {
    row: i64,
    column: usize,
    extend: bool,
}

impl Surface {
    /// The surface of a page; it does nothing before [`Surface::attach`].
    pub fn new(view: TableView, grid: GridState) -> Self {
        Self {
            view,
            grid,
            scroller: NodeRef::new(),
            table: NodeRef::new(),
            canvas: RwSignal::default(),
            top: StoredValue::new(0.0),
            wanted_top: StoredValue::new(None),
            wish: StoredValue::new(None),
            active: StoredValue::new(false),
            grabbed: StoredValue::new(0),
            entry: StoredValue::new(None),
            rest: StoredValue::new(None),
        }
    }

    /// Begins to keep the document as the state has it. Nothing happens where there is no
    /// document.
    pub fn attach(self) {
        let grid = self.grid;
        Effect::new(move || {
            let Some(table) = self.table.get() else {
                return;
            };
            // A page without scripts has a table; with them it is a grid.
            for (name, value) in [("role", "grid"), ("aria-multiselectable", "true")] {
                set_attribute(&table, name, value);
            }
            self.observe(&table);
            self.arrange();
        });
        let before = StoredValue::new(None::<Shown>);
        Effect::new(move || {
            let shown = grid.shown.get();
            self.view.live.rows.total.track();
            self.view.scrolls.track();
            grid.layout.track();
            if let Some(before) = before.get_value() {
                self.stay(&before, &shown);
            }
            before.set_value(Some(shown));
            self.arrange();
            self.grant();
        });
        Effect::new(move || {
            grid.focus.track();
            grid.selection.track();
            grid.pending.track();
            grid.arranged.track();
            grid.grabs.track();
            self.canvas.track();
            self.paint();
        });
        let resized = window_event_listener(leptos::ev::resize, move |_| self.arrange());
        on_cleanup(move || resized.remove());
        // Another page of rows is read from its top, and so is another query.
        let query = self.view.query;
        Effect::new(move |before: Option<bool>| {
            query.track();
            if before.is_some() {
                self.scroll_to(0.0);
            }
            true
        });
    }

    /// Paints again whenever rows have come into the document or left it.
    #[cfg(feature = "hydrate")]
    fn observe(self, table: &HtmlTableElement) {
        use wasm_bindgen::closure::Closure;
        let painted = Closure::<dyn FnMut()>::new(move || self.paint());
        let observer = web_sys::MutationObserver::new(painted.as_ref().unchecked_ref());
        let body = table.query_selector("tbody").ok().flatten();
        if let (Ok(observer), Some(body)) = (observer, body) {
            let options = web_sys::MutationObserverInit::new();
            options.set_child_list(true);
            if observer.observe_with_options(&body, &options).is_ok() {
                let kept = StoredValue::new_local((observer, painted));
                on_cleanup(move || kept.with_value(|(observer, _)| observer.disconnect()));
            }
        }
    }

    #[cfg(not(feature = "hydrate"))]
    fn observe(self, _table: &HtmlTableElement) {}

    /// How many pixels of rows are seen: the box without the head and the figures.
    fn seen_height(self, scroller: &HtmlElement, row: f64) -> f64 {
        let foot = self.table.get_untracked().and_then(|table| table.t_foot());
        let foot = foot.map_or(0.0, |foot| f64::from(foot.offset_height()));
        (f64::from(scroller.client_height()) - row - foot).max(row)
    }

    /// Chooses what is in the document from where the reader is.
    pub fn arrange(self) {
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let row = row_height(&scroller);
        if row <= 0.0 {
            return;
        }
        let wanted = self.wanted_top.get_value();
        let top = wanted.unwrap_or_else(|| f64::from(scroller.scroll_top()));
        let before = self.canvas.get_untracked();
        let mut canvas = before;
        if canvas.row > 0.0 && (canvas.row - row).abs() > 0.01 {
            // Rows of another height: the first one seen stays the first.
            canvas.offset = 0.0;
            self.wanted_top.set_value(Some(top / before.row * row));
        }
        canvas.row = row;
        let shown = self.grid.shown.read_untracked();
        canvas.rows = self.rows(&shown);
        let view = self.seen_height(&scroller, row);
        canvas.scroll(self.top.get_value(), top, view);
        let mut top = top;
        if canvas.runs_out(top, view) {
            let at = (top + canvas.offset).max(0.0);
            canvas.offset = canvas.best_offset(at, view);
            top = at - canvas.offset;
            self.wanted_top.set_value(Some(top));
        }
        self.top.set_value(top);
        let seen = canvas.seen(top, view);
        canvas.choose(&seen, shown.first, shown.rows.len());
        self.grid
            .scrolled
            .maybe_set(top + canvas.offset >= row / 2.0);
        self.grid
            .seen
            .maybe_set((seen.start, seen.end.min(canvas.rows)));
        let here = seen.start < shown.first + shown.rows.len() as i64 && seen.end > shown.first;
        drop(shown);
        self.canvas.maybe_set(canvas);
        if here {
            self.follow(&seen);
        }
        self.settle_later();
    }

    /// How many rows the canvas has room for.
    fn rows(self, shown: &Shown) -> i64 {
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
    fn follow(self, seen: &std::ops::Range<i64>) {
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

    /// When the reader rests: the rows there are followed, and the canvas is put where there
    /// is room to scroll through on both sides.
    fn settle_later(self) {
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
        let Some(mut canvas) = self.canvas.try_get_untracked() else {
            return;
        };
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
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
        self.follow(&canvas.seen(at - best, view));
    }

    /// Keeps what is seen where it is when rows come or go before it, unless the list stands
    /// at its top.
    fn stay(self, before: &Shown, now: &Shown) {
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

    fn scroll_to(self, top: f64) {
        self.canvas.update(|canvas| canvas.offset = 0.0);
        self.top.set_value(top);
        self.wanted_top.set_value(Some(top));
        self.arrange();
        self.paint();
    }

    /// How many rows a screen has.
    pub(super) fn screen(self) -> i64 {
        let (start, end) = self.grid.seen.get_untracked();
        (end - start - 1).max(1)
    }

    /// The focus goes to the cell at a position in the result, as soon as it is there.
    pub(super) fn go(self, row: i64, column: usize, extend: bool) {
        let row = row.clamp(0, (self.canvas.get_untracked().rows - 1).max(0));
        self.wish.set_value(Some(Wish {
            row,
            column,
            extend,
        }));
        self.reveal(row);
        self.grant();
    }

    /// The focus goes nowhere but where it is put now.
    pub(super) fn stay_here(self) {
        self.wish.set_value(None);
    }

    /// Grants a wish if the row is there.
    fn grant(self) {
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

/// Sets a signal if that changes it.
trait MaybeSet<T> {
    fn maybe_set(&self, value: T);
}

impl<T: PartialEq + Send + Sync + 'static> MaybeSet<T> for RwSignal<T> {
    fn maybe_set(&self, value: T) {
        if *self.read_untracked() != value {
            self.set(value);
        }
    }
}

/// Where each row shown stands, by its number.
fn ids(shown: &Shown) -> HashMap<u64, usize> {
    let places = shown.rows.iter().enumerate();
    places.map(|(at, row)| (row.id, at)).collect()
}

/// How high a row is, as the style has it, in CSS pixels.
fn row_height(element: &HtmlElement) -> f64 {
    let style = window().get_computed_style(element).ok().flatten();
    let row = style.and_then(|style| style.get_property_value("--row").ok());
    let row = row.and_then(|row| row.trim().trim_end_matches("px").parse().ok());
    row.unwrap_or(0.0)
}
