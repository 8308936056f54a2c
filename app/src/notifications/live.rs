//! The list at `/notifications`, as it is now: it takes the place of the one that the server sent.

use std::time::Duration;

use js_sys::Date;
use leptos::{ev::SubmitEvent, mount::mount_to, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlFormElement, HtmlInputElement};

use super::{
    Bell, SHOWN, Told, Unread, follow,
    list::list,
    popup::{self, mark_read},
    titled,
    told::COLUMNS,
};
use crate::{
    edit::api::request,
    erased::{Erase, Erased, changing, effect},
    feed::{FeedLink, News, dot},
    format::zone::Zone,
    live::{live_list::follow_list, status::LiveStatus},
};

/// How often the times that are told by their distance go on.
const BEAT: Duration = Duration::from_secs(5);

/// What the server sent, and where the live list goes.
const SENT: &str = "#told-sent";
const PLACE: &str = "#told-live";

/// Makes the page live. Nothing is left to be done where it is not this one.
pub fn begin() {
    let place = found(document().body(), PLACE);
    let Some(place) = place else { return };
    let unread = Unread::new();
    let bell = found(document().body(), ".bell-place");
    mount_to(place, move || {
        provide_context(LiveStatus::default());
        provide_context(unread);
        follow::begin(unread);
        effect(move || document().set_title(&titled("Notifications", unread.0.get())));
        page(unread)
    })
    .forget();
    if let Some(bell) = bell {
        bell.set_inner_html("");
        mount_to(bell, move || {
            let news = News::default();
            provide_context(LiveStatus::default());
            provide_context(news);
            provide_context(unread);
            dot::begin(news);
            view! { <FeedLink /> <Bell /> }
        })
        .forget();
    }
}

fn found(within: Option<HtmlElement>, selector: &str) -> Option<HtmlElement> {
    let found = within?.query_selector(selector).ok()??;
    found.dyn_into().ok()
}

fn page(Unread(unread): Unread) -> Erased {
    let query = format!("order=id.desc&select={COLUMNS}&limit={SHOWN}");
    let followed = follow_list("rowcast.notification", Memo::new(move |_| query.clone()));
    let told = Signal::derive(move || {
        let rows = followed.rows.read();
        rows.iter().filter_map(Told::read).collect::<Vec<_>>()
    });
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
    let refused = RwSignal::new(None::<String>);
    let here = Memo::new(move |_| followed.arrived.get());
    view! {
        {changing(move || {
            here.get()
                .then(|| {
                    take_place();
                    view! {
                        <div class="told-place" on:submit=move |event| submitted(&event, refused) on:click=clicked>
                            <p class="notice refused" role="alert" hidden=move || refused.read().is_none()>
                                {changing(move || refused.get())}
                            </p>
                            {list(told, unread.into(), now.into(), Zone::Reader)}
                            <Popups />
                        </div>
                    }
                        .here_once()
                })
        })}
    }
    .here_once()
}

/// Removes what the server sent; what had the focus there has it in what comes, by its id.
fn take_place() {
    let focused = document().active_element().map(|element| element.id());
    if let Some(sent) = found(document().body(), SENT) {
        sent.remove();
    }
    if let Some(id) = focused.filter(|id| !id.is_empty()) {
        request_animation_frame(move || focus(&id));
    }
}

fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Does what a form of the list says, without leaving the page.
fn submitted(event: &SubmitEvent, refused: RwSignal<Option<String>>) {
    let form = event
        .target()
        .and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
    let Some(form) = form else { return };
    event.prevent_default();
    let path = form.get_attribute("action").unwrap_or_default();
    let mut parts = path.split('/').skip(2);
    let (method, address, body) = match (parts.next(), parts.next()) {
        (Some("read"), None) => {
            let ids = form.query_selector("input[name=ids]").ok().flatten();
            let ids = ids.and_then(|ids| ids.dyn_into::<HtmlInputElement>().ok());
            let ids = ids.map(|ids| ids.value()).unwrap_or_default();
            focus("told-count");
            (
                "POST",
                "/api/notifications/read".to_owned(),
                Some(format!("{{\"ids\":[{ids}]}}")),
            )
        }
        (Some(id), Some("remove")) => {
            let neighbour = neighbour(&form);
            focus(neighbour.as_deref().unwrap_or("told-count"));
            ("DELETE", format!("/api/notifications/{id}"), None)
        }
        (Some(id), Some(what)) => {
            let body = format!("{{\"read\":{}}}", what == "read");
            ("PATCH", format!("/api/notifications/{id}"), Some(body))
        }
        _ => return,
    };
    spawn_local(async move {
        let done = request(method, &address, body).await;
        refused.set(done.err().map(|refusal| refusal.text()));
    });
}

/// The id of the button that removes the next one, or the one before.
fn neighbour(form: &HtmlFormElement) -> Option<String> {
    let line = form.closest("li").ok()??;
    let next = line
        .next_element_sibling()
        .or_else(|| line.previous_element_sibling())?;
    Some(format!("remove-{}", next.get_attribute("data-id")?))
}

/// What a link leads to is read then.
fn clicked(event: web_sys::MouseEvent) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let link = target.and_then(|target| target.closest(".told-link").ok().flatten());
    let line = link.and_then(|link| link.closest("li.unread").ok().flatten());
    if let Some(id) = line.and_then(|line| line.get_attribute("data-id")?.parse().ok()) {
        mark_read(id);
    }
}

/// The switch for what this browser shows by itself, where it can.
#[component]
fn Popups() -> impl IntoView {
    let are_on = RwSignal::new(popup::are_on());
    let can = RwSignal::new(popup::can_be_shown());
    let switch = move |_| {
        spawn_local(async move {
            popup::switch(!are_on.get_untracked()).await;
            are_on.set(popup::are_on());
            can.set(popup::can_be_shown());
        });
    };
    let said = move || match (can.get(), are_on.get()) {
        (false, _) => "This browser shows none by itself: it was told not to, or can't.",
        (_, true) => "This browser shows new ones by itself, but in quiet hours.",
        (_, false) => "This browser shows none by itself.",
    };
    let label = move || match are_on.get() {
        true => "Don’t show them",
        false => "Show new ones",
    };
    view! {
        <p class="popups">
            <span>{changing(said)}</span>
            <button type="button" class="button" hidden=move || !can.get() on:click=switch>
                {changing(label)}
            </button>
        </p>
    }
    .here_once()
}
