//! The views that a reader may choose from, as they are now.

use leptos::prelude::*;
use rowcast_protocol::{Cell, message::Row};

use super::SavedView;
use crate::{
    address::encode,
    erased::effect,
    live::live_list::{LiveList, follow_list},
    pages::table::TableView,
    reader::Reader,
};

/// Follows everybody's views of the page's table and the reader's own, and has the page know
/// them.
pub fn follow(view: TableView, reader: Reader) -> LiveList {
    let query = Memo::new(move |_| {
        let owner = reader.name();
        view.path.with_value(|path| query(path, owner.as_deref()))
    });
    let list = follow_list("rowcast.saved_view", query);
    effect(move || {
        if list.arrived.get() {
            let views = list.rows.read().iter().filter_map(view_of).collect();
            view.views.0.set(views);
        }
    });
    list
}

/// The query of the views of a table for everybody and for one person, by name.
fn query(path: &str, owner: Option<&str>) -> String {
    let whose = match owner {
        None => "owner=is.null".to_owned(),
        Some(name) => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let quoted = encode(&format!("\"{quoted}\""));
            format!("or=(owner.is.null,owner.eq.{quoted})")
        }
    };
    format!(
        "table_path=eq.{}&{whose}&order=name&select=id,name,owner,is_default,query&limit=1000",
        encode(path)
    )
}

fn view_of(row: &Row) -> Option<SavedView> {
    let [id, name, owner, default, query] = &row.cells[..] else {
        return None;
    };
    let text = |cell: &Cell| match cell {
        Cell::Text(text) | Cell::Number(text) => Some(text.to_string()),
        _ => None,
    };
    Some(SavedView {
        id: text(id)?.parse().ok()?,
        name: text(name)?,
        owner: text(owner),
        default: *default == Cell::Bool(true),
        query: text(query)?,
    })
}
