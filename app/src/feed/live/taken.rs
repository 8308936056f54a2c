//! Taking the place of what the server sent.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlTextAreaElement};

use super::find;
use crate::feed::composer::{Composer, Writing};

/// Removes what the server sent. What was being written there goes on in the dialog.
pub fn take_place(composer: Composer) {
    let Some(sent) = find(document().body().as_deref(), "#feed-sent") else {
        return;
    };
    let begun = begun(&sent);
    sent.remove();
    if let Some((writing, body)) = begun {
        // The dialog is in the page by then.
        request_animation_frame(move || composer.resume(writing, body));
    }
}

/// What is being written in the form that the server sent; `None`: nothing.
fn begun(sent: &Element) -> Option<(Writing, String)> {
    let form = sent.query_selector("form#write").ok()??;
    let text = form.query_selector("textarea").ok()??;
    let text: HtmlTextAreaElement = text.dyn_into().ok()?;
    let action = form.get_attribute("action").unwrap_or_default();
    let edit = action
        .strip_suffix("/edit")
        .and_then(|path| path.rsplit('/').next()?.parse().ok());
    let answered = form.query_selector("[name=reply_to]").ok().flatten();
    let reply = answered.and_then(|of| {
        let id = of.get_attribute("value")?.parse().ok()?;
        Some((id, of.get_attribute("data-name").unwrap_or_default()))
    });
    let writing = match (edit, reply) {
        (Some(id), _) => Writing::Edit(id),
        (None, Some((id, name))) => Writing::Reply(id, name),
        (None, None) => Writing::New,
    };
    let body = text.value();
    let is_in_it = document()
        .active_element()
        .is_some_and(|active| text.is_same_node(Some(&active)));
    let is_begun = writing != Writing::New || !body.trim().is_empty() || is_in_it;
    is_begun.then_some((writing, body))
}
