//! What the reader does with the grid: keys, mouse, clipboard.
//!
//! Everything is heard at the table, whichever cell it happens in.

use std::time::Duration;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, MouseEvent};

use super::{
    Action, CellPlace, Surface,
    keys::{self, Command, HeadCommand, Key, Step},
};
use crate::live::rows::LiveRow;

/// So long after the pointer last went over the rows nobody is about to click.
const AIMED: Duration = Duration::from_millis(1_500);

/// What the mouse is doing.
#[derive(Clone, Copy)]
pub struct Hands {
    surface: Surface,
    /// Whether the button is down, on a cell.
    pressed: StoredValue<bool>,
    /// Whether the pointer has been over the rows since that was last asked.
    stirred: StoredValue<bool>,
    /// The row chosen last, for choosing up to another.
    last_row: StoredValue<Option<rowcast_protocol::RowKey>>,
}

impl Hands {
    /// Nothing in hand.
    pub fn new(surface: Surface) -> Self {
        let hands = Self {
            surface,
            pressed: StoredValue::new(false),
            stirred: StoredValue::new(false),
            last_row: StoredValue::new(None),
        };
        Effect::new(move || {
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

    /// A key was pressed.
    pub fn key(self, event: &KeyboardEvent) {
        let Some(element) = target(event) else { return };
        let name = event.key();
        let key = Key {
            name: &name,
            control: event.ctrl_key() || event.meta_key(),
            shift: event.shift_key(),
            alt: event.alt_key(),
        };
        if name == "Tab" {
            self.surface.active.set_value(false);
        }
        // What is inside a cell, an editor or a box to tick, has keys of its own.
        let done = match element.tag_name().as_str() {
            "TD" => keys::in_cell(key).is_some_and(|command| self.command(command)),
            "A" | "BUTTON" => match element.closest("th").ok().flatten() {
                Some(head) => keys::in_head(key).is_some_and(|command| self.head(&head, command)),
                None => false,
            },
            _ => false,
        };
        if done {
            event.prevent_default();
            event.stop_propagation();
        }
    }

    /// Does what a key asks for; false leaves the key to the browser.
    fn command(self, command: Command) -> bool {
        let grid = self.surface.grid;
        let Some(focus) = grid.focus.get_untracked() else {
            return false;
        };
        let act = |action| {
            grid.act(action);
            true
        };
        match command {
            Command::Go { step, extend } => return self.step(&focus, step, extend),
            Command::ChooseRow { extend } => self.choose_row(&focus.row, extend, None),
            Command::ChooseAll => self.choose_all(),
            Command::ChooseNone => {
                if grid.selection.read_untracked().is_empty() {
                    return false;
                }
                grid.selection.set(super::Selection::default());
            }
            Command::Follow => {
                let link = grid.cell_element(&focus);
                let link = link.and_then(|cell| cell.query_selector("a").ok().flatten());
                if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
                    link.click();
                }
            }
            Command::Edit(typed) => {
                return act(Action::Edit {
                    place: focus,
                    typed: typed.map(String::from),
                });
            }
            Command::Clear => return act(Action::Clear),
            Command::DeleteRows => return act(Action::DeleteRows),
            Command::Duplicate => return act(Action::Duplicate),
            Command::NewRow => return act(Action::NewRow),
            Command::Detail => return act(Action::Detail),
            Command::Undo => return act(Action::Undo),
            Command::Redo => return act(Action::Redo),
            Command::Hold => return act(Action::Hold),
        }
        true
    }

    fn step(self, focus: &CellPlace, step: Step, extend: bool) -> bool {
        let grid = self.surface.grid;
        let Some((row, column)) = grid.position(focus) else {
            return false;
        };
        let (first, columns) = (
            grid.shown.read_untracked().first,
            grid.arranged.read_untracked().order.len(),
        );
        let row = first + row as i64;
        let last_column = columns.saturating_sub(1);
        let (row, column) = match step {
            Step::Rows(-1) if row == 0 && !extend => {
                self.focus_head(column);
                return true;
            }
            Step::Rows(by) => (row + by, column),
            Step::Screens(by) => (row + by * self.surface.screen(), column),
            Step::Columns(by) => (
                row,
                column.saturating_add_signed(by as isize).min(last_column),
            ),
            Step::Edge { last, of_all } => (
                match (of_all, last) {
                    (false, _) => row,
                    (true, false) => 0,
                    (true, true) => i64::MAX,
                },
                if last { last_column } else { 0 },
            ),
        };
        self.surface.go(row, column, extend);
        true
    }

    /// Chooses a row, or no longer, or all from the one chosen last to it.
    fn choose_row(self, row: &rowcast_protocol::RowKey, extend: bool, on: Option<bool>) {
        let grid = self.surface.grid;
        let last = self.last_row.get_value().filter(|_| extend);
        let shown = grid.shown.read_untracked();
        let place =
            |key: &rowcast_protocol::RowKey| shown.rows.iter().position(|of| of.key == *key);
        let mut selection = grid.selection.get_untracked();
        match (last.as_ref().and_then(place), place(row)) {
            (Some(one), Some(other)) => {
                let rows = &shown.rows[super::selection::between(one, other)];
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

    fn choose_all(self) {
        let grid = self.surface.grid;
        let last = grid.shown.read_untracked().rows.len().saturating_sub(1);
        let last_column = grid.arranged.read_untracked().order.len().saturating_sub(1);
        let corners = grid.place(0, 0).zip(grid.place(last, last_column));
        if let Some(corners) = corners {
            grid.selection.write().range = Some(corners);
        }
    }

    /// A key in a column's head.
    fn head(self, head: &Element, command: HeadCommand) -> bool {
        let grid = self.surface.grid;
        let Some(name) = head.get_attribute("data-column") else {
            return false;
        };
        let names = self.surface.view.column_names();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let order = grid.arranged.get_untracked().order;
        let Some(at) = order.iter().position(|of| names[*of] == name) else {
            return false;
        };
        let last = order.len() - 1;
        match command {
            HeadCommand::Go(by) => {
                self.focus_head(at.saturating_add_signed(by as isize).min(last));
            }
            HeadCommand::Edge { last: true } => self.focus_head(last),
            HeadCommand::Edge { last: false } => self.focus_head(0),
            HeadCommand::Enter => self.surface.go(0, at, false),
            HeadCommand::Shift { right } => {
                grid.layout.write().shift(&names, &name, right);
                self.focus_head_of(name);
            }
            HeadCommand::Widen(by) => {
                let now = head.get_bounding_client_rect().width().round() as i32;
                let width = (now + by).max(0) as u32;
                grid.set_width(&names, &name, Some(width));
                self.focus_head_of(name);
            }
            HeadCommand::Menu => {
                let button = head.query_selector("button").ok().flatten();
                if let Some(button) = button.and_then(|of| of.dyn_into::<HtmlElement>().ok()) {
                    button.click();
                }
            }
        }
        true
    }

    /// Puts the focus into the head of the column that is shown there.
    fn focus_head(self, column: usize) {
        let head = self.surface.table.get_untracked().and_then(|table| {
            let heads = table.query_selector_all("thead .head").ok()?;
            heads.item(column as u32)
        });
        if let Some(head) = head.and_then(|head| head.dyn_into::<HtmlElement>().ok()) {
            // A head that can't be sorted by takes the focus all the same.
            if !head.has_attribute("tabindex") {
                let _ = head.set_attribute("tabindex", "-1");
            }
            // An element that can't take the focus leaves it where it is.
            let _ = head.focus();
        }
    }

    /// Puts the focus into a column's head once it has been made anew.
    fn focus_head_of(self, name: String) {
        request_animation_frame(move || {
            let names = self.surface.view.column_names();
            let order = self.surface.grid.arranged.get_untracked().order;
            let at = order.iter().position(|of| names.get(*of) == Some(&name));
            if let Some(at) = at {
                self.focus_head(at);
            }
        });
    }

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
        if let Some(place) = target(event).and_then(|element| self.place_of(&element)) {
            let grid = self.surface.grid;
            if grid.focus.read_untracked().as_ref() != Some(&place) {
                grid.extend_to(place);
            }
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
            grid.selection.write().rows = all.unwrap_or_default();
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

    /// The focus has come to something in a cell.
    pub fn focus(self, event: &web_sys::FocusEvent) {
        let grid = self.surface.grid;
        if let Some(place) = target(event).and_then(|element| self.place_of(&element))
            && grid.focus.read_untracked().as_ref() != Some(&place)
        {
            grid.focus.set(Some(place));
        }
    }

    /// The cells chosen are to be copied.
    pub fn copy(self, event: &web_sys::ClipboardEvent) {
        let data = event.clipboard_data();
        if target(event).is_some_and(|element| element.tag_name() == "TD")
            && let Some(data) = data
        {
            let text = self.surface.grid.block().to_tsv();
            if data.set_data("text/plain", &text).is_ok() {
                event.prevent_default();
            }
        }
    }

    /// Something is to be pasted.
    pub fn paste(self, event: &web_sys::ClipboardEvent) {
        if target(event).is_some_and(|element| element.tag_name() == "TD")
            && let Some(text) = event
                .clipboard_data()
                .and_then(|data| data.get_data("text/plain").ok())
        {
            event.prevent_default();
            self.surface.grid.act(Action::Paste(text));
        }
    }

    /// The row that an element is in.
    fn row_of(self, element: &Element) -> Option<LiveRow> {
        let row = element.closest("tr[data-row]").ok()??;
        let id: u64 = row.get_attribute("data-row")?.parse().ok()?;
        let shown = self.surface.grid.shown.read_untracked();
        shown.rows.iter().find(|row| row.id == id).cloned()
    }

    /// The cell that an event happened in.
    pub fn place_of_event(self, event: &MouseEvent) -> Option<CellPlace> {
        target(event).and_then(|element| self.place_of(&element))
    }

    /// The cell that an element is in.
    fn place_of(self, element: &Element) -> Option<CellPlace> {
        let cell = element.closest("td[data-column]").ok()??;
        Some(CellPlace {
            row: self.row_of(element)?.key.clone(),
            column: cell.get_attribute("data-column")?,
        })
    }
}

/// What an event happened to.
pub(crate) fn target(event: &web_sys::Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// Whether a click on the element is the element's own.
fn has_own_way(element: &Element) -> bool {
    let own = "a, button, input, select, textarea, label, [contenteditable]";
    element.closest(own).ok().flatten().is_some()
}
