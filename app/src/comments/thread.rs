//! A thread, as it is now.

use std::time::Duration;

use leptos::{ev::MouseEvent, prelude::*, task::spawn_local};
use rowcast_protocol::{Cell, message::Row};
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::{
    row::{FollowedRow, ShownRow, hide_row},
    writer::Writer,
};
use crate::{
    address::encode,
    edit::api::request,
    erased::{Erase, Erased, changing, effect, handler},
    feed::{Place, Post, Shown, brief, clock, live_list, text},
    format::zone::Zone,
    live::live_list::{LiveList, follow_list},
};

/// How many are followed at first, and how many at the most.
const FEW: u32 = 200;
const MANY: u32 = 1000;

/// So many are a long way, for the eye and the keyboard, to where one writes.
const LONG: usize = 4;

/// How long after its row was not seen a thread is asked for again.
const AGAIN: Duration = Duration::from_secs(5);

/// The columns that a comment is made of, in this order.
const COLUMNS: &str = "id,author,author_name,body,at,edited_at,deleted_at";

/// Whose thread, and who reads it.
#[derive(Clone, Debug)]
pub struct At {
    /// The table, as addresses have it.
    pub table: String,
    /// The row's key, likewise.
    pub key: String,
    /// The address of the thread's page.
    pub page: String,
    /// The reader's account; `None`: they write nothing.
    pub own: Option<i64>,
    /// Whether they may take away what others wrote.
    pub may_delete: bool,
    /// The row, where it is shown beside the thread.
    pub row: Option<ShownRow>,
}

/// The thread. `taking`: what is done once it is there, and what was begun to be written before.
pub fn thread(at: At, taking: impl Fn(Writer) + 'static) -> Erased {
    let At {
        table,
        key,
        page,
        own,
        may_delete,
        row,
    } = at;
    let row = row.map(|row| row.follow(&table));
    let many = RwSignal::new(false);
    let (of_table, of_key) = (encode(&table), encode(&key));
    let query = Memo::new(move |_| {
        let limit = if many.get() { MANY } else { FEW };
        format!("table=eq.{of_table}&key=eq.{of_key}&order=id.desc&select={COLUMNS}&limit={limit}")
    });
    let followed = follow_list("rowcast.comment", query);
    let posts = Memo::new(move |_| {
        let rows = followed.rows.read();
        rows.iter().rev().filter_map(read).collect::<Vec<_>>()
    });
    let writer = Writer::new(page.clone(), own);
    let is_long = Memo::new(move |_| posts.read().len() > LONG);
    let earlier = StoredValue::new(page.clone());
    let earlier = move || {
        let first = posts.read().first().map_or(0, |post| post.id);
        earlier.with_value(|page| format!("{page}?before={first}"))
    };
    let shown = Shown {
        posts: posts.into(),
        place: Place::Row {
            page: StoredValue::new(page),
            may_delete,
        },
        own: own.unwrap_or(0),
        may_post: own.is_some(),
        first_new: Signal::stored(0),
        reacted: Signal::stored(Vec::new()),
        now: clock(),
        zone: Zone::Reader,
        chip: |_| None,
        is_live: true,
    };
    let news = news(posts, followed, own);
    let is_ended = Memo::new(move |_| {
        let error = followed.error.read();
        let codes = ["unknown_row", "unknown_table", "no_comments"];
        error
            .as_ref()
            .is_some_and(|error| codes.contains(&&*error.code))
    });
    let is_gone = Memo::new(move |_| row.is_some_and(FollowedRow::is_gone));
    let is_lost = Memo::new(move |_| is_ended.get() || is_gone.get());
    effect(move || {
        // It is there again, and so is what was written about it.
        if !is_gone.get() && followed.error.read_untracked().is_some() {
            followed.asked.update(|asked| *asked += 1);
        }
    });
    effect(move || {
        let is_ended = followed.error.read().is_some() && is_ended.get_untracked();
        if is_ended {
            hide_row();
            let wait = AGAIN.mul_f64(1.0 + js_sys::Math::random());
            // The thread may have gone meanwhile.
            set_timeout(
                move || {
                    let _ = followed.asked.try_update(|asked| *asked += 1);
                    if let Some(row) = row {
                        row.ask_again();
                    }
                },
                wait,
            );
        }
    });
    let has_begun = Memo::new(move |_| followed.arrived.get());
    let is_here = Memo::new(move |_| followed.arrived.get() && !is_lost.get());
    let has_more = Memo::new(move |_| followed.total.get() > posts.read().len() as u64);
    let taking = StoredValue::new_local(taking);
    let is_taken = StoredValue::new(false);
    let content = move || {
        is_here.get().then(|| {
            if !is_taken.get_value() {
                is_taken.set_value(true);
                taking.with_value(|taking| untrack(|| taking(writer)));
            }
            view! {
                <div on:click=handler(move |event| clicked(&event, posts, writer))>
                    <p hidden=move || own.is_none() || !is_long.get()>
                        <button type="button" class="button" on:click=handler(move |_| writer.focus())>
                            "Write a comment"
                        </button>
                    </p>
                    <p hidden=move || !has_more.get() || many.get()>
                        <button type="button" class="button" on:click=handler(move |_| many.set(true))>
                            "Show earlier comments"
                        </button>
                    </p>
                    <p hidden=move || !has_more.get() || !many.get()>
                        <a href=earlier rel="external">
                            "Earlier comments"
                        </a>
                    </p>
                    {live_list(shown)}
                    <p class="nothing" hidden=move || !posts.read().is_empty()>
                        "Nothing was written about this row yet."
                    </p>
                </div>
                <p class="sr-only" role="status" aria-live="polite">
                    {changing(move || news.get())}
                </p>
            }
            .made_here()
        })
    };
    // What is being written stays where it is, whatever becomes of the rest; with the row it goes, and
    // is kept until that is there again.
    let writes = Memo::new(move |_| has_begun.get() && own.is_some() && !is_lost.get());
    let write = move || writes.get().then(|| writer.view());
    let lost = move || {
        is_lost.get().then(|| {
            view! { <p class="notice refused" role="alert">"You don’t see this row any more."</p> }
                .made_here()
        })
    };
    view! { <div class="thread">{changing(lost)} {changing(content)} {changing(write)}</div> }
        .made_here()
}

