//! Following what the reader has not read, on whatever page they are.

use js_sys::Date;
use leptos::prelude::*;
use rowcast_protocol::Cell;

use super::{
    Unread,
    popup::{self, Popup, news},
};
use crate::{
    erased::effect,
    live::{live_list::follow_list, status::LiveStatus},
};

/// What is followed: how many there are, and the newest, which a browser shows by itself.
const QUERY: &str = "read_at=is.null&order=id.desc&select=id,title,body,link,at&limit=20";

/// Counts what is not read from now on, and shows what comes.
pub fn begin(Unread(unread): Unread) {
    let list = follow_list("rowcast.notification", Memo::new(|_| QUERY.to_owned()));
    let status = expect_context::<LiveStatus>();
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
        popup::show(news(popups, Date::now() + status.ahead().unwrap_or(0.0)));
    });
}

fn popup_of(cells: &[Cell]) -> Option<Popup> {
    let [id, title, body, link, at] = cells else {
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
        at: text(at)?,
    })
}
