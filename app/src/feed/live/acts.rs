//! What is done with posts.

use leptos::{
    ev::{KeyboardEvent, MouseEvent, SubmitEvent},
    prelude::*,
    task::spawn_local,
};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlFormElement};

use super::find;
use crate::{
    edit::api::request,
    feed::{
        Post,
        composer::Composer,
        window::{Window, id_of},
    },
};

/// Moves the focus to a post.
pub fn focus(id: i64) {
    let element = document().get_element_by_id(&format!("post-{id}"));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Does what a link or button of a post says, without leaving the page.
pub fn click(
    event: &MouseEvent,
    posts: Memo<Vec<Post>>,
    reacted: Memo<Vec<(i64, String)>>,
    composer: Composer,
    window: Window,
    scroller: NodeRef<leptos::html::Div>,
    refused: RwSignal<Option<String>>,
) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let Some(target) = target.filter(|_| !event.ctrl_key() && !event.meta_key()) else {
        return;
    };
    let closest = |selector: &str| target.closest(selector).ok().flatten();
    let Some(item) = closest("li.post") else {
        return;
    };
    let post = id_of(&item).and_then(|id| {
        posts.with_untracked(|posts| posts.iter().find(|post| post.id == id).cloned())
    });
    let Some(post) = post else { return };
    if let Some(act) = closest("[data-act]").and_then(|act| act.get_attribute("data-act")) {
        event.prevent_default();
        match act.as_str() {
            "reply" => composer.reply(&post),
            _ => composer.edit(&post),
        }
    } else if let Some(to) = closest("[data-to]").and_then(|to| to.get_attribute("data-to")) {
        let scroller = scroller.get_untracked();
        let id = to.parse().unwrap_or(0);
        // One in another part of the channel has a page of its own.
        if scroller.is_some_and(|scroller| window.show(&scroller, id)) {
            event.prevent_default();
            focus(id);
        }
    } else if let Some(emoji) =
        closest("[data-emoji]").and_then(|of| of.get_attribute("data-emoji"))
    {
        if let Some(details) = closest("details.react") {
            let _ = details.remove_attribute("open");
        }
        let is_own = reacted.with_untracked(|all| all.contains(&(post.id, emoji.clone())));
        let address = format!("/api/posts/{}/reactions", post.id);
        let body = format!(
            "{{\"emoji\":{},\"on\":{}}}",
            serde_json::Value::from(emoji.as_str()),
            !is_own
        );
        spawn_local(async move {
            let done = request("PUT", &address, Some(body)).await;
            refused.set(done.err().map(|refusal| refusal.text()));
        });
    }
}

/// Closes the choice of reactions by Escape, and gives the focus back to what opened it.
pub fn pressed(event: &KeyboardEvent) {
    if event.key() != "Escape" {
        return;
    }
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let open = target.and_then(|target| target.closest("details.react[open]").ok()?);
    let Some(open) = open else { return };
    event.prevent_default();
    let _ = open.remove_attribute("open");
    if let Some(summary) = find(Some(&open), "summary") {
        let _ = summary.focus();
    }
}

/// Deletes a post, without leaving the page.
pub fn submitted(event: &SubmitEvent, refused: RwSignal<Option<String>>) {
    let form = event
        .target()
        .and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
    let action = form
        .and_then(|form| form.get_attribute("action"))
        .unwrap_or_default();
    let Some(path) = action.strip_suffix("/delete") else {
        return;
    };
    event.prevent_default();
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    if !window()
        .confirm_with_message("Delete this post?")
        .unwrap_or(false)
    {
        return;
    }
    spawn_local(async move {
        let done = request("DELETE", &format!("/api/posts/{id}"), None).await;
        refused.set(done.err().map(|refusal| refusal.text()));
        focus(id.parse().unwrap_or(0));
    });
}
