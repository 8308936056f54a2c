//! How many comments rows have, beside the rows in the table.

use std::{collections::BTreeMap, time::Duration};

use leptos::prelude::*;
use rowcast_protocol::{RowKey, TableKind};
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

/// How many rows are asked about: more are in no page.
const MOST: usize = 500;

/// Marks the rows of a table that are in the document with how many comments they have, from now on.
pub fn begin(view: TableView, grid: GridState) {
    let has_threads = view.table.with_value(|table| {
        table.kind == TableKind::Table && !table.key.is_empty() && table.schema != "rowcast"
    });
    if !has_threads {
        return;
    }
    let followed = RwSignal::new(Vec::<String>::new());
    // How often it was asked anew of the same rows.
    let again = RwSignal::new(0_u32);
    let table = view.path.with_value(|path| encode(path));
    let query = Memo::new(move |_| {
        let keys = followed.read();
        let keys: Vec<String> = keys.iter().map(|key| encode(&quoted(key))).collect();
        let limit = 1000 - again.get() % 2;
        format!(
            "table=eq.{table}&key=in.({})&select=key,comments&limit={limit}",
            keys.join(",")
        )
    });
    let waiting = StoredValue::new(false);
    let gather = move || {
        if waiting.get_value() {
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
                let is_known = followed.with_untracked(|of| now.iter().all(|key| of.contains(key)));
                if !is_known {
                    followed.set(now);
                }
            },
            GATHERED,
        );
    };
    effect(move || {
        view.live.rows.list.track();
        gather();
    });
    let is_begun = Memo::new(move |_| !followed.read().is_empty());
    effect(move || {
        if is_begun.get() {
            untrack(|| follow(grid, query, followed, again, view));
        }
    });
}

fn follow(
    grid: GridState,
    query: Memo<String>,
    followed: RwSignal<Vec<String>>,
    again: RwSignal<u32>,
    view: TableView,
) {
    let list = follow_list("rowcast.comment_count", query);
    effect(move || {
        let error = list.error.get();
        // A row among them is not seen any more: the others are asked about.
        if error.is_some_and(|error| error.code == "unknown_row") {
            set_timeout(
                move || {
                    let now = untrack(|| keys_of(view));
                    let _ = followed.try_set(now);
                    let _ = again.try_update(|again| *again += 1);
                },
                GATHERED,
            );
        }
    });
    let counts = Memo::new(move |_| {
        let rows = list.rows.read();
        let read = rows.iter().filter_map(|row| match &row.cells[..] {
            [key, count] => Some((text(key)?, text(count)?)),
            _ => None,
        });
        read.collect::<BTreeMap<_, _>>()
    });
    effect(move || {
        // Rows come into the document and leave it.
        grid.painted.track();
        let counts = counts.read();
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

/// The addresses of the rows that the page follows, in an order of their own.
fn keys_of(view: TableView) -> Vec<String> {
    let rows = view.live.rows.list.read_untracked();
    let keys = rows.iter().map(|row| &row.key).filter(|key| is_whole(key));
    let mut keys: Vec<String> = keys.take(MOST).map(of_key).collect();
    keys.sort_unstable();
    keys
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
