//! The page of a thread, as it is now: the thread takes the place of the one that the server sent.

use leptos::{mount::mount_to, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlTextAreaElement};

use super::{
    row::ShownRow,
    thread::{At, thread},
    writer::Writer,
};
use crate::{
    components::connection_status::ConnectionStatus,
    erased::{Erase, effect},
    feed::{FeedLink, News, dot},
    live::status::LiveStatus,
    notifications::{Bell, Unread, follow, titled},
};

/// Makes the page live. Nothing is left to be done where it is not this one.
pub fn begin() {
    let Some(place) = find("#thread-live") else {
        return;
    };
    let text = |name: &str| place.get_attribute(name).unwrap_or_default();
    let at = At {
        table: text("data-table"),
        key: text("data-key"),
        page: text("data-page"),
        own: text("data-own").parse().ok(),
        may_delete: place.has_attribute("data-may-delete"),
        row: find(".thread-page #row").map(|name| ShownRow {
            query: text("data-row"),
            name: name.text_content().unwrap_or_default(),
        }),
    };
    // Another part of the thread than the newest stays as it was sent.
    let is_newest = !window()
        .location()
        .search()
        .unwrap_or_default()
        .contains("before=");
    let status = LiveStatus::default();
    let unread = Unread::new();
    if let Some(bell) = find(".bell-place") {
        bell.set_inner_html("");
        mount_to(bell, move || {
            let news = News::default();
            provide_context(status);
            provide_context(news);
            provide_context(unread);
            follow::begin(unread);
            effect(move || document().set_title(&titled("Comments", unread.0.get())));
            dot::begin(news);
            // Another part of the thread is not followed.
            let link = is_newest.then(|| view! { <ConnectionStatus live=true /> });
            view! { {link} <FeedLink /> <Bell /> }.made_here()
        })
        .forget();
    }
    if is_newest {
        mount_to(place, move || {
            provide_context(status);
            thread(at, take_place)
        })
        .forget();
    }
}

fn find(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok()??.dyn_into().ok()
}

/// Removes what the server sent. What was being written there goes on.
fn take_place(writer: Writer) {
    let Some(sent) = find("#thread-sent") else {
        return;
    };
    let begun = begun(&sent);
    sent.remove();
    let asked = window().location().hash().unwrap_or_default();
    request_animation_frame(move || {
        if let Some((editing, body)) = begun {
            writer.resume(editing, &body);
        } else if let Some(id) = asked
            .strip_prefix("#comment-")
            .and_then(|id| id.parse().ok())
        {
            writer.focus_comment(id);
        }
    });
}

/// What is being written in the form that the server sent; `None`: nothing.
fn begun(sent: &HtmlElement) -> Option<(Option<i64>, String)> {
    let form = sent.query_selector("form#write").ok()??;
    let text: HtmlTextAreaElement = form.query_selector("textarea").ok()??.dyn_into().ok()?;
    let action = form.get_attribute("action").unwrap_or_default();
    let editing = action
        .strip_suffix("/edit")
        .and_then(|path| path.rsplit('/').next()?.parse().ok());
    let body = text.value();
    let is_in_it = document()
        .active_element()
        .is_some_and(|active| text.is_same_node(Some(&active)));
    (editing.is_some() || !body.trim().is_empty() || is_in_it).then_some((editing, body))
}
