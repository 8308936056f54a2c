//! What stands for a link to rows: the table's name, and how many they are, or what the one is.

use leptos::prelude::*;
use rowcast_protocol::{Cell, message::Row};

use crate::{
    address::decode,
    erased::{Erase, Erased, changing},
    format::number::grouped,
    live::live_list::follow_list,
};

/// What an address of a page has beside its filter: it does not say which rows there are.
const OF_THE_PAGE: [&str; 5] = ["order", "select", "limit", "offset", "chart"];

/// How many letters of a row are shown.
const LETTERS: usize = 60;

/// The chip for an address; `None` if it is of no table.
pub fn chip(href: &str) -> Option<Erased> {
    let own = leptos::prelude::location().origin().unwrap_or_default();
    let path = href.strip_prefix(&own).unwrap_or(href);
    let (table, query) = split(path)?;
    let href = path.to_owned();
    let name = decode(&table);
    let list = follow_list(name.clone(), Memo::new(move |_| query.clone()));
    let said = move || {
        if !list.arrived.get() || list.error.read().is_some() {
            return None;
        }
        let rows = list.rows.read();
        Some(match (list.total.get(), rows.first()) {
            (1, Some(row)) => brief(row),
            (1, None) => "1 row".to_owned(),
            (total, _) => format!("{} rows", grouped(total)),
        })
    };
    Some(
        view! {
            <a class="row-chip" href=href rel="external">
                <bdi class="row-chip-name">{name}</bdi>
                <bdi class="row-chip-said">{changing(said)}</bdi>
            </a>
        }
        .made_here(),
    )
}

/// The table of an address, and what says which of its rows.
fn split(path: &str) -> Option<(String, String)> {
    let rest = path.strip_prefix("/tables/")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
    if table.is_empty() || table.contains('/') {
        return None;
    }
    let kept = query.split('&').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        !name.is_empty() && !name.starts_with('~') && !OF_THE_PAGE.contains(&name)
    });
    let query = kept.chain(["limit=1"]).collect::<Vec<_>>().join("&");
    Some((table.to_owned(), query))
}

/// The first words of a row.
fn brief(row: &Row) -> String {
    let words = row.cells.iter().filter_map(|cell| match cell {
        Cell::Text(text) | Cell::Number(text) => Some(text.to_string()),
        _ => None,
    });
    let all = words.take(3).collect::<Vec<_>>().join(" · ");
    let mut brief: String = all.chars().take(LETTERS).collect();
    if brief.len() < all.len() {
        brief.push('…');
    }
    brief
}
