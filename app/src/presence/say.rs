//! Saying where the reader is.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::RowKey;
use serde::Serialize;
use wasm_bindgen::JsValue;

use super::PresenceHost;
use crate::{
    address,
    edit::api::request,
    erased::effect,
    live::status::{Link, LiveStatus},
    reader::Reader,
};

/// Where the reader is still is said this often; whoever is not heard of for a minute is gone.
const BEAT: Duration = Duration::from_secs(25);

/// How long a change of place waits for the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// What is said.
#[derive(Serialize)]
struct Said<'a> {
    session: &'a str,
    name: &'a str,
    key: Option<&'a RowKey>,
    column: Option<&'a str>,
    editing: bool,
}

#[derive(Clone, Copy)]
struct Voice {
    host: PresenceHost,
    session: StoredValue<String>,
    reader: Reader,
    status: LiveStatus,
    /// What was said last.
    said: StoredValue<String>,
    waits: StoredValue<bool>,
}

/// Says where the reader is for as long as the page is open and seen: on change, and now and
/// then. `session` names the page.
pub fn say(host: PresenceHost, session: String) {
    let voice = Voice {
        host,
        session: StoredValue::new(session),
        reader: Reader::expect(),
        status: expect_context(),
        said: StoredValue::default(),
        waits: StoredValue::new(false),
    };
    effect(move || {
        host.grid.focus.track();
        host.grid.editing.track();
        voice.status.link.track();
        voice.reader.name();
        voice.speak_soon();
    });
    let again = move || {
        // It may not have arrived.
        voice.said.set_value(String::new());
        voice.speak();
    };
    let beat = set_interval_with_handle(again, BEAT);
    let seen = window_event_listener_untyped("visibilitychange", move |_| again());
    let back = window_event_listener_untyped("pageshow", move |_| again());
    let gone = window_event_listener_untyped("pagehide", move |_| voice.leave());
    on_cleanup(move || {
        if let Ok(beat) = beat {
            beat.clear();
        }
        for listener in [seen, back, gone] {
            listener.remove();
        }
        voice.leave();
    });
}

impl Voice {
    fn speak_soon(self) {
        if !self.waits.get_value() {
            self.waits.set_value(true);
            set_timeout(
                move || {
                    // The page may have been left meanwhile.
                    if self.waits.try_set_value(false).is_none() {
                        self.speak();
                    }
                },
                PAUSE,
            );
        }
    }

    /// Says where the reader is, unless that was said last. To a server that is away nothing is
    /// said, and nothing of a page that is not seen.
    fn speak(self) {
        if document().hidden() || self.status.link.get_untracked() != Link::Live {
            return;
        }
        let grid = self.host.grid;
        let editing = grid.editing.get_untracked();
        let place = editing.clone().or_else(|| grid.focus.get_untracked());
        let name = self.reader.name_untracked().unwrap_or_default();
        let column = place.as_ref().map(|place| &*place.column);
        // Columns of other tables are none of this one's.
        let column = column.filter(|name| {
            let table = self.host.view.table.read_value();
            table.column(name).is_some()
        });
        let said = self.session.with_value(|session| {
            serde_json::to_string(&Said {
                session,
                name: &name,
                key: place.as_ref().map(|place| &place.row),
                column,
                editing: editing.is_some(),
            })
        });
        let Ok(said) = said else { return };
        if self.said.with_value(|last| *last == said) {
            return;
        }
        self.said.set_value(said.clone());
        let path = &self.host.view.path;
        let address = path.with_value(|path| address::api("presence", path, ""));
        spawn_local(async move {
            // What does not arrive is said again at the next beat.
            let _ = request("POST", &address, Some(said)).await;
        });
    }

    /// Says that the page is left, in a way that outlives it.
    fn leave(self) {
        let path = &self.host.view.path;
        let address = path.try_with_value(|path| address::api("presence", path, "leave"));
        let session = self.session.try_get_value();
        let (Some(address), Some(session)) = (address, session) else {
            return;
        };
        let body = format!("{{\"session\":\"{session}\"}}");
        let options = web_sys::BlobPropertyBag::new();
        options.set_type("application/json");
        let parts = js_sys::Array::of1(&JsValue::from_str(&body));
        let body = web_sys::Blob::new_with_str_sequence_and_options(&parts, &options).ok();
        // Where it is not sent, the page is gone from others' sight a minute later.
        let _ = window()
            .navigator()
            .send_beacon_with_opt_blob(&address, body.as_ref());
    }
}
