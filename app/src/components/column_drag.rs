//! Columns made wider, and put elsewhere, by dragging their heads.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, PointerEvent};

use crate::grid::{
    Surface,
    hands::target,
    layout::NARROWEST,
    surface::{pixels, set_style},
};

/// So many CSS pixels a press may stray and still be a click.
const STRAY: f64 = 5.0;

/// What is being dragged.
#[derive(Clone)]
enum Drag {
    /// A column's edge.
    Edge {
        name: String,
        /// Where the press was, and how wide the column then.
        from: f64,
        width: f64,
        now: f64,
    },
    /// A column.
    Head {
        name: String,
        from: f64,
        /// Whether the pointer has gone far enough for it not to be a click.
        moves: bool,
        /// Before which column it would be put; `None` is behind the last.
        before: Option<String>,
    },
}

/// The heads in hand.
#[derive(Clone, Copy)]
pub struct ColumnDrag {
    surface: Surface,
    drag: StoredValue<Option<Drag>>,
    /// Whether the click that follows was the end of a drag.
    dragged: StoredValue<bool>,
}

impl ColumnDrag {
    /// Nothing in hand.
    pub fn new(surface: Surface) -> Self {
        Self {
            surface,
            drag: StoredValue::new(None),
            dragged: StoredValue::new(false),
        }
    }

    /// A press on a head.
    pub fn down(self, event: &PointerEvent) {
        self.dragged.set_value(false);
        let Some(element) = target(event).filter(|_| event.button() == 0) else {
            return;
        };
        let Some((name, head)) = head_of(&element) else {
            return;
        };
        let from = f64::from(event.client_x());
        let drag = if element.class_list().contains("head-edge") {
            let width = head.get_bounding_client_rect().width();
            Drag::Edge {
                name,
                from,
                width,
                now: width,
            }
        } else if event.pointer_type() == "mouse"
            && element.closest("button").ok().flatten().is_none()
        {
            // By touch, dragging a head scrolls.
            Drag::Head {
                name,
                from,
                moves: false,
                before: None,
            }
        } else {
            return;
        };
        let is_edge = matches!(drag, Drag::Edge { .. });
        self.drag.set_value(Some(drag));
        if is_edge {
            event.prevent_default();
            // Without it the drag ends where the pointer leaves the edge.
            let _ = element.set_pointer_capture(event.pointer_id());
        }
    }

    /// The pointer goes over heads, or anywhere while an edge is dragged.
    pub fn go(self, event: &PointerEvent) {
        let Some(mut drag) = self.drag.get_value() else {
            return;
        };
        let x = f64::from(event.client_x());
        match &mut drag {
            Drag::Edge {
                name,
                from,
                width,
                now,
            } => {
                *now = (*width + x - *from).max(f64::from(NARROWEST));
                if let Some(column) = self.column_element(name) {
                    set_style(&column, "width", &pixels(*now));
                }
            }
            Drag::Head {
                name,
                from,
                moves,
                before,
            } => {
                if event.buttons() & 1 == 0 {
                    self.end();
                    return;
                }
                if !*moves && (x - *from).abs() > STRAY {
                    *moves = true;
                    if let Some(table) = self.surface.table.get_untracked() {
                        // Its name is a class, which no table refuses.
                        let _ = table.class_list().add_1("dragging");
                    }
                }
                if *moves && let Some(over) = target(event).and_then(|of| head_of(&of)) {
                    *before = self.mark(name, &over, x);
                }
            }
        }
        self.drag.set_value(Some(drag));
    }

    /// The press ends.
    pub fn up(self) {
        let grid = self.surface.grid;
        let names = self.surface.view.column_names();
        let names: Vec<&str> = names.iter().map(|of| &**of).collect();
        match self.drag.get_value() {
            Some(Drag::Edge {
                name, now, width, ..
            }) => {
                self.dragged.set_value(true);
                if (now - width).abs() >= 1.0 {
                    grid.set_width(&names, &name, Some(now.round() as u32));
                }
            }
            Some(Drag::Head {
                name,
                moves: true,
                before,
                ..
            }) => {
                self.dragged.set_value(true);
                if before.as_ref() != Some(&name) {
                    grid.layout
                        .write()
                        .put_before(&names, &name, before.as_deref());
                }
            }
            _ => {}
        }
        self.end();
    }

    /// A click on a head; one that ended a drag does nothing.
    pub fn click(self, event: &web_sys::MouseEvent) {
        if self.dragged.get_value() {
            self.dragged.set_value(false);
            event.prevent_default();
            event.stop_propagation();
        }
    }

    /// An edge was clicked twice: the column is as wide as its values ask for.
    pub fn double_click(self, event: &web_sys::MouseEvent) {
        let edge = target(event).filter(|element| element.class_list().contains("head-edge"));
        if let Some((name, _)) = edge.and_then(|edge| head_of(&edge)) {
            let names = self.surface.view.column_names();
            let names: Vec<&str> = names.iter().map(|of| &**of).collect();
            self.surface.grid.set_width(&names, &name, None);
        }
    }

    fn end(self) {
        self.drag.set_value(None);
        self.unmark();
        if let Some(table) = self.surface.table.get_untracked() {
            // Its name is a class, which no table refuses.
            let _ = table.class_list().remove_1("dragging");
        }
    }

    /// Marks where the column would be put, at the nearer edge of the head that the pointer
    /// is over, and says before which column that is.
    fn mark(self, name: &str, (over, head): &(String, Element), x: f64) -> Option<String> {
        self.unmark();
        let frame = head.get_bounding_client_rect();
        let after = x > frame.left() + frame.width() / 2.0;
        let next = head.next_element_sibling();
        let before = if after {
            next.and_then(|next| next.get_attribute("data-column"))
        } else {
            Some(over.clone())
        };
        if before.as_deref() != Some(name) && over != name {
            let class = if after { "put-after" } else { "put-before" };
            // Its name is a class, which no head refuses.
            let _ = head.class_list().add_1(class);
        }
        if over == name {
            Some(name.to_owned())
        } else {
            before
        }
    }

    fn unmark(self) {
        let marked = self.surface.table.get_untracked().and_then(|table| {
            let marked = table.query_selector(".put-before, .put-after");
            marked.ok().flatten()
        });
        if let Some(marked) = marked {
            // Classes that it doesn't have are no error.
            let _ = marked.class_list().remove_2("put-before", "put-after");
        }
    }

    fn column_element(self, name: &str) -> Option<HtmlElement> {
        let names = self.surface.view.column_names();
        let order = self.surface.grid.arranged.get_untracked().order;
        let at = order
            .iter()
            .position(|of| names.get(*of).is_some_and(|of| of == name))?;
        let table = self.surface.table.get_untracked()?;
        let columns = table.query_selector_all("col").ok()?;
        columns.item(at as u32 + 1)?.dyn_into().ok()
    }
}

/// The head that an element is in, and its column.
fn head_of(element: &Element) -> Option<(String, Element)> {
    let head = element.closest("th[data-column]").ok()??;
    Some((head.get_attribute("data-column")?, head))
}
