//! What the reader does with the grid: keys, mouse, clipboard.
//!
//! Everything is heard at the table, whichever cell it happens in.

mod clipboard;
mod keyboard;
mod pointer;

use leptos::{ev, prelude::*};
use rowcast_protocol::RowKey;
use wasm_bindgen::JsCast;
use web_sys::{Element, MouseEvent};

use super::{CellPlace, Surface, autoscroll::Autoscroll, selection::between};
use crate::{erased::effect, live::rows::LiveRow};

/// What the mouse is doing.
#[derive(Clone, Copy)]
pub struct Hands {
    surface: Surface,
    autoscroll: Autoscroll,
    /// Whether the button is down, on a cell.
    pressed: StoredValue<bool>,
    /// Whether the pointer has been over the rows since that was last asked.
    stirred: StoredValue<bool>,
    /// The row chosen last, for choosing up to another.
    last_row: StoredValue<Option<RowKey>>,
}

impl Hands {
    /// Nothing in hand.
    pub fn new(surface: Surface) -> Self {
        let hands = Self {
            surface,
            autoscroll: Autoscroll::new(surface.scroller, move |at| reach(surface, at)),
            pressed: StoredValue::new(false),
            stirred: StoredValue::new(false),
            last_row: StoredValue::new(None),
        };
        effect(move || {
            let up = window_event_listener(ev::mouseup, move |_| hands.pressed.set_value(false));
            // Whoever puts the focus elsewhere has left the rows.
            let focus = window_event_listener(ev::focusin, move |event| {
                let inside =
                    target(&event).is_some_and(|of| of.closest("tbody").ok().flatten().is_some());
                hands.surface.active.set_value(inside);
            });
            let down = window_event_listener(ev::mousedown, move |event| {
                let inside =
                    target(&event).is_some_and(|of| of.closest(".grid").ok().flatten().is_some());
                if !inside {
                    hands.surface.active.set_value(false);
                }
            });
            on_cleanup(move || {
                up.remove();
                focus.remove();
                down.remove();
            });
        });
        hands
    }

    /// Chooses a row, or no longer, or all from the one chosen last to it.
    fn choose_row(self, row: &RowKey, extend: bool, on: Option<bool>) {
        let grid = self.surface.grid;
        let last = self.last_row.get_value().filter(|_| extend);
        let shown = grid.shown.read_untracked();
        let place = |key: &RowKey| shown.rows.iter().position(|of| of.key == *key);
        let mut selection = grid.selection.get_untracked();
        if std::mem::take(&mut selection.all) {
            selection.rows = shown.rows.iter().map(|row| row.key.clone()).collect();
        }
        match (last.as_ref().and_then(place), place(row)) {
            (Some(one), Some(other)) => {
                let rows = &shown.rows[between(one, other)];
                selection
                    .rows
                    .extend(rows.iter().map(|row| row.key.clone()));
            }
            _ => {
                let on = on.unwrap_or(!selection.rows.contains(row));
                if on {
                    selection.rows.insert(row.clone());
                } else {
                    selection.rows.remove(row);
                }
                self.last_row.set_value(Some(row.clone()));
            }
        }
        drop(shown);
        grid.selection.set(selection);
    }

    /// The focus has come to something in a cell.
    pub fn focus(self, event: &web_sys::FocusEvent) {
        let grid = self.surface.grid;
        if let Some(place) = target(event).and_then(|element| self.place_of(&element))
            && grid.focus.read_untracked().as_ref() != Some(&place)
        {
            grid.focus.set(Some(place));
        }
    }

    /// The row that an element is in.
    fn row_of(self, element: &Element) -> Option<LiveRow> {
        row_of(self.surface, element)
    }

    /// The cell that an event happened in.
    pub fn place_of_event(self, event: &MouseEvent) -> Option<CellPlace> {
        target(event).and_then(|element| self.place_of(&element))
    }

    /// The cell that an element is in.
    fn place_of(self, element: &Element) -> Option<CellPlace> {
        place_of(self.surface, element)
    }
}

/// Chooses the cells up to the one that an element is in.
fn reach(surface: Surface, element: &Element) {
    let grid = surface.grid;
    if let Some(place) = place_of(surface, element)
        && grid.focus.read_untracked().as_ref() != Some(&place)
    {
        grid.extend_to(place);
    }
}

/// The row that an element is in.
fn row_of(surface: Surface, element: &Element) -> Option<LiveRow> {
    let row = element.closest("tr[data-row]").ok()??;
    let id: u64 = row.get_attribute("data-row")?.parse().ok()?;
    let shown = surface.grid.shown.read_untracked();
    shown.rows.iter().find(|row| row.id == id).cloned()
}

/// The cell that an element is in.
fn place_of(surface: Surface, element: &Element) -> Option<CellPlace> {
    let cell = element.closest("td[data-column]").ok()??;
    Some(CellPlace {
        row: row_of(surface, element)?.key.clone(),
        column: cell.get_attribute("data-column")?,
    })
}

/// What an event happened to.
pub(crate) fn target(event: &web_sys::Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}
