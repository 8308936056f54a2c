//! Marks in the rows where the words of the search occur.
//!
//! The marks are the browser's own (CSS custom highlights): they are laid over the text, so no
//! element is added to a cell, and what a patch changes it changes as without them. Where the
//! browser knows none, rows are found all the same. Without a search nothing is looked at.

use std::collections::HashSet;

use js_sys::{Array, Function, Map, Reflect, Set};
use leptos::prelude::*;
use rowcast_protocol::ColumnKind;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, MutationObserver, MutationObserverInit, Node};

use crate::{erased::effect, filter::highlight::places, pages::table::TableView};

/// What the style sheet calls the marks: `::highlight(search)`.
const NAME: &str = "search";

/// Follows the search and the rows of a page; false where the browser has no marks.
pub fn follow(view: TableView) -> bool {
    let Some(marks) = Marks::new() else {
        return false;
    };
    let marks = StoredValue::new(SendWrapper::new(marks));
    let searches = Memo::new(move |_| {
        let query = view.query.read();
        query.words().map(str::to_lowercase).collect::<Vec<_>>()
    });
    // Only text columns are searched, and only the table's own.
    let columns = Memo::new(move |_| {
        let columns = view.live.rows.columns.read();
        let query = view.query.read();
        columns
            .iter()
            .map(|shown| &shown.column)
            .filter(|column| column.kind == ColumnKind::Text)
            .filter(|column| query.embedded(&column.name).is_none())
            .map(|column| column.name.clone())
            .collect::<HashSet<_>>()
    });
    effect(move || {
        let words = searches.get();
        let columns = columns.get();
        marks.with_value(|marks| marks.clear());
        if words.is_empty() {
            return;
        }
        let paint = move || {
            // The page may have been left since the frame was asked for.
            let _ = marks.try_with_value(|marks| marks.paint(&words, &columns));
        };
        let observer = Observer::new(paint.clone());
        request_animation_frame(paint);
        let observer = StoredValue::new(observer.map(SendWrapper::new));
        on_cleanup(move || {
            observer.with_value(|observer| {
                if let Some(observer) = observer {
                    observer.of.disconnect();
                }
            });
        });
    });
    on_cleanup(move || marks.with_value(|marks| marks.clear()));
    true
}

/// Calls something in the next frame after rows have changed.
struct Observer {
    of: MutationObserver,
    // The browser calls it for as long as it observes.
    _changed: Closure<dyn FnMut()>,
}

impl Observer {
    fn new(paint: impl Fn() + Clone + 'static) -> Option<Self> {
        let asked = std::rc::Rc::new(std::cell::Cell::new(false));
        let changed = Closure::<dyn FnMut()>::new(move || {
            if asked.replace(true) {
                return;
            }
            let (asked, paint) = (asked.clone(), paint.clone());
            request_animation_frame(move || {
                asked.set(false);
                paint();
            });
        });
        let of = MutationObserver::new(changed.as_ref().unchecked_ref()).ok()?;
        let options = MutationObserverInit::new();
        options.set_child_list(true);
        options.set_character_data(true);
        options.set_subtree(true);
        let rows = document().query_selector("main.rows").ok()??;
        of.observe_with_options(&rows, &options).ok()?;
        Some(Self {
            of,
            _changed: changed,
        })
    }
}

/// The browser's marks of this page.
struct Marks {
    ranges: Set,
    /// Makes a range.
    range: Function,
}

impl Marks {
    /// Empty ones; `None` where the browser has none.
    fn new() -> Option<Self> {
        let get = |of: &JsValue, name: &str| Reflect::get(of, &JsValue::from_str(name)).ok();
        let make: Function = get(&window(), "Highlight")?.dyn_into().ok()?;
        let range = get(&window(), "Range")?.dyn_into().ok()?;
        let registry = get(&get(&window(), "CSS")?, "highlights")?;
        let ranges = Reflect::construct(&make, &Array::new()).ok()?;
        // A registry has a map's ways, and a highlight a set's.
        registry
            .dyn_ref::<js_sys::Object>()?
            .unchecked_ref::<Map>()
            .set(&JsValue::from_str(NAME), &ranges);
        Some(Self {
            ranges: ranges.unchecked_into(),
            range,
        })
    }

    fn clear(&self) {
        self.ranges.clear();
    }

    fn paint(&self, words: &[String], columns: &HashSet<String>) {
        self.clear();
        let Ok(cells) = document().query_selector_all("tr[data-row] > [data-column]") else {
            return;
        };
        for at in 0..cells.length() {
            let cell = cells.item(at).and_then(|of| of.dyn_into::<Element>().ok());
            let Some(cell) = cell else { continue };
            let name = cell.get_attribute("data-column");
            if name.is_some_and(|name| columns.contains(&name))
                && let Some(value) = cell.query_selector(".v").ok().flatten()
            {
                self.mark(&value, words);
            }
        }
    }

    /// Marks the words in all text within a node.
    fn mark(&self, node: &Node, words: &[String]) {
        if node.node_type() == Node::TEXT_NODE {
            let text = node.node_value().unwrap_or_default();
            for place in places(&text, words) {
                // The places are of this text, which nothing has changed since.
                if let Some(range) = self.range_of(node, place.start, place.end) {
                    self.ranges.add(&range);
                }
            }
            return;
        }
        let mut child = node.first_child();
        while let Some(of) = child {
            self.mark(&of, words);
            child = of.next_sibling();
        }
    }

    /// The part of a text node from one place to another.
    fn range_of(&self, node: &Node, start: u32, end: u32) -> Option<JsValue> {
        let range = Reflect::construct(&self.range, &Array::new()).ok()?;
        for (name, at) in [("setStart", start), ("setEnd", end)] {
            let set: Function = Reflect::get(&range, &JsValue::from_str(name))
                .ok()?
                .dyn_into()
                .ok()?;
            set.call2(&range, node, &JsValue::from(at)).ok()?;
        }
        Some(range)
    }
}