/// What a row of [`COLUMNS`] says.
fn read(row: &Row) -> Option<Post> {
    let [id, author, author_name, body, at, edited_at, deleted_at] = &row.cells[..] else {
        return None;
    };
    Some(Post {
        id: text(id)?.parse().ok()?,
        author: text(author).and_then(|author| author.parse().ok()),
        author_name: text(author_name)?,
        body: text(body)?,
        at: text(at)?,
        is_edited: *edited_at != Cell::Null,
        is_deleted: *deleted_at != Cell::Null,
        ..Post::default()
    })
}

/// What has come while the thread was open, in words for who does not see it come.
fn news(posts: Memo<Vec<Post>>, followed: LiveList, own: Option<i64>) -> RwSignal<String> {
    let news = RwSignal::new(String::new());
    let last = StoredValue::new(None::<i64>);
    let said = StoredValue::new(0);
    effect(move || {
        let posts = posts.read();
        if !followed.arrived.get() {
            return;
        }
        let newest = posts.last().map_or(0, |post| post.id);
        let before = last.get_value();
        last.set_value(Some(newest));
        let is_said = |post: &&Post| post.id == said.get_value() && !post.is_deleted;
        if !posts.iter().any(|post| is_said(&post)) && !news.with_untracked(String::is_empty) {
            // It was taken away: nobody has it read out any more.
            news.set(String::new());
        }
        let come = posts.last();
        let Some(post) = come.filter(|_| before.is_some_and(|before| before < newest)) else {
            return;
        };
        match post.author == own {
            true => see(post.id),
            false => {
                said.set_value(post.id);
                news.set(format!("{}: {}", post.author_name, brief(&post.body)));
            }
        }
    });
    news
}

/// Has a comment seen, once it is in the document.
fn see(id: i64) {
    request_animation_frame(move || {
        if let Some(comment) = document().get_element_by_id(&format!("comment-{id}")) {
            comment.scroll_into_view_with_bool(false);
        }
    });
}

/// Does what a link or button of a comment says, without leaving the page.
fn clicked(event: &MouseEvent, posts: Memo<Vec<Post>>, writer: Writer) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let Some(target) = target.filter(|_| !event.ctrl_key() && !event.meta_key()) else {
        return;
    };
    let closest = |selector: &str| target.closest(selector).ok().flatten();
    let Some(act) = closest("[data-act]").and_then(|act| act.get_attribute("data-act")) else {
        return;
    };
    let id = closest("li.post").and_then(|item| item.get_attribute("data-id")?.parse::<i64>().ok());
    let post = id.and_then(|id| {
        posts.with_untracked(|posts| posts.iter().find(|post| post.id == id).cloned())
    });
    let Some(post) = post else { return };
    event.prevent_default();
    if act == "edit" {
        writer.edit(&post);
        return;
    }
    let is_sure = window().confirm_with_message("Delete this comment?");
    if !is_sure.unwrap_or(false) {
        return;
    }
    spawn_local(async move {
        let done = request("DELETE", &format!("/api/comments/{}", post.id), None).await;
        writer.say(done.err().map(|refusal| refusal.text()));
        writer.focus_comment(post.id);
    });
}
