//! The filters that were used last, kept by the browser for each table.

use rowcast_protocol::query::{Filter, Query};

/// How many are kept.
pub const KEPT: usize = 10;

/// The text of filters, as it is kept: one line, that of an address.
pub fn line(filter: &[Filter]) -> String {
    let query = Query {
        filter: filter.to_vec(),
        ..Query::default()
    };
    query.to_query_string()
}

/// What was kept, as far as it can be read, the last first.
pub fn read(kept: &str) -> Vec<Vec<Filter>> {
    let filters = kept.lines().filter_map(|line| Query::parse(line).ok());
    filters
        .map(|query| query.filter)
        .filter(|filter| !filter.is_empty())
        .take(KEPT)
        .collect()
}

/// What is kept once a filter was used.
pub fn with(kept: &str, used: &str) -> String {
    let before = kept
        .lines()
        .filter(|line| *line != used && !line.is_empty());
    let lines: Vec<&str> = std::iter::once(used).chain(before).take(KEPT).collect();
    lines.join("\n")
}

#[cfg(feature = "hydrate")]
pub use browser::{clear, kept, remember};

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::window;

    fn place(table: &str) -> String {
        ["rowcast.filters.", table].concat()
    }

    fn storage() -> Option<web_sys::Storage> {
        window().local_storage().ok().flatten()
    }

    /// What is kept of a table; nothing where the browser keeps nothing.
    pub fn kept(table: &str) -> String {
        let kept = storage().and_then(|storage| storage.get_item(&place(table)).ok().flatten());
        kept.unwrap_or_default()
    }

    /// Keeps a filter that was used.
    pub fn remember(table: &str, used: &str) {
        if let Some(storage) = storage() {
            // Where the browser has no room for it, it is not kept.
            let _ = storage.set_item(&place(table), &super::with(&kept(table), used));
        }
    }

    /// Keeps none any more.
    pub fn clear(table: &str) {
        if let Some(storage) = storage() {
            // What is not there is removed already.
            let _ = storage.remove_item(&place(table));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stands_first_and_once_and_ten_are_kept() {
        let mut kept = String::new();
        for n in (0..12).chain([5]) {
            kept = with(&kept, &format!("id=eq.{n}"));
        }
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(lines.len(), KEPT);
        assert_eq!(lines[..3], ["id=eq.5", "id=eq.11", "id=eq.10"]);
    }

    #[test]
    fn what_can_not_be_read_any_more_is_passed_over() {
        let read = read("id=eq.1\nid=nosuch.2\n\norder=id\nid=eq.3");
        let lines: Vec<String> = read.iter().map(|filter| line(filter)).collect();
        assert_eq!(lines, ["id=eq.1", "id=eq.3"]);
    }
}
