//! The transport where no WebSocket gets through: one event stream a subscription.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use leptos::prelude::{queue_microtask, set_timeout};
use rowcast_protocol::{
    json::{self, Heading},
    message::ServerMessage,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use super::connection::Subscription;
use super::transport::{Closed, Listener, Signal, Transport};
use crate::address;

const EVENTS: [&str; 4] = ["snapshot", "patch", "reset", "error"];

/// Event streams, one a subscription.
pub struct EventStreamTransport {
    listener: Listener,
    streams: HashMap<u32, Stream>,
}

/// One stream, closed by dropping it.
struct Stream {
    source: EventSource,
    // The source calls these for as long as it is not closed.
    _events: Vec<Closure<dyn FnMut(MessageEvent)>>,
    _opened: Closure<dyn FnMut(JsValue)>,
    _failed: Closure<dyn FnMut(JsValue)>,
}

impl EventStreamTransport {
    /// A transport that is open at once: each subscription opens its own stream.
    pub fn open(listener: Listener) -> Self {
        let opened = listener.clone();
        queue_microtask(move || opened(Signal::Opened));
        Self {
            listener,
            streams: HashMap::new(),
        }
    }
}

impl Transport for EventStreamTransport {
    fn subscribe(&mut self, id: u32, subscription: &Subscription) {
        let mut url = address::api("live", &subscription.table, &subscription.query);
        if let Some(cursor) = &subscription.cursor {
            url.push(if subscription.query.is_empty() {
                '?'
            } else {
                '&'
            });
            url.push_str("cursor=");
            url.push_str(&address::encode(cursor));
        }
        match Stream::open(id, &url, subscription.heading.clone(), &self.listener) {
            Ok(stream) => drop(self.streams.insert(id, stream)),
            Err(_) => {
                let listener = self.listener.clone();
                set_timeout(
                    move || listener(Signal::Closed(Closed::Refused)),
                    std::time::Duration::ZERO,
                );
            }
        }
    }

    fn unsubscribe(&mut self, id: u32) {
        self.streams.remove(&id);
    }
}

impl Stream {
    /// Patches name what is in the `heading` of the rows that the page holds.
    fn open(id: u32, url: &str, heading: Heading, listener: &Listener) -> Result<Self, JsValue> {
        let source = EventSource::new(url)?;
        let heading = Rc::new(RefCell::new(heading));
        let ended = Rc::new(Cell::new(false));
        let mut events = Vec::new();
        for name in EVENTS {
            let (listener, heading, ended) = (listener.clone(), heading.clone(), ended.clone());
            let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                // A failed connection is an `error` event too, without data.
                let Some(data) = event.data().as_string() else {
                    return;
                };
                if name == "error" {
                    ended.set(true);
                }
                let read = json::read_event(name, &data, &mut heading.borrow_mut());
                listener(match read {
                    Ok(event) => Signal::Message(ServerMessage::Event { id, event }),
                    Err(_) => Signal::Closed(Closed::Lost),
                });
            });
            source.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref())?;
            events.push(heard);
        }
        let failed = Closure::<dyn FnMut(JsValue)>::new({
            let listener = listener.clone();
            move |event: JsValue| {
                let refused = event.unchecked_ref::<MessageEvent>().data().is_undefined();
                // Reconnecting is ours to do, with the cursor that the page stands at.
                if refused && !ended.get() {
                    listener(Signal::Closed(Closed::Lost));
                }
            }
        });
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        let opened = Closure::<dyn FnMut(JsValue)>::new({
            let listener = listener.clone();
            move |_| listener(Signal::Following)
        });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        Ok(Self {
            source,
            _events: events,
            _opened: opened,
            _failed: failed,
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.close();
    }
}
