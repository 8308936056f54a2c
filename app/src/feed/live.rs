//! The page of the feed, as it is now: it takes the place of what the server sent.

use std::time::Duration;

use js_sys::Date;
use leptos::{
    ev::{KeyboardEvent, MouseEvent, SubmitEvent},
    mount::mount_to,
    prelude::*,
    task::spawn_local,
};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlFormElement, HtmlTextAreaElement};

use super::{
    Answered, Channel, FeedLink, News, Post,
    chip::{Chips, chip},
    composer::{Composer, Writing},
    dot,
    markdown::brief,
    post::{COLUMNS, text},
    posts::{Place, Shown, list},
    sidebar::sidebar,
    unread::Counts,
    window::{Window, id_of},
};
use crate::{
    components::connection_status::ConnectionStatus,
    edit::api::request,
    erased::{Erase, Erased, changing, effect, handler},
    format::zone::Zone,
    live::{
        live_list::{LiveList, follow_list},
        status::LiveStatus,
    },
    notifications::{Bell, Unread, follow, titled},
    page_data::status_of,
};

/// How often the times that are told by their distance go on.
const BEAT: Duration = Duration::from_secs(5);

/// How long what is seen is gathered before it is said to be read.
const GATHERED: Duration = Duration::from_millis(300);

/// What the server said of the channel that is open.
#[derive(Clone)]
struct Open {
    id: i64,
    name: String,
    own: i64,
    may_post: bool,
    offset: u64,
    total: u64,
    asked: i64,
    read_to: i64,
}

/// Makes the page live. Nothing is left to be done where it is not this one.
pub fn begin() {
    let status = LiveStatus::default();
    let unread = Unread::new();
    let counts = Counts::new();
    let body = document().body();
    let find = |selector: &str| find(body.as_deref(), selector);
    if let Some(place) = find("#side-live") {
        let open = place.get_attribute("data-open").unwrap_or_default();
        mount_to(place, move || {
            provide_context(status);
            provide_context(unread);
            follow::begin(unread);
            effect(move || document().set_title(&titled("Feed", unread.0.get())));
            counts.begin();
            side(counts, &open)
        })
        .forget();
    }
    if let Some(bell) = find(".bell-place") {
        bell.set_inner_html("");
        mount_to(bell, move || {
            let news = News::default();
            provide_context(status);
            provide_context(news);
            provide_context(unread);
            dot::tell(news, counts);
            view! {
                <ConnectionStatus live=true />
                <FeedLink />
                <Bell />
            }
        })
        .forget();
    }
    if let Some(place) = find("#feed-live") {
        let text = |name: &str| place.get_attribute(name).unwrap_or_default();
        let open = Open {
            id: text("data-channel").parse().unwrap_or(0),
            name: text("data-name"),
            own: text("data-own").parse().unwrap_or(0),
            may_post: place.has_attribute("data-may-post"),
            offset: text("data-offset").parse().unwrap_or(0),
            total: text("data-total").parse().unwrap_or(0),
            asked: text("data-asked").parse().unwrap_or(0),
            read_to: text("data-read-to").parse().unwrap_or(0),
        };
        mount_to(place, move || {
            provide_context(status);
            channel(open)
        })
        .forget();
    }
}

fn find(within: Option<&Element>, selector: &str) -> Option<HtmlElement> {
    within?.query_selector(selector).ok()??.dyn_into().ok()
}

