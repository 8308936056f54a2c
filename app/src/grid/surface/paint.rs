//! What the state says, set on the elements.

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, HtmlTableElement};

use super::{Surface, ids};
use crate::{
    format::number::fixed,
    grid::{Shown, canvas::Segment},
    live::rows::LiveRow,
};

impl Surface {
    /// Sets on the elements what the state says about them.
    pub fn paint(self) {
        let Some(table) = self.table.try_get_untracked().flatten() else {
            return;
        };
        let Some(body) = table.query_selector("tbody").ok().flatten() else {
            return;
        };
        let grid = self.grid;
        let shown = grid.shown.read_untracked();
        let place = ids(&shown);
        // The head is a row too.
        let count = self.canvas.get_untracked().rows + 1;
        set_attribute(&table, "aria-rowcount", &count.to_string());
        let pending = grid.pending.read_untracked();
        let selection = grid.selection.read_untracked();
        let focus = grid.focus.get_untracked();
        let focused = focus.as_ref().and_then(|place| grid.position(place));
        let block = selection.range.as_ref().and_then(|(one, other)| {
            let ((a, b), (c, d)) = (grid.position(one)?, grid.position(other)?);
            Some((a.min(c)..=a.max(c), b.min(d)..=b.max(d)))
        });
        let all = table.query_selector("thead .pick input").ok().flatten();
        if let Some(all) = all.and_then(|all| all.dyn_into::<HtmlInputElement>().ok()) {
            let some = selection.has_rows();
            let is_chosen = |row: &LiveRow| selection.has_row(&row.key);
            let every = some && shown.rows.iter().all(is_chosen);
            all.set_checked(every);
            all.set_indeterminate(some && !every);
        }
        let canvas = self.canvas.get_untracked();
        let extra = focused.map(|(row, _)| row);
        let segments = canvas.segments(shown.first, shown.rows.len(), extra);
        let mut gaps = segments.iter().filter_map(|segment| match segment {
            Segment::Gap(height) => Some(*height),
            Segment::Rows(_) => None,
        });
        let mut next = body.first_element_child();
        while let Some(element) = next {
            next = element.next_element_sibling();
            let Some(id) = element.get_attribute("data-row") else {
                if let (Some(gap), Some(element)) = (gaps.next(), element.dyn_ref::<HtmlElement>())
                {
                    set_style(element, "height", &pixels(gap));
                }
                continue;
            };
            let id: u64 = id.parse().unwrap_or(u64::MAX);
            let Some(at) = place.get(&id).copied() else {
                continue;
            };
            set_attribute(
                &element,
                "aria-rowindex",
                &(shown.first + at as i64 + 2).to_string(),
            );
            toggle(&element, "gone", pending.gone.contains(&id));
            let chosen = selection.has_row(&shown.rows[at].key);
            if toggle(&element, "chosen", chosen) {
                set_attribute(
                    &element,
                    "aria-selected",
                    if chosen { "true" } else { "false" },
                );
                let input = element.query_selector("input").ok().flatten();
                if let Some(input) = input.and_then(|input| input.dyn_into().ok()) {
                    let input: HtmlInputElement = input;
                    input.set_checked(chosen);
                }
            }
            let columns = block
                .as_ref()
                .filter(|(rows, _)| rows.contains(&at))
                .map(|(_, columns)| columns);
            if toggle(&element, "crossed", columns.is_some()) || columns.is_some() {
                let mut cell = element.first_element_child();
                let mut column = 0;
                while let Some(of) = cell {
                    cell = of.next_element_sibling();
                    if column > 0 {
                        let inside = columns.is_some_and(|columns| columns.contains(&(column - 1)));
                        if toggle(&of, "inside", inside) {
                            set_attribute(
                                &of,
                                "aria-selected",
                                if inside { "true" } else { "false" },
                            );
                        }
                    }
                    column += 1;
                }
            }
        }
        if let (Some(top), Some(scroller)) =
            (self.wanted_top.get_value(), self.scroller.get_untracked())
        {
            scroller.set_scroll_top(top.round() as i32);
            request_animation_frame(move || {
                // The page may have been left meanwhile.
                if self.wanted_top.try_set_value(None).is_some() {
                    return;
                }
                // Whoever scrolled meanwhile was not heard.
                let top = scroller.scroll_top();
                if (f64::from(top) - self.top.get_value()).abs() > 1.0 {
                    self.scrolled();
                }
            });
        }
        self.paint_ways_in(&table, &shown, focused);
        grid.painted
            .update(|painted| *painted = painted.wrapping_add(1));
    }

