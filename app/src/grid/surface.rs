//! The grid in the document: what of it depends on where the browser has put things.
//!
//! Rows are made by the page's view. What changes with every step of the reader, which row is
//! chosen, which cell takes the focus, how high the room before and after the rows is, is set
//! on the elements here, for the few rows that are in the document, so that a step costs no
//! more than what it shows.

mod follow;
mod paint;
mod reach;
mod rest;

use std::collections::HashMap;

use leptos::{html, prelude::*};
use send_wrapper::SendWrapper;
#[cfg(feature = "hydrate")]
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlTableElement};

pub(crate) use paint::{pixels, set_style};

use super::{GridState, Shown, canvas::Canvas};
use crate::{erased::effect, format::decimal::Decimal, pages::table::TableView};
use paint::set_attribute;
use reach::Wish;

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
    /// Whether the reader is scrolling.
    moving: StoredValue<bool>,
    rest: StoredValue<Option<TimeoutHandle>>,
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
            moving: StoredValue::new(false),
            rest: StoredValue::new(None),
        }
    }

    /// Begins to keep the document as the state has it. Nothing happens where there is no
    /// document.
    pub fn attach(self) {
        let grid = self.grid;
        effect(move || {
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
        effect(move || {
            let shown = grid.shown.get();
            self.view.live.rows.total.track();
            self.view.scrolls.track();
            grid.layout.track();
            if let Some(before) = before.get_value() {
                self.stay(&before, &shown);
            }
            before.set_value(Some(shown));
            self.arrange();
            self.put_in_place();
            self.grant();
        });
        effect(move || {
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
        let mut top = wanted.unwrap_or_else(|| f64::from(scroller.scroll_top()));
        let before = self.canvas.get_untracked();
        let mut canvas = before;
        canvas.row = row;
        let shown = self.grid.shown.read_untracked();
        canvas.rows = self.rows(&shown);
        let view = self.seen_height(&scroller, row);
        let elsewhere = if before.row > 0.0 && (before.row - row).abs() > 0.01 {
            // Rows of another height: the first one seen stays the first.
            Some((top + before.offset) / before.row * row)
        } else {
            canvas.scroll(self.top.get_value(), top, view);
            canvas
                .runs_out(top, view)
                .then(|| (top + canvas.offset).max(0.0))
        };
        if let Some(at) = elsewhere {
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
        // Others than the reader don't put the rest off: lists may change without end.
        if self.rest.with_value(Option::is_none) {
            self.settle_later();
        }
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
    let row = row.and_then(|row| Decimal::parse(row.trim().trim_end_matches("px"))?.about());
    row.unwrap_or(0.0)
}
