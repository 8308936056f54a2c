//! The dialog that posts are written in.

use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Headers, HtmlInputElement, HtmlTextAreaElement, RequestInit, Response};

use super::{
    LONGEST, Post,
    kept::{Kept, forget},
};
use crate::{
    edit::api::{Refusal, parse, request},
    erased::{Erase, Erased, changing, handler},
};

/// How long after one word that somebody is writing the next is said, in milliseconds.
const APART: f64 = 3_000.0;

/// What is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// A post.
    #[default]
    New,
    /// One that answers this.
    Reply(i64, String),
    /// One that takes this one's place.
    Edit(i64),
}

impl Writing {
    /// The post that is changed.
    fn edited(&self) -> Option<i64> {
        match self {
            Self::Edit(id) => Some(*id),
            Self::New | Self::Reply(..) => None,
        }
    }
}

/// The dialog.
#[derive(Clone, Copy)]
pub struct Composer {
    channel: StoredValue<String>,
    /// What is kept while it is written.
    kept: Kept,
    writing: RwSignal<Writing>,
    dialog: NodeRef<leptos::html::Dialog>,
    text: NodeRef<leptos::html::Textarea>,
    refused: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
    /// When it was last said that somebody is writing.
    told: StoredValue<f64>,
    /// A post that has just been written.
    pub posted: RwSignal<Option<i64>>,
}

#[derive(Deserialize)]
struct Made {
    id: i64,
}

#[derive(Deserialize)]
struct Uploaded {
    path: String,
}

impl Composer {
    /// For a channel, of this account.
    pub fn new(channel: &str, own: i64) -> Self {
        Self {
            kept: Kept::new("post", own, channel),
            channel: StoredValue::new(channel.to_owned()),
            writing: RwSignal::default(),
            dialog: NodeRef::new(),
            text: NodeRef::new(),
            refused: RwSignal::new(None),
            busy: RwSignal::new(false),
            told: StoredValue::new(0.0),
            posted: RwSignal::new(None),
        }
    }

    /// Opens it for a new post.
    pub fn write(self) {
        self.open(Writing::New, None);
    }

    /// Opens it for an answer.
    pub fn reply(self, post: &Post) {
        self.open(Writing::Reply(post.id, post.author_name.clone()), None);
    }

    /// Opens it to change a post: from where that was left, if it was begun before.
    pub fn edit(self, post: &Post) {
        let begun = self.kept.begun(Some(post.id));
        self.open(
            Writing::Edit(post.id),
            Some(begun.unwrap_or_else(|| post.body.clone())),
        );
    }

    /// Opens it with what was being written in a form that it takes the place of.
    pub fn resume(self, writing: Writing, body: String) {
        let is_edit = writing.edited().is_some();
        // What was begun before that is not lost to it.
        let begun = self
            .kept
            .begun(None)
            .filter(|begun| !is_edit && *begun != body);
        let body = match begun {
            Some(begun) if !body.is_empty() => format!("{begun}\n\n{body}"),
            _ => body,
        };
        self.open(writing, Some(body).filter(|body| !body.is_empty()));
        // A post as it stands is no draft of it.
        if !is_edit {
            self.keep();
        }
        if let Some(text) = self.text.get_untracked() {
            let end = text.value().encode_utf16().count() as u32;
            let _ = text.set_selection_range(end, end);
        }
    }