/// The channels, with what is unread in each.
fn side(counts: Counts, open: &str) -> Erased {
    let channels = follow_list(
        "rowcast.channel",
        Memo::new(|_| {
            "order=name&select=id,name,topic,kind,is_private,archived_at&limit=1000".to_owned()
        }),
    );
    let members = follow_list(
        "rowcast.channel_member",
        Memo::new(|_| "select=channel,read_to,is_muted&limit=1000".to_owned()),
    );
    let how = Memo::new(move |_| {
        let rows = members.rows.read();
        let read = rows.iter().filter_map(|row| {
            let [channel, read_to, muted] = &row.cells[..] else {
                return None;
            };
            let number = |cell| text(cell)?.parse::<i64>().ok();
            let is_muted = *muted == rowcast_protocol::Cell::Bool(true);
            Some((number(channel)?, number(read_to)?, is_muted))
        });
        read.collect::<Vec<_>>()
    });
    let all = Memo::new(move |_| {
        let rows = channels.rows.read();
        let how = how.read();
        let mut all: Vec<Channel> = rows
            .iter()
            .filter_map(|row| {
                let [id, name, topic, kind, private, archived] = &row.cells[..] else {
                    return None;
                };
                let id: i64 = text(id)?.parse().ok()?;
                let mine = how.iter().find(|(channel, ..)| *channel == id);
                let is_private = *private == rowcast_protocol::Cell::Bool(true);
                Some(Channel {
                    id,
                    name: text(name)?,
                    topic: text(topic)?,
                    is_announcements: text(kind)? == "announcements",
                    is_private,
                    is_archived: *archived != rowcast_protocol::Cell::Null,
                    is_member: !is_private || mine.is_some(),
                    is_muted: mine.is_some_and(|(.., muted)| *muted),
                    read_to: mine.map_or(0, |(_, to, _)| *to),
                    unread: 0,
                })
            })
            .collect();
        all.sort_by_key(|channel| channel.is_archived);
        all
    });
    let shown = Signal::derive(move || {
        let waiting = counts.waiting.read();
        let mut shown = all.get();
        for channel in &mut shown {
            let found = waiting.iter().find(|of| of.id == channel.id);
            let counts = channel.is_member && !channel.is_archived;
            channel.unread = found.filter(|_| counts).map_or(0, |of| of.unread);
        }
        shown
    });
    let here = Memo::new(move |_| channels.arrived.get() && members.arrived.get());
    let moved_to = StoredValue::new(None);
    effect(move || {
        // What comes before it, and what is unread there, moves it.
        shown.track();
        // What the server sent is not there for long.
        if here.get() {
            request_animation_frame(move || show_open(moved_to));
        }
    });
    let open = open.to_owned();
    view! {
        {changing(move || {
            here.get()
                .then(|| {
                    if let Some(sent) = find(document().body().as_deref(), "#side-sent") {
                        sent.remove();
                    }
                    sidebar(shown, &open)
                })
        })}
    }
    .here_once()
}

/// Moves the line of channels, which a narrow page has, to the one that is open; some of the one
/// before it shows, too. Where the reader has moved it since, it stays. `moved_to`: where it was moved
/// last.
fn show_open(moved_to: StoredValue<Option<i32>>) {
    const BEFORE: i32 = 24;

    let found = |selector| find(document().body().as_deref(), selector);
    if let (Some(line), Some(open)) = (
        found(".channels ul"),
        found(".channels li:has([aria-current])"),
    ) {
        let known = moved_to.try_get_value().flatten();
        if known.is_none_or(|known| known == line.scroll_left()) {
            line.set_scroll_left(open.offset_left() - BEFORE);
            // No further than there is to move.
            moved_to.try_set_value(Some(line.scroll_left()));
        }
    }
}

