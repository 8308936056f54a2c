//! The page of the feed, as it is now: it takes the place of what the server sent.

mod acts;
mod beside;
mod seen;
mod side;
mod taken;

use std::time::Duration;

use js_sys::Date;
use leptos::{ev::MouseEvent, mount::mount_to, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use self::{
    acts::{click, focus, pressed, submitted},
    beside::{answered, reactions, typing},
    seen::{mark_read, news},
    side::side,
    taken::take_place,
};
use super::{
    FeedLink, News, Post,
    chip::{Chips, chip},
    composer::Composer,
    dot,
    post::COLUMNS,
    posts::{Place, Shown, list},
    unread::Counts,
    window::Window,
};
use crate::{
    components::connection_status::ConnectionStatus,
    erased::{Erase, Erased, changing, effect, handler},
    format::zone::Zone,
    live::{live_list::follow_list, status::LiveStatus},
    notifications::{Bell, Unread, follow, titled},
    page_data::status_of,
};

/// How often the times that are told by their distance go on.
const BEAT: Duration = Duration::from_secs(5);

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
    let composer = Composer::new(&open.name, own);
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