    fn open(self, writing: Writing, body: Option<String>) {
        let Some(text) = self.text.get_untracked() else {
            return;
        };
        // What was begun goes on, whatever it is to answer now.
        let body = body.or_else(|| self.kept.begun(writing.edited()));
        text.set_value(&body.unwrap_or_default());
        self.writing.set(writing);
        self.refused.set(None);
        if let Some(dialog) = self.dialog.get_untracked()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
        }
        let _ = text.focus();
    }

    fn is_open(self) -> bool {
        let dialog = self.dialog.get_untracked();
        dialog.is_some_and(|dialog| dialog.open())
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
        }
    }

    /// Keeps what is written.
    fn keep(self) {
        if let Some(text) = self.text.get_untracked() {
            let edited = self.writing.with_untracked(Writing::edited);
            self.kept.keep(edited, &text);
        }
    }

    /// Leaves a post as it is. One that is new goes on where it was left.
    fn cancel(self) {
        if let (Some(text), Writing::Edit(_)) =
            (self.text.get_untracked(), self.writing.get_untracked())
        {
            text.set_value("");
            self.keep();
        }
        self.close();
    }

    fn send(self) {
        let Some(text) = self.text.get_untracked() else {
            return;
        };
        let body = text.value();
        if body.trim().is_empty() || self.busy.get_untracked() {
            return;
        }
        let channel = self.channel.get_value();
        let (method, address, more) = match self.writing.get_untracked() {
            Writing::New => (
                "POST",
                format!("/api/channels/{channel}/posts"),
                String::new(),
            ),
            Writing::Reply(id, _) => (
                "POST",
                format!("/api/channels/{channel}/posts"),
                format!(",\"reply_to\":{id}"),
            ),
            Writing::Edit(id) => ("PATCH", format!("/api/posts/{id}"), String::new()),
        };
        let sent = format!(
            "{{\"body\":{}{more}}}",
            serde_json::Value::from(body.as_str())
        );
        let kept_as = self.kept.name(self.writing.with_untracked(Writing::edited));
        self.busy.set(true);
        spawn_local(async move {
            let done = request(method, &address, Some(sent)).await;
            if done.is_ok() {
                forget(&kept_as, &body);
            }
            self.busy.set(false);
            match done {
                Ok(answer) => {
                    // Who has posted is not writing any more; the next word is said at once.
                    self.told.set_value(0.0);
                    text.set_value("");
                    self.refused.set(None);
                    self.close();
                    if let Ok(Made { id }) = parse(&answer) {
                        self.posted.set(Some(id));
                    }
                }
                Err(refusal) => self.refused.set(Some(refusal.text())),
            }
        });
    }

    /// Says that somebody is writing, now and then.
    fn typed(self) {
        let now = js_sys::Date::now();
        if now - self.told.get_value() < APART
            || matches!(self.writing.get_untracked(), Writing::Edit(_))
        {
            return;
        }
        self.told.set_value(now);
        let address = format!("/api/channels/{}/typing", self.channel.get_value());
        spawn_local(async move {
            // Nothing depends on it.
            let _ = request("POST", &address, None).await;
        });
    }

    /// Brings an image, and shows it where the cursor is.
    fn bring(self, file: File) {
        let address = format!("/api/channels/{}/images", self.channel.get_value());
        let writing = self.writing.get_untracked();
        self.busy.set(true);
        self.refused.set(None);
        spawn_local(async move {
            let name = file.name().replace(['[', ']', '\\', '\n'], " ");
            let done = upload(&address, &file).await;
            self.busy.set(false);
            match done {
                Ok(Uploaded { path }) => {
                    // It is for what was being written, if that still is.
                    let goes_on = self.writing.get_untracked() == writing && self.is_open();
                    if let Some(text) = self.text.get_untracked().filter(|_| goes_on) {
                        insert(&text, &format!("![{name}]({path})"));
                        self.keep();
                    }
                }
                Err(refusal) => self.refused.set(Some(refusal.text())),
            }
        });
    }

    /// The dialog itself.
    pub fn view(self) -> Erased {
        let title = move || match self.writing.get() {
            Writing::New => "New post".to_owned(),
            Writing::Reply(_, name) => format!("Reply to {name}"),
            Writing::Edit(_) => "Edit your post".to_owned(),
        };
        let label = move || match self.writing.get() {
            Writing::Edit(_) => "Save",
            _ => "Post",
        };
        let key = move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                self.send();
            }
        };
        let chosen = move |event: leptos::ev::Event| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let Some(input) = input else { return };
            let file = input.files().and_then(|files| files.get(0));
            // The same one may be chosen again.
            input.set_value("");
            if let Some(file) = file {
                self.bring(file);
            }
        };
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            self.send();
        };
        view! {
            <dialog class="dialog write-dialog" node_ref=self.dialog aria-labelledby="write-title">
                <form on:submit=handler(submit)>
                    <h2 id="write-title">{changing(title)}</h2>
                    <textarea
                        node_ref=self.text
                        rows="8"
                        maxlength=LONGEST
                        dir="auto"
                        aria-labelledby="write-title"
                        aria-describedby="write-about"
                        on:keydown=handler(key)
                        on:input=handler(move |_| {
                            self.keep();
                            self.typed();
                        })
                    ></textarea>
                    <p id="write-about" class="muted">
                        "Markdown: **strong**, *emphasis*, `code`, lists, links. @name tells somebody. Ctrl+Enter posts."
                    </p>
                    <p class="notice refused" role="alert" hidden=move || self.refused.read().is_none()>
                        {changing(move || self.refused.get())}
                    </p>
                    <div class="write-acts">
                        <button type="submit" class="button primary" disabled=move || self.busy.get()>
                            {changing(label)}
                        </button>
                        <button type="button" class="button" on:click=handler(move |_| self.cancel())>
                            "Cancel"
                        </button>
                        <label class="button write-image">
                            <input
                                type="file"
                                class="sr-only"
                                accept="image/png,image/jpeg,image/webp,image/gif"
                                on:change=handler(chosen)
                            />
                            "Add an image"
                        </label>
                    </div>
                </form>
            </dialog>
        }
        .here_once()
    }
}

/// Puts words where the cursor is, on a line of their own.
fn insert(text: &HtmlTextAreaElement, words: &str) {
    let now = text.value();
    let before = if now.is_empty() || now.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let whole = [now.as_str(), before, words, "\n"].concat();
    text.set_value(&whole);
    let _ = text.focus();
}

async fn upload(address: &str, file: &File) -> Result<Uploaded, Refusal> {
    #[derive(Deserialize)]
    struct Refused {
        error: rowcast_protocol::ApiError,
    }
    let away = || {
        Refusal::from(rowcast_protocol::ApiError::new(
            "unavailable",
            "The server can’t be reached.",
            "Try again in a moment.",
        ))
    };
    let answer = async {
        let options = RequestInit::new();
        options.set_method("POST");
        let headers = Headers::new()?;
        headers.set("Content-Type", &file.type_())?;
        options.set_headers(&headers);
        options.set_body(file.as_ref());
        let fetched = window().fetch_with_str_and_init(address, &options);
        let response: Response = JsFuture::from(fetched).await?.dyn_into()?;
        let text = JsFuture::from(response.text()?).await?;
        Ok::<_, JsValue>((response.ok(), text.as_string().unwrap_or_default()))
    };
    let (is_ok, text) = answer.await.map_err(|_| away())?;
    match is_ok {
        true => parse(&text),
        false => Err(parse::<Refused>(&text).map_or_else(|refusal| refusal, |of| of.error.into())),
    }
}