/// The channel that is open.
fn channel(open: Open) -> Erased {
    let Open {
        id,
        own,
        may_post,
        offset,
        total,
        asked,
        read_to,
        ..
    } = open;
    provide_context(Chips::new());
    let name = StoredValue::new(open.name.clone());
    let window = Window::new(offset, total);
    let query = Memo::new(move |_| {
        let slice = window.slice.get();
        format!(
            "channel=eq.{id}&order=id&select={COLUMNS}&limit={}&offset={}",
            slice.limit, slice.offset
        )
    });
    let followed = follow_list("rowcast.post", query);
    let rows = Memo::new(move |_| {
        let rows = followed.rows.read();
        name.with_value(|name| {
            rows.iter()
                .filter_map(|row| Post::read(row, name))
                .collect::<Vec<_>>()
        })
    });
    let posts = answered(id, rows);
    let reacted = reactions(rows);
    let first_new = RwSignal::new(0);
    let composer = Composer::new(&open.name);
    let scroller = NodeRef::<leptos::html::Div>::new();
    let refused = RwSignal::new(None::<String>);
    let shown = Shown {
        posts: posts.into(),
        place: Place::Channel,
        own,
        may_post,
        first_new: first_new.into(),
        reacted: reacted.into(),
        now: clock(),
        zone: Zone::Reader,
        chip,
        is_live: true,
    };
    let is_begun = StoredValue::new(false);
    // What has come is put where it belongs, once it is there.
    effect(move || {
        let count = rows.read().len() as u64;
        let total = followed.total.get();
        if !followed.arrived.get() {
            return;
        }
        window
            .offset
            .set(window.slice.get_untracked().offset.min(total));
        window.held.set((count, total));
        request_animation_frame(move || {
            let Some(scroller) = scroller.get_untracked() else {
                return;
            };
            if is_begun.get_value() {
                window.settle(&scroller);
            } else {
                is_begun.set_value(true);
                let new = rows.with_untracked(|rows| {
                    let of_others = rows
                        .iter()
                        .find(|post| post.id > read_to && post.author != Some(own));
                    of_others.map_or(0, |post| post.id)
                });
                // Who was here before begins where they had stopped.
                let new = if read_to > 0 { new } else { 0 };
                first_new.set(new);
                let to = if asked > 0 { asked } else { new };
                request_animation_frame(move || {
                    if to == 0 || !window.show(&scroller, to) {
                        window.at_end.set(true);
                        window.settle(&scroller);
                    } else if asked > 0 {
                        focus(asked);
                    }
                    window.look(&scroller);
                });
                return;
            }
            window.look(&scroller);
        });
    });
    let news = news(followed, rows, own, window);
    mark_read(window, name, read_to);
    effect(move || {
        if composer.posted.get().is_some() {
            untrack(|| window.go_to_end());
            request_animation_frame(move || {
                if let Some(scroller) = scroller.get_untracked() {
                    window.settle(&scroller);
                }
            });
        }
    });
    // Whoever is put out of it knows of it no more.
    let known = follow_list(
        "rowcast.channel",
        Memo::new(move |_| format!("id=eq.{id}&select=id&limit=1")),
    );
    let is_lost = Memo::new(move |_| known.arrived.get() && known.rows.read().is_empty());
    let here = Memo::new(move |_| followed.arrived.get() && !is_lost.get());
    let lost = move || {
        is_lost.get().then(|| {
            view! {
                <p class="notice refused" role="alert">"You are not in this channel any more."</p>
            }
            .made_here()
        })
    };
    // What does not come is not taken for silence.
    let stopped = move || {
        let error = followed
            .error
            .get()
            .filter(|error| status_of(&error.code) != 503);
        error.filter(|_| !is_lost.get()).map(|error| {
            let said = format!(
                "New posts don’t reach this page: {}. Reload it.",
                error.message
            );
            view! { <p class="notice refused" role="alert">{said}</p> }.made_here()
        })
    };
    let waiting = StoredValue::new(false);
    let scrolled = move |_| {
        if waiting.get_value() {
            return;
        }
        waiting.set_value(true);
        request_animation_frame(move || {
            waiting.set_value(false);
            if let Some(scroller) = scroller.get_untracked() {
                window.look(&scroller);
            }
        });
    };
    // Whoever is at the end stays there when an image takes its room.
    let image_came = move |_| {
        if let Some(scroller) = scroller.get_untracked() {
            window.settle(&scroller);
        }
    };
    let clicked = move |event: MouseEvent| {
        click(&event, posts, reacted, composer, window, scroller, refused);
    };
    let room = move |of: fn((f64, f64)) -> f64| move || format!("{}px", of(window.room()).round());
    let not_at_end = move || !window.at_end.get();
    let to_end = move |_| {
        window.go_to_end();
        request_animation_frame(move || {
            if let Some(scroller) = scroller.get_untracked() {
                window.settle(&scroller);
            }
        });
    };
    let is_empty = move || followed.total.get() == 0;
    view! {
        {changing(lost)}
        {changing(stopped)}
        {changing(move || {
            here.get()
                .then(|| {
                    take_place(composer);
                    view! {
                        <div
                            class="posts-live"
                            on:click=handler(clicked)
                            on:keydown=handler(move |event| pressed(&event))
                            on:submit=handler(move |event| submitted(&event, refused))
                        >
                            <p class="notice refused" role="alert" hidden=move || refused.read().is_none()>
                                {changing(move || refused.get())}
                            </p>
                            <div
                                class="posts-scroll"
                                node_ref=scroller
                                tabindex="0"
                                role="region"
                                aria-label="Posts, the newest last"
                                on:scroll=handler(scrolled)
                                on:load:capture=handler(image_came)
                            >
                                <div class="posts-room" style:height=room(|(before, _)| before)></div>
                                {list(shown)}
                                <div class="posts-room" style:height=room(|(_, behind)| behind)></div>
                                <p class="nothing" hidden=move || !is_empty()>"Nothing was posted here yet."</p>
                            </div>
                            <div class="posts-foot">
                                {typing(id, own)}
                                <p class="sr-only" role="status" aria-live="polite">
                                    {changing(move || news.get())}
                                </p>
                                <button
                                    type="button"
                                    class="button"
                                    hidden=move || !not_at_end()
                                    on:click=handler(to_end)
                                >
                                    "To the newest"
                                </button>
                                {may_post
                                    .then(|| {
                                        view! {
                                            <button
                                                type="button"
                                                class="button primary"
                                                on:click=handler(move |_| composer.write())
                                            >
                                                "New post"
                                            </button>
                                        }
                                            .made_here()
                                    })}
                            </div>
                            {composer.view()}
                        </div>
                    }
                        .here_once()
                })
        })}
    }
    .here_once()
}

