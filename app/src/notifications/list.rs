//! The list of notifications: one markup for the page that the server sends, in which every button
//! is a form of its own, and for the live one that takes its place.

use leptos::prelude::*;

use super::Told;
use crate::{
    erased::{Erase, Erased, changing},
    format::{relative::ago, time::instant, zone::Zone},
};

/// The section: how many there are, what is done with all, and each.
pub fn list(told: Signal<Vec<Told>>, unread: Signal<u64>, now: Signal<f64>, zone: Zone) -> Erased {
    let ids = move || told.read().iter().map(|told| told.id).collect::<Vec<_>>();
    let unread_ids = move || {
        let told = told.read();
        let unread = told.iter().filter(|told| !told.is_read);
        let ids: Vec<String> = unread.map(|told| told.id.to_string()).collect();
        ids.join(",")
    };
    let nothing_unread = move || told.read().iter().all(|told| told.is_read);
    let said = move || match unread.get() {
        0 => "Nothing unread.".to_owned(),
        unread => format!("{unread} unread."),
    };
    let is_empty = move || told.read().is_empty();
    let empty = move || {
        is_empty().then(|| {
            view! {
                <p class="nothing">
                    "There are no notifications. What people and programs tell you waits here."
                </p>
            }
            .erased()
        })
    };
    view! {
        <section class="told" aria-labelledby="told-count">
            <div class="told-head">
                <p id="told-count" role="status" tabindex="-1">
                    {changing(said)}
                </p>
                <form method="post" action="/notifications/read">
                    <input type="hidden" name="ids" value=unread_ids />
                    <button type="submit" class="button" disabled=nothing_unread>
                        "Mark all as read"
                    </button>
                </form>
            </div>
            <ul class="lines" aria-label="Notifications">
                <For each=ids key=|id| *id let:id>
                    {entry(id, told, now, zone)}
                </For>
            </ul>
            {changing(empty)}
        </section>
    }
    .erased()
}

/// One of them. What changes of it changes where it stands, for the focus may be on it.
fn entry(id: i64, all: Signal<Vec<Told>>, now: Signal<f64>, zone: Zone) -> Erased {
    let found = move || all.read().iter().find(|told| told.id == id).cloned();
    // What is told together is counted up in it, and what it tells of may be taken away. One that is
    // gone says what it said, for as long as it stands there.
    let told = Memo::new(move |before: Option<&Told>| {
        found().or_else(|| before.cloned()).unwrap_or_default()
    });
    let is_read = Memo::new(move |_| found().is_none_or(|told| told.is_read));
    let what = move || match is_read.get() {
        true => "unread",
        false => "read",
    };
    let action = move || format!("/notifications/{id}/{}", what());
    let state = move || (!is_read.get()).then_some("Unread");
    let title = move || told.read().title.clone();
    let link = move || told.read().link.clone();
    let rel = move || match told.read().leads_away() {
        true => "external noopener noreferrer",
        false => "external",
    };
    let head = match untrack(link).as_str() {
        "" => view! { <bdi>{changing(title)}</bdi> }.erased(),
        _ => view! {
            <a class="told-link" href=link rel=rel>
                <bdi>{changing(title)}</bdi>
            </a>
        }
        .erased(),
    };
    let exact = move || match zone {
        Zone::Utc => format!("{} UTC", instant(&told.read().at, zone)),
        Zone::Reader => instant(&told.read().at, zone),
    };
    let ago = move || ago(&told.read().at, now.get()).unwrap_or_else(exact);
    let place = move || {
        let place = told.read().place();
        (!place.is_empty()).then(|| view! { <bdi>{place}</bdi> " · " }.erased())
    };
    let body = move || {
        let body = told.read().body.clone();
        (!body.is_empty()).then(|| view! { <p class="told-body" dir="auto">{body}</p> }.erased())
    };
    let sender = untrack(move || told.read().sender.clone());
    view! {
        <li data-id=id class:unread=move || !is_read.get()>
            <span class="line-name">
                {head} <span class="told-state">{changing(state)}</span>
            </span>
            <div class="line-about">
                {changing(body)}
                <p class="told-about">
                    {changing(place)} <bdi>{sender}</bdi> " · "
                    <time datetime=move || told.read().at.clone() title=exact>
                        {changing(ago)}
                    </time>
                </p>
            </div>
            <span class="line-acts">
                <form method="post" action=action>
                    <button
                        type="submit"
                        class="button"
                        id=format!("read-{id}")
                        aria-label=move || format!("Mark as {}: {}", what(), title())
                    >
                        {changing(move || format!("Mark as {}", what()))}
                    </button>
                </form>
                <form method="post" action=format!("/notifications/{id}/remove")>
                    <button
                        type="submit"
                        class="button"
                        id=format!("remove-{id}")
                        aria-label=move || format!("Remove: {}", title())
                    >
                        "Remove"
                    </button>
                </form>
            </span>
        </li>
    }
    .erased()
}
