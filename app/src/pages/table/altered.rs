//! A table that is altered while its page is open.

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::Column;

use super::TableView;
use crate::{erased::effect, live::fetch};

/// Has the page know the table as it is. Rows that come with other columns than the table had
/// say that it was altered; what else is known of it, such as which columns need a value, is
/// asked for then.
pub fn follow(view: TableView) {
    effect(move || {
        let shown = view.live.rows.columns.get();
        let query = view.query.read_untracked();
        let own: Vec<&Column> = shown
            .iter()
            .map(|shown| &shown.column)
            .filter(|column| query.embedded(&column.name).is_none())
            .collect();
        let is_as_known = view.table.with_value(|table| {
            own.iter().all(|column| table.columns.contains(column))
                && (query.select.is_some() || own.len() == table.columns.len())
        });
        if own.is_empty() || is_as_known {
            return;
        }
        let table = view.path.with_value(|path| fetch::table(path));
        spawn_local(async move {
            // Without an answer it is known as it was; the next rows ask again.
            if let Ok(table) = table.await {
                // The page may have been left meanwhile.
                let _ = view.table.try_set_value(table);
            }
        });
    });
}