/// What has come while the page was open, in words for who does not see it come.
fn news(followed: LiveList, rows: Memo<Vec<Post>>, own: i64, window: Window) -> RwSignal<String> {
    let news = RwSignal::new(String::new());
    let last = StoredValue::new(None::<u64>);
    effect(move || {
        let total = followed.total.get();
        rows.track();
        if !followed.arrived.get() {
            return;
        }
        let before = last.get_value();
        last.set_value(Some(total));
        let Some(added) = before.and_then(|before| total.checked_sub(before)) else {
            return;
        };
        let said = rows.with_untracked(|rows| {
            let is_end = window.slice.get_untracked().offset + rows.len() as u64 >= total;
            let added = usize::try_from(added).unwrap_or(usize::MAX);
            let new = rows.len().saturating_sub(added);
            let mut of_others = rows[new..].iter().filter(|post| post.author != Some(own));
            match (of_others.clone().count(), of_others.next_back()) {
                _ if added == 0 => None,
                _ if !is_end => Some("New posts, further on".to_owned()),
                (0, _) => None,
                (1, Some(post)) => Some(format!("{}: {}", post.author_name, brief(&post.body))),
                (count, _) => Some(format!("{count} new posts")),
            }
        });
        if let Some(said) = said {
            news.set(said);
        }
    });
    news
}

