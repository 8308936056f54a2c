//! The mouse, or what does as one.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, MouseEvent};

use super::{Hands, reach, target};
use crate::grid::Action;

/// So long after the pointer last went over the rows nobody is about to click.
const AIMED: Duration = Duration::from_millis(1_500);

impl Hands {
    /// The button went down.
    pub fn down(self, event: &MouseEvent) {
        if event.button() != 0 {
            return;
        }
        let Some(element) = target(event).filter(|element| !has_own_way(element)) else {
            return;
        };
        let Some(place) = self.place_of(&element) else {
            return;
        };
        // The browser would put the focus elsewhere and begin to choose text.
        event.prevent_default();
        self.pressed.set_value(true);
        self.autoscroll.begin(event);
        self.surface.stay_here();
        if event.shift_key() {
            self.surface.grid.extend_to(place);
        } else {
            self.surface.grid.focus_cell(place);
        }
    }

    /// The pointer goes over a cell.
    pub fn over(self, event: &MouseEvent) {
        self.aim();
        if !self.pressed.get_value() {
            return;
        }
        if event.buttons() & 1 == 0 {
            self.pressed.set_value(false);
            return;
        }
        if let Some(element) = target(event) {
            reach(self.surface, &element);
        }
    }

    /// The pointer has left the rows.
    pub fn leave(self) {
        if !self.pressed.get_value() {
            self.surface.grid.aiming.set(false);
        }
    }

    /// While the pointer is on its way over the rows, they stay where they are.
    pub fn aim(self) {
        self.stirred.set_value(true);
        let aiming = self.surface.grid.aiming;
        if !aiming.get_untracked() {
            aiming.set(true);
            self.rest_later();
        }
    }

    fn rest_later(self) {
        set_timeout(
            move || {
                // The page may have been left meanwhile.
                let Some(stirred) = self.stirred.try_get_value() else {
                    return;
                };
                self.stirred.set_value(false);
                if stirred || self.pressed.get_value() {
                    self.rest_later();
                } else {
                    self.surface.grid.aiming.set(false);
                }
            },
            AIMED / 2,
        );
    }

    /// Something was clicked: a box that chooses a row, or all.
    pub fn click(self, event: &MouseEvent) {
        let input = target(event).and_then(|of| of.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(input) = input.filter(|input| input.type_() == "checkbox") else {
            return;
        };
        let grid = self.surface.grid;
        if let Some(row) = self.row_of(&input) {
            self.choose_row(&row.key, event.shift_key(), Some(input.checked()));
            // From the box the keyboard goes on in the row.
            let place = grid.position_of_row(&row.key).and_then(|at| {
                let focus = grid.focus.get_untracked();
                let column = focus.and_then(|focus| grid.position(&focus));
                grid.place(at, column.map_or(0, |(_, column)| column))
            });
            if let Some(place) = place {
                grid.focus_cell(place);
            }
        } else if input.closest("thead").ok().flatten().is_some() {
            let all = input.checked().then(|| {
                let shown = grid.shown.read_untracked();
                shown.rows.iter().map(|row| row.key.clone()).collect()
            });
            let mut selection = grid.selection.write();
            selection.rows = all.unwrap_or_default();
            selection.all = false;
        }
    }

    /// Something was clicked twice.
    pub fn double_click(self, event: &MouseEvent) {
        let element = target(event).filter(|element| !has_own_way(element));
        if let Some(place) = element.and_then(|element| self.place_of(&element)) {
            event.prevent_default();
            self.surface.grid.act(Action::Edit { place, typed: None });
        }
    }
}

/// Whether a click on the element is the element's own.
fn has_own_way(element: &Element) -> bool {
    let own = "a, button, input, select, textarea, label, [contenteditable]";
    element.closest(own).ok().flatten().is_some()
}
