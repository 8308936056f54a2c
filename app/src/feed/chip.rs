//! What stands for a link to rows: the table's name, and how many they are, or what the one is.

use leptos::prelude::*;
use rowcast_protocol::{Cell, message::Row};

use crate::{
    address::decode,
    erased::{Erase, Erased, changing},
    format::number::grouped,
    live::live_list::{LiveList, follow_list},
};

/// What an address of a page has beside its filter: it does not say which rows there are.
const OF_THE_PAGE: [&str; 5] = ["order", "select", "limit", "offset", "chart"];

/// How many letters of a row are shown.
const LETTERS: usize = 60;

/// How many queries the chips of a page follow at once: what is beyond that stays a link, for the posts
/// themselves are followed by the same connection.
const LIVE: usize = 20;

/// What the chips of a page follow: those that ask the same share a query. A context of them.
#[derive(Clone, Copy)]
pub struct Chips {
    owner: StoredValue<Owner>,
    asked: StoredValue<Vec<Asked>>,
}

/// A query that chips follow.
struct Asked {
    table: String,
    query: String,
    list: LiveList,
    /// How many do.
    chips: usize,
    /// What it is ended by.
    _owner: Owner,
}

impl Chips {
    /// None yet.
    pub fn new() -> Self {
        Self {
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            asked: StoredValue::new(Vec::new()),
        }
    }

    /// What a chip follows, which is a part of what is made now; `None`: there are too many.
    fn follow(self, table: &str, query: &str) -> Option<LiveList> {
        let known = self.asked.try_update_value(|asked| {
            let found = asked
                .iter_mut()
                .find(|of| of.table == table && of.query == query);
            if let Some(of) = found {
                of.chips += 1;
                return Ok(of.list);
            }
            Err(asked.len() < LIVE)
        })?;
        let list = match known {
            Ok(list) => list,
            Err(false) => return None,
            Err(true) => {
                let owner = self.owner.try_with_value(Owner::child)?;
                let (of, asks) = (table.to_owned(), query.to_owned());
                let list =
                    owner.with(|| untrack(|| follow_list(of, Memo::new(move |_| asks.clone()))));
                self.asked.try_update_value(|asked| {
                    asked.push(Asked {
                        table: table.to_owned(),
                        query: query.to_owned(),
                        list,
                        chips: 1,
                        _owner: owner,
                    });
                });
                list
            }
        };
        let (table, query) = (table.to_owned(), query.to_owned());
        on_cleanup(move || {
            // It ends outside of what holds it.
            let _ended = self.asked.try_update_value(|asked| {
                let at = asked
                    .iter()
                    .position(|of| of.table == table && of.query == query)?;
                asked[at].chips -= 1;
                (asked[at].chips == 0).then(|| asked.swap_remove(at))
            });
        });
        Some(list)
    }
}

/// The chip for an address; `None` if it is of no table that it is shown for, or there are many.
pub fn chip(href: &str) -> Option<Erased> {
    let own = leptos::prelude::location().origin().unwrap_or_default();
    let path = href.strip_prefix(&own).unwrap_or(href);
    let (table, query) = split(path)?;
    let href = path.to_owned();
    let name = decode(&table);
    // To look at what is ours may be noted, and nobody asked for that who reads a post.
    if is_ours(&name) {
        return None;
    }
    let list = use_context::<Chips>()?.follow(&name, &query)?;
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
        let name = decode(part.split('=').next().unwrap_or_default());
        !name.is_empty() && !name.starts_with('~') && !OF_THE_PAGE.contains(&name.as_str())
    });
    let query = kept.chain(["limit=1"]).collect::<Vec<_>>().join("&");
    Some((table.to_owned(), query))
}

/// Whether a table is one of the server's own.
fn is_ours(table: &str) -> bool {
    let plain = table.replace('"', "").to_ascii_lowercase();
    plain.trim_start().starts_with("rowcast.")
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
