//! What the browser shows by itself, where its reader has switched that on, but for quiet hours.

use js_sys::{Date, Reflect};
use leptos::{prelude::*, task::spawn_local};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Notification, NotificationOptions, NotificationPermission};

use super::{known::Known, quiet::Quiet};
use crate::{
    edit::api::{parse, request},
    signed_in::SignedIn,
};

/// What it is kept under that this browser is to.
const KEPT: &str = "rowcast.popups";

/// The most that are shown at once: the bell counts the others.
const AT_ONCE: usize = 3;

/// What is older is no news: it was marked as unread again, say. In milliseconds.
const NEWS: f64 = 3_600_000.0;

/// What is shown.
#[derive(Clone, Debug)]
pub struct Popup {
    /// Names it: one that several pages show is shown once.
    pub id: i64,
    /// What.
    pub title: String,
    /// More of it.
    pub body: String,
    /// Where it leads.
    pub link: String,
    /// When it was told.
    pub at: String,
}

#[derive(Deserialize)]
struct Settings {
    quiet: Option<Quiet>,
}

/// Whether this browser can show any, and may be asked to.
pub fn can_be_shown() -> bool {
    Reflect::has(&window(), &JsValue::from_str("Notification")).unwrap_or(false)
        && Notification::permission() != NotificationPermission::Denied
}

/// Whether it is to.
pub fn are_on() -> bool {
    let storage = window().local_storage().ok().flatten();
    let kept = storage.and_then(|storage| storage.get_item(KEPT).ok().flatten());
    can_be_shown()
        && Notification::permission() == NotificationPermission::Granted
        && kept.is_some()
}

/// Says whether it is to; `true` asks the reader, who has just clicked.
pub async fn switch(on: bool) {
    if on && let Ok(asked) = Notification::request_permission() {
        // Whoever says no has said so.
        let _ = wasm_bindgen_futures::JsFuture::from(asked).await;
    }
    if let Ok(Some(storage)) = window().local_storage() {
        let granted = Notification::permission() == NotificationPermission::Granted;
        let _ = match on && granted {
            true => storage.set_item(KEPT, "on"),
            false => storage.remove_item(KEPT),
        };
    }
}

/// Which of those that are not read came since this tab looked last: none when it looks for the
/// first time. `now`: what the database's clock says, in milliseconds.
pub fn news(mut popups: Vec<Popup>, now: f64) -> Vec<Popup> {
    let storage = window().session_storage().ok().flatten();
    let (Some(storage), Some(SignedIn { name, .. })) = (storage, SignedIn::current()) else {
        return Vec::new();
    };
    // Who signs in next has seen none of it.
    let kept_as = format!("rowcast.told.{name}");
    let kept = storage.get_item(&kept_as).ok().flatten();
    let mut known = kept.as_deref().map(Known::read).unwrap_or_default();
    let ids: Vec<i64> = popups.iter().map(|popup| popup.id).collect();
    let new = known.learn(&ids);
    if kept.is_none() || !new.is_empty() {
        // Where nothing can be kept the next page shows none.
        let _ = storage.set_item(&kept_as, &known.text());
    }
    if kept.is_none() {
        return Vec::new();
    }
    popups.retain(|popup| new.contains(&popup.id) && now - Date::parse(&popup.at) < NEWS);
    popups
}

/// Shows them, the newest first, unless it is quiet now.
pub fn show(mut popups: Vec<Popup>) {
    if popups.is_empty() || !are_on() {
        return;
    }
    popups.truncate(AT_ONCE);
    spawn_local(async move {
        // Asked only now: other devices may have set it.
        let settings = request("GET", "/api/notifications", None).await;
        let Ok(Settings { quiet }) = settings.and_then(|text| parse(&text)) else {
            return;
        };
        if quiet.is_some_and(|quiet| quiet.holds(&time_of_day())) {
            return;
        }
        for popup in popups.into_iter().rev() {
            show_one(popup);
        }
    });
}

fn time_of_day() -> String {
    let now = Date::new_0();
    let two = |number: u32| match number {
        0..10 => format!("0{number}"),
        _ => number.to_string(),
    };
    [two(now.get_hours()), two(now.get_minutes())].join(":")
}

fn show_one(popup: Popup) {
    let options = NotificationOptions::new();
    options.set_tag(&format!("rowcast-{}", popup.id));
    options.set_body(&popup.body);
    options.set_icon("/favicon.svg");
    // Some browsers show none but through a worker, which there is not.
    let Ok(shown) = Notification::new_with_options(&popup.title, &options) else {
        return;
    };
    let of = shown.clone();
    let clicked = Closure::once_into_js(move || {
        of.close();
        let _ = window().focus();
        mark_read(popup.id);
        let to = match popup.link.as_str() {
            "" => "/notifications",
            link => link,
        };
        let _ = window().location().set_href(to);
    });
    shown.set_onclick(Some(clicked.unchecked_ref()));
}

/// Marks one as read, whatever becomes of the page.
pub fn mark_read(id: i64) {
    let path = format!("/notifications/{id}/read");
    let _ = window().navigator().send_beacon(&path);
}