/// The time, which goes on.
pub(crate) fn clock() -> Signal<f64> {
    let status = expect_context::<LiveStatus>();
    let now = RwSignal::new(Date::now());
    let timer = set_interval_with_handle(
        move || now.set(Date::now() + status.ahead().unwrap_or(0.0)),
        BEAT,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    now.into()
}

/// The posts with what they answer, also where that is in another part of the channel.
fn answered(channel: i64, rows: Memo<Vec<Post>>) -> Memo<Vec<Post>> {
    let elsewhere = Memo::new(move |_| {
        let rows = rows.read();
        let ids = rows
            .iter()
            .filter_map(|post| post.answers.as_ref().map(|of| of.id));
        let mut ids: Vec<i64> = ids
            .filter(|id| !rows.iter().any(|post| post.id == *id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    });
    let query = Memo::new(move |_| {
        let ids = elsewhere.read();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ids = if ids.is_empty() {
            "0".to_owned()
        } else {
            ids.join(",")
        };
        format!("channel=eq.{channel}&id=in.({ids})&select=id,author_name,body&limit=1000")
    });
    let others = follow_list("rowcast.post", query);
    Memo::new(move |_| {
        let others = others.rows.read();
        let mut posts = rows.get();
        let found = |id: i64| {
            let here = rows.with(|rows| {
                let post = rows.iter().find(|post| post.id == id)?;
                Some((post.author_name.clone(), post.body.clone()))
            });
            here.or_else(|| {
                others.iter().find_map(|row| {
                    let [of, author, body] = &row.cells[..] else {
                        return None;
                    };
                    (text(of)?.parse() == Ok(id)).then_some((text(author)?, text(body)?))
                })
            })
        };
        for post in &mut posts {
            if let Some(Answered {
                id,
                author_name,
                body,
            }) = &mut post.answers
                && let Some((author, said)) = found(*id)
            {
                (*author_name, *body) = (author, said);
            }
        }
        posts
    })
}

/// The reader's own reactions to these posts.
fn reactions(rows: Memo<Vec<Post>>) -> Memo<Vec<(i64, String)>> {
    let ends = Memo::new(move |_| {
        let rows = rows.read();
        // A few posts more are no other query.
        let last = rows.last().map_or(0, |post| post.id / 100 * 100 + 100);
        (rows.first().map_or(0, |post| post.id), last)
    });
    let query = Memo::new(move |_| {
        let (first, last) = ends.get();
        format!("post=gte.{first}&post=lte.{last}&select=post,emoji&limit=1000")
    });
    let list = follow_list("rowcast.reaction", query);
    Memo::new(move |_| {
        let rows = list.rows.read();
        let read = rows.iter().filter_map(|row| {
            let [post, emoji] = &row.cells[..] else {
                return None;
            };
            Some((text(post)?.parse().ok()?, text(emoji)?))
        });
        read.collect()
    })
}

/// Who is writing.
fn typing(channel: i64, own: i64) -> Erased {
    let query = Memo::new(move |_| {
        format!(
            "channel=eq.{channel}&account=neq.{own}&at=gte.now-8s&order=name&select=name&limit=4"
        )
    });
    let list = follow_list("rowcast.typing", query);
    let said = move || {
        let rows = list.rows.read();
        let names: Vec<String> = rows
            .iter()
            .filter_map(|row| text(row.cells.first()?))
            .collect();
        match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is typing…"),
            [one, other] => format!("{one} and {other} are typing…"),
            _ => "Several are typing…".to_owned(),
        }
    };
    view! { <p class="typing" role="status">{changing(said)}</p> }.made_here()
}

/// Says what was seen to be read, while the page is.
fn mark_read(window: Window, channel: StoredValue<String>, read_to: i64) {
    let said = StoredValue::new(read_to);
    let waiting = StoredValue::new(false);
    // What came while another page was in front is seen when this one is again.
    let shown = RwSignal::new(());
    let listener = window_event_listener_untyped("visibilitychange", move |_| shown.set(()));
    on_cleanup(move || listener.remove());
    effect(move || {
        shown.track();
        let seen = window.last_seen.get();
        if seen <= said.get_value() || waiting.get_value() {
            return;
        }
        waiting.set_value(true);
        set_timeout(
            move || {
                waiting.set_value(false);
                let seen = window.last_seen.get_untracked();
                if document().hidden() || seen <= said.get_value() {
                    return;
                }
                said.set_value(seen);
                let address = format!("/api/channels/{}/settings", channel.get_value());
                spawn_local(async move {
                    let body = format!("{{\"read_to\":{seen}}}");
                    if request("PUT", &address, Some(body)).await.is_err() {
                        // What is seen next says it again.
                        said.set_value(0);
                    }
                });
            },
            GATHERED,
        );
    });
}

/// Removes what the server sent. What was being written there goes on in the dialog.
fn take_place(composer: Composer) {
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

fn focus(id: i64) {
    let element = document().get_element_by_id(&format!("post-{id}"));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Does what a link or button of a post says, without leaving the page.
fn click(
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
fn pressed(event: &KeyboardEvent) {
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
fn submitted(event: &SubmitEvent, refused: RwSignal<Option<String>>) {
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
