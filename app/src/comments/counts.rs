//! How many comments rows have, beside the rows in the table.

use std::{collections::BTreeMap, time::Duration};

use leptos::prelude::*;
use rowcast_protocol::RowKey;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::{
    address::{encode, of_key},
    erased::effect,
    feed::text,
    grid::GridState,
    live::live_list::follow_list,
    pages::table::TableView,
};

/// How long rows that come are gathered before the counts of them are asked for.
const GATHERED: Duration = Duration::from_millis(300);

/// How many rows one query asks about, and how many bytes of it name them.
const MOST: usize = 500;
const MOST_BYTES: usize = 12 << 10;

/// How many queries there are: of what is left over nothing is said.
const QUERIES: usize = 8;

/// The longest key of a row with comments.
const LONGEST: usize = 1000;

/// Marks the rows of a table that are in the document with how many comments they have, from now on.
pub fn begin(view: TableView, grid: GridState) {
    let has_threads = view.table.with_value(|table| table.may.comment);
    if !has_threads {
        return;
    }
    // The rows that are asked about, by the queries that do.
    let asked = RwSignal::new(Vec::<Vec<String>>::new());
    let counts = RwSignal::new(BTreeMap::<String, String>::new());
    let waiting = StoredValue::new(false);
    let gather = move |is_anew: bool| {
        if waiting.get_value() && !is_anew {
            return;
        }
        waiting.set_value(true);
        set_timeout(
            move || {
                // The page may have been left by now.
                if waiting.try_set_value(false).is_some() {
                    return;
                }
                let now = keys_of(view);
                let is_known = asked.with_untracked(|of| {
                    let is_in =
                        |key: &String| of.iter().any(|keys| keys.binary_search(key).is_ok());
                    now.iter().flatten().all(is_in)
                });
                if is_anew || !is_known {
                    asked.set(now);
                }
            },
            GATHERED,
        );
    };
    effect(move || {
        view.live.rows.list.track();
        gather(false);
    });
    let table = view.path.with_value(|path| encode(path));
    effect(move || {
        let asked = asked.get();
        untrack(|| {
            counts.update(|counts| {
                counts.retain(|key, _| asked.iter().any(|keys| keys.binary_search(key).is_ok()));
            });
            for keys in asked {
                // A row among them is not seen any more: the others are asked about.
                follow(&table, keys, counts, move || gather(true));
            }
        });
    });
    effect(move || {
        // Rows come into the document and leave it.
        grid.painted.track();
        let counts = counts.read();
        let rows = document().query_selector(".rows").ok().flatten();
        if let Some(rows) = rows {
            // There is room for the marks where there are any.
            let _ = rows.toggle_attribute_with_force("data-comments", !counts.is_empty());
        }
        let path = view.path.read_value();
        let shown = grid.shown.read_untracked();
        for row in &shown.rows {
            let address = of_key(&row.key);
            let count = counts.get(&address);
            // Before the columns stands the cell that chooses the row.
            let cell = grid
                .element_at(row.id, 0)
                .and_then(|cell| cell.previous_element_sibling());
            if let Some(cell) = cell.and_then(|cell| cell.dyn_into::<HtmlElement>().ok()) {
                mark(&cell, &path, &address, count.map(String::as_str));
            }
        }
    });
}

/// Keeps the counts of these rows as they are.
fn follow(
    table: &str,
    keys: Vec<String>,
    counts: RwSignal<BTreeMap<String, String>>,
    lost: impl Fn() + 'static,
) {
    let named: Vec<String> = keys.iter().map(|key| encode(&quoted(key))).collect();
    let query = format!(
        "table=eq.{table}&key=in.({})&select=key,comments&limit=1000",
        named.join(",")
    );
    let list = follow_list("rowcast.comment_count", Memo::new(move |_| query.clone()));
    effect(move || {
        let error = list.error.get();
        if error.is_some_and(|error| error.code == "unknown_row") {
            untrack(&lost);
        }
    });
    effect(move || {
        if !list.arrived.get() {
            return;
        }
        let rows = list.rows.read();
        let read = rows.iter().filter_map(|row| match &row.cells[..] {
            [key, count] => Some((text(key)?, text(count)?)),
            _ => None,
        });
        counts.update(|counts| {
            counts.retain(|key, _| keys.binary_search(key).is_err());
            counts.extend(read);
        });
    });
}

/// The addresses of the rows that the page follows, in an order of their own, as many as one query
/// asks about beside one another.
fn keys_of(view: TableView) -> Vec<Vec<String>> {
    let rows = view.live.rows.list.read_untracked();
    let keys = rows.iter().map(|row| &row.key).filter(|key| is_whole(key));
    let mut keys: Vec<String> = keys
        .map(of_key)
        .filter(|key| key.len() <= LONGEST)
        .collect();
    keys.sort_unstable();
    let mut queries: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for key in keys {
        let size = encode(&quoted(&key)).len() + 1;
        match queries.last_mut() {
            Some(keys) if keys.len() < MOST && bytes + size <= MOST_BYTES => {
                bytes += size;
                keys.push(key);
            }
            _ => {
                bytes = size;
                queries.push(vec![key]);
            }
        }
    }
    queries.truncate(QUERIES);
    queries
}

fn is_whole(key: &RowKey) -> bool {
    !key.0.is_empty()
}

/// A value within a list of values.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn mark(cell: &HtmlElement, table: &str, address: &str, count: Option<&str>) {
    let known = cell.query_selector(".comment-count").ok().flatten();
    let Some(count) = count else {
        if let Some(known) = known {
            known.remove();
        }
        return;
    };
    let label = match count {
        "1" => "1 comment".to_owned(),
        _ => format!("{count} comments"),
    };
    let link = known.or_else(|| {
        let link = document().create_element("a").ok()?;
        link.set_class_name("comment-count");
        for (name, value) in [("rel", "external"), ("tabindex", "-1")] {
            link.set_attribute(name, value).ok()?;
        }
        cell.append_child(&link).ok()?;
        Some(link)
    });
    let Some(link) = link else { return };
    if link.text_content().as_deref() == Some(count) {
        return;
    }
    link.set_text_content(Some(count));
    let href = format!("/comments/{}/{address}", encode(table));
    for (name, value) in [("aria-label", &label), ("title", &label), ("href", &href)] {
        // Only names that no attribute can have are refused.
        let _ = link.set_attribute(name, value);
    }
}
