//! What a comment is written in. It stands within the detail of a row, which is a form itself.

use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;

use crate::{
    edit::api::request,
    erased::{Erase, Erased, changing, handler},
    feed::{
        LONGEST, Post,
        kept::{Kept, forget},
    },
};

/// It.
#[derive(Clone, Copy)]
pub struct Writer {
    page: StoredValue<String>,
    /// What is kept while it is written.
    kept: Kept,
    /// The comment that is being changed.
    editing: RwSignal<Option<i64>>,
    text: NodeRef<leptos::html::Textarea>,
    refused: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
}

impl Writer {
    /// For the thread of that page.
    pub fn new(page: String, own: Option<i64>) -> Self {
        let own = own.unwrap_or(0);
        Self {
            kept: Kept::new("comment", own, &page),
            page: StoredValue::new(page),
            editing: RwSignal::new(None),
            text: NodeRef::new(),
            refused: RwSignal::new(None),
            busy: RwSignal::new(false),
        }
    }

    /// Has a comment changed: from where that was left, if it was begun before.
    pub fn edit(self, post: &Post) {
        let kept = self.kept.begun(Some(post.id));
        self.resume(Some(post.id), kept.as_deref().unwrap_or(&post.body));
    }

    /// Goes on with what was begun; of a new comment that is nothing of, with what is kept.
    pub fn resume(self, editing: Option<i64>, body: &str) {
        let kept = match editing {
            None if body.is_empty() => self.kept.begun(None),
            _ => None,
        };
        let body = kept.as_deref().unwrap_or(body);
        self.editing.set(editing);
        self.refused.set(None);
        if let Some(text) = self.text.get_untracked() {
            text.set_value(body);
            // A comment as it stands is no draft of it.
            if editing.is_none() {
                self.keep();
            }
        }
        self.focus();
    }

    /// Has the focus where one writes.
    pub fn focus(self) {
        if let Some(text) = self.text.get_untracked() {
            // It is there, and takes the focus.
            let _ = text.focus();
        }
    }

    /// Keeps what is written.
    fn keep(self) {
        if let Some(text) = self.text.get_untracked() {
            self.kept.keep(self.editing.get_untracked(), &text);
        }
    }

    /// Says what was refused; `None`: nothing was.
    pub fn say(self, refused: Option<String>) {
        // The dialog may have gone meanwhile.
        let _ = self.refused.try_set(refused);
    }

    /// Has the focus at a comment.
    pub fn focus_comment(self, id: i64) {
        let element = document().get_element_by_id(&format!("comment-{id}"));
        let element = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            let _ = element.focus();
        }
    }

    /// The comment is as it is to be. What was begun before that goes on.
    fn stop(self) {
        if let Some(text) = self.text.get_untracked() {
            text.set_value("");
            self.keep();
        }
        self.resume(None, "");
    }

    fn send(self) {
        let Some(text) = self.text.get_untracked() else {
            return;
        };
        let body = text.value();
        if body.trim().is_empty() || self.busy.get_untracked() {
            return;
        }
        let editing = self.editing.get_untracked();
        let (method, address) = match editing {
            None => ("POST", self.page.with_value(|page| format!("/api{page}"))),
            Some(id) => ("PATCH", format!("/api/comments/{id}")),
        };
        let sent = format!("{{\"body\":{}}}", serde_json::Value::from(body.as_str()));
        let kept_as = self.kept.name(editing);
        self.busy.set(true);
        spawn_local(async move {
            let done = request(method, &address, Some(sent)).await;
            if done.is_ok() {
                forget(&kept_as, &body);
            }
            // The dialog may have gone meanwhile.
            if self.busy.try_set(false).is_some() {
                return;
            }
            match done {
                Ok(_) => self.stop(),
                Err(refusal) => self.say(Some(refusal.text())),
            }
        });
    }

    /// The field and its buttons. Where they are made anew what was begun goes on.
    pub fn view(self) -> Erased {
        let key = move |event: KeyboardEvent| {
            let is_sent = event.key() == "Enter" && (event.ctrl_key() || event.meta_key());
            if is_sent {
                event.prevent_default();
                // What is around it is saved by the same keys.
                event.stop_propagation();
                self.send();
            }
        };
        self.text.on_load(move |text| {
            let kept = self.kept.begun(self.editing.get_untracked());
            if let Some(kept) = kept.filter(|_| text.value().is_empty()) {
                text.set_value(&kept);
            }
        });
        let label = move || match self.editing.get() {
            None => "New comment",
            Some(_) => "Change your comment",
        };
        let act = move || match self.editing.get() {
            None => "Comment",
            Some(_) => "Save comment",
        };
        view! {
            <div class="write">
                <label class="form-field">
                    <span class="field-name">{changing(label)}</span>
                    <textarea
                        node_ref=self.text
                        rows="3"
                        maxlength=LONGEST
                        dir="auto"
                        on:keydown=handler(key)
                        on:input=handler(move |_| self.keep())
                    ></textarea>
                </label>
                <p class="about">
                    "Markdown: **strong**, *emphasis*, `code`, lists, links. @name tells somebody. Ctrl+Enter sends."
                </p>
                <p class="notice refused" role="alert" hidden=move || self.refused.read().is_none()>
                    {changing(move || self.refused.get())}
                </p>
                <div class="write-acts">
                    <button
                        type="button"
                        class="button"
                        disabled=move || self.busy.get()
                        on:click=handler(move |_| self.send())
                    >
                        {changing(act)}
                    </button>
                    <button
                        type="button"
                        class="button"
                        hidden=move || self.editing.get().is_none()
                        on:click=handler(move |_| self.stop())
                    >
                        "Cancel"
                    </button>
                </div>
            </div>
        }
        .made_here()
    }
}