    /// One element of the grid takes part in the tab order, and the browser's focus is in the
    /// cell that has the grid's.
    fn paint_ways_in(
        self,
        table: &HtmlTableElement,
        shown: &Shown,
        focused: Option<(usize, usize)>,
    ) {
        let others =
            "tbody a:not([tabindex]), thead a:not([tabindex]), thead button:not([tabindex])";
        if let Ok(others) = table.query_selector_all(others) {
            for at in 0..others.length() {
                if let Some(element) = others.item(at).and_then(|of| of.dyn_into::<Element>().ok())
                {
                    set_attribute(&element, "tabindex", "-1");
                }
            }
        }
        let cell = |(row, column): (usize, usize)| {
            let id = shown.rows.get(row)?.id;
            self.grid.element_at(id, column)
        };
        let entry = focused.and_then(cell).or_else(|| {
            let (seen, _) = self.grid.seen.get_untracked();
            cell((usize::try_from(seen - shown.first).unwrap_or(0), 0))
        });
        let entry = entry.or_else(|| {
            let head = table.query_selector("thead a").ok().flatten()?;
            head.dyn_into().ok()
        });
        self.entry.update_value(|before| {
            if before.as_deref() != entry.as_ref() {
                if let Some(before) = before {
                    set_attribute(before, "tabindex", "-1");
                }
                if let Some(entry) = &entry {
                    set_attribute(entry, "tabindex", "0");
                }
                *before = entry.map(SendWrapper::new);
            }
        });
        let grabs = self.grid.grabs.get_untracked();
        let asked = self.grabbed.get_value() != grabs;
        let body = document()
            .active_element()
            .is_none_or(|element| element.tag_name() == "BODY");
        let lost = self.active.get_value() && body && document().has_focus().unwrap_or(false);
        if let Some((at, element)) = focused.and_then(|at| Some((at, cell(at)?)))
            && (asked || lost)
        {
            self.grabbed.set_value(grabs);
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // What can't take the focus is no cell any more.
            let _ = element.focus_with_options(&options);
            if asked {
                self.reveal_sideways(&element, at.1);
            }
        }
    }

    /// Scrolls sideways as little as brings a cell out from under the pinned ones.
    fn reveal_sideways(self, cell: &HtmlElement, column: usize) {
        let pins = self.grid.arranged.read_untracked().pins;
        let Some(scroller) = self.scroller.get_untracked().filter(|_| column >= pins) else {
            return;
        };
        let row = cell.parent_element().map(|row| row.children());
        let last_pin = row.and_then(|cells| cells.item(pins as u32));
        let edge = last_pin.map_or(0.0, |pin| pin.get_bounding_client_rect().right());
        let frame = scroller.get_bounding_client_rect();
        let cell = cell.get_bounding_client_rect();
        let right = frame.left() + f64::from(scroller.client_width());
        let by = if cell.left() < edge || cell.width() > right - edge {
            cell.left() - edge
        } else if cell.right() > right {
            cell.right() - right
        } else {
            return;
        };
        scroller.set_scroll_left(scroller.scroll_left() + by.round() as i32);
    }
}

/// Sets an attribute if that changes it.
pub(super) fn set_attribute(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        // Only names that no attribute can have are refused.
        let _ = element.set_attribute(name, value);
    }
}

/// Gives an element a class or takes it, and says whether that changed it.
fn toggle(element: &Element, class: &str, on: bool) -> bool {
    let classes = element.class_list();
    if classes.contains(class) == on {
        return false;
    }
    // Only names that no class can have are refused.
    let _ = classes.toggle_with_force(class, on);
    true
}

/// A length that a style can have; below nothing there is none.
pub(crate) fn pixels(length: f64) -> String {
    let digits = fixed(length.max(0.0), 3).unwrap_or_default();
    [&digits, "px"].concat()
}

/// Sets a property of an element's own style.
pub(crate) fn set_style(element: &HtmlElement, name: &str, value: &str) {
    // Only values that the property can't have are refused.
    let _ = element.style().set_property(name, value);
}
