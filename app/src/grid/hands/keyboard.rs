//! Keys, in cells and in the heads of columns.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use super::{Hands, target};
use crate::grid::{
    Action, CellPlace, Selection,
    keys::{self, Command, HeadCommand, Key, Step},
};

impl Hands {
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
                grid.act(Action::Leave(focus));
                if grid.selection.read_untracked().is_empty() {
                    return false;
                }
                grid.selection.set(Selection::default());
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
            Command::Enter => return act(Action::Enter(focus)),
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
        // Keys are pressed faster than rows come: the next one goes on from where the last one leads.
        let from = self.surface.wished().or_else(|| {
            let (row, column) = grid.position(focus)?;
            Some((grid.shown.read_untracked().first + row as i64, column))
        });
        let Some((row, column)) = from else {
            return false;
        };
        let columns = grid.arranged.read_untracked().order.len();
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
            // The page may have been left by now.
            if self.surface.view.path.is_disposed() {
                return;
            }
            let names = self.surface.view.column_names();
            let order = self.surface.grid.arranged.get_untracked().order;
            let at = order.iter().position(|of| names.get(*of) == Some(&name));
            if let Some(at) = at {
                self.focus_head(at);
            }
        });
    }
}
