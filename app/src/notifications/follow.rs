//! Following what the reader has not read, on whatever page they are.

use leptos::prelude::*;
use rowcast_protocol::Cell;

use super::{
    Unread,
    popup::{self, Popup},
};
use crate::{erased::effect, live::live_list::follow_list};

/// What is followed: how many there are, and the newest, which a browser shows by itself.
const QUERY: &str = "read_at=is.null&order=id.desc&select=id,title,body,link&limit=20";

/// Counts what is not read from now on, and shows what comes.
pub fn begin(Unread(unread): Unread) {
    let list = follow_list("rowcast.notification", Memo::new(|_| QUERY.to_owned()));
    // What was there before this page is no news.
    let mut newest = None;
    effect(move || {
        if !list.arrived.get() {
            return;
        }
        let total = list.total.get();
        if unread.get_untracked() != total {
            unread.set(total);
        }
        let rows = list.rows.read();
        let popups: Vec<Popup> = rows.iter().filter_map(|row| popup_of(&row.cells)).collect();
        let first = popups.iter().map(|popup| popup.id).max().unwrap_or(0);
        if let Some(before) = newest {
            let come = popups.into_iter().filter(|popup| popup.id > before);
            popup::show(come.collect());
        }
        newest = newest.max(Some(first));
    });
}

fn popup_of(cells: &[Cell]) -> Option<Popup> {
    let [id, title, body, link] = cells else {
        return None;
    };
    let text = |cell: &Cell| match cell {
        Cell::Text(text) | Cell::Number(text) => Some(text.to_string()),
        _ => None,
    };
    Some(Popup {
        id: text(id)?.parse().ok()?,
        title: text(title)?,
        body: text(body)?,
        link: text(link)?,
    })
}
