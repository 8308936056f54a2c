//! The page's one connection: it stays, whatever happens to what carries it.

mod backoff;

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    time::Duration,
};

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{
    json::Heading,
    message::{Event, ServerMessage},
};

use super::{
    fetch,
    status::{Link, LiveStatus},
    transport::{Closed, Listener, Signal, Transport},
    websocket::WebSocketTransport,
};
use crate::{parts, signed_in::SignedIn};
use backoff::Backoff;

/// The server is heard at least every 15 seconds; one that is silent for this long, in
/// milliseconds, is gone, whatever the socket believes.
const SILENCE: f64 = 40_000.0;
const WATCH: Duration = Duration::from_secs(5);
/// A page that is not painted within this time does not wait for it.
const UNPAINTED: Duration = Duration::from_millis(150);
/// After so many refusals in a row a WebSocket may not get through at all.
const REFUSALS: u32 = 2;

/// A query that the page follows, and where it stands.
pub struct Subscription {
    /// The table's name.
    pub table: String,
    /// The query, in the grammar.
    pub query: String,
    /// The version of the rows that the page holds, or has received and will hold.
    pub cursor: Option<String>,
    /// What patches name of them.
    pub heading: Heading,
    /// Who hears what happens to them.
    pub on_event: Rc<dyn Fn(Event)>,
}

/// The connection. Clones are the same one.
#[derive(Clone)]
pub struct Connection(Rc<RefCell<State>>);

struct State {
    status: LiveStatus,
    build: String,
    /// Whether the page is somebody's who has signed in.
    has_account: bool,
    transport: Option<Box<dyn Transport>>,
    /// Which attempt `transport` is; what an earlier one still reports is not heard.
    attempt: u32,
    open: bool,
    refused: u32,
    backoff: Backoff,
    heard: f64,
    next_id: u32,
    /// With their ids, in the order in which they were begun.
    subscriptions: Vec<(u32, Subscription)>,
    retry: Option<TimeoutHandle>,
}

impl State {
    /// The subscription of that id, which it has no more.
    fn taken(&mut self, id: u32) -> Option<Subscription> {
        let at = self.subscriptions.iter().position(|(of, _)| *of == id)?;
        Some(self.subscriptions.remove(at).1)
    }
}

thread_local! {
    static SHARED: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

impl Connection {
    /// The connection of this page, opened when it is first asked for.
    pub fn shared(status: LiveStatus) -> Self {
        SHARED.with_borrow_mut(|shared| shared.get_or_insert_with(|| Self::new(status)).clone())
    }

    fn new(status: LiveStatus) -> Self {
        let connection = Self(Rc::new(RefCell::new(State {
            status,
            build: build(),
            has_account: SignedIn::current().is_some(),
            transport: None,
            attempt: 0,
            open: false,
            refused: 0,
            backoff: Backoff::default(),
            heard: 0.0,
            next_id: 0,
            subscriptions: Vec::new(),
            retry: None,
        })));
        // What the server says first is its clock, and what waits behind the first paint is
        // read too late to tell it. A page that is not visible is not painted.
        let (painted, hidden) = (connection.clone(), connection.clone());
        request_animation_frame(move || set_timeout(move || painted.start(), Duration::ZERO));
        set_timeout(move || hidden.start(), UNPAINTED);
        connection.watch();
        connection
    }

    /// Follows a query until [`Connection::unsubscribe`] or its [`Event::Error`].
    pub fn subscribe(&self, subscription: Subscription) -> u32 {
        let mut state = self.0.borrow_mut();
        let id = state.next_id;
        state.next_id = state.next_id.wrapping_add(1);
        if state.open
            && let Some(transport) = &mut state.transport
        {
            transport.subscribe(id, &subscription);
        }
        state.subscriptions.push((id, subscription));
        id
    }

    /// Ends a subscription; nothing more is heard of it.
    pub fn unsubscribe(&self, id: u32) {
        let mut state = self.0.borrow_mut();
        let known = state.taken(id).is_some();
        if known
            && state.open
            && let Some(transport) = &mut state.transport
        {
            transport.unsubscribe(id);
        }
    }

    /// Asks for a query's rows again: those held turned out not to fit what came.
    pub fn start_over(&self, id: u32) {
        let Some(mut subscription) = self.0.borrow_mut().taken(id) else {
            return;
        };
        subscription.cursor = None;
        let mut state = self.0.borrow_mut();
        if state.open
            && let Some(transport) = &mut state.transport
        {
            transport.unsubscribe(id);
            transport.subscribe(id, &subscription);
        }
        state.subscriptions.push((id, subscription));
    }

    fn start(&self) {
        if self.0.borrow().attempt == 0 {
            self.connect();
        }
    }

    fn connect(&self) {
        let listener = {
            let mut state = self.0.borrow_mut();
            state.attempt += 1;
            state.open = false;
            state.transport = None;
            state.heard = js_sys::Date::now();
            if let Some(retry) = state.retry.take() {
                retry.clear();
            }
            self.listener(state.attempt)
        };
        let (build, refused, attempt) = {
            let state = self.0.borrow();
            (state.build.clone(), state.refused, state.attempt)
        };
        // Where WebSockets don't get through, every second attempt is one all the same.
        if refused >= REFUSALS && refused.is_multiple_of(2) {
            let connection = self.clone();
            spawn_local(async move {
                let transport = parts::event_streams(listener).await.ok();
                // Another attempt may have been begun meanwhile.
                if connection.0.borrow().attempt == attempt {
                    connection.carry(transport);
                }
            });
        } else {
            let transport = WebSocketTransport::open(&build, listener).ok();
            self.carry(transport.map(|transport| Box::new(transport) as Box<dyn Transport>));
        }
    }

    /// Takes what an attempt gave.
    fn carry(&self, transport: Option<Box<dyn Transport>>) {
        if transport.is_none() {
            self.closed(Closed::Refused);
        }
        self.0.borrow_mut().transport = transport;
    }

    /// Hears one attempt's transport, and holds the connection no longer than it lives.
    fn listener(&self, attempt: u32) -> Listener {
        let state: Weak<RefCell<State>> = Rc::downgrade(&self.0);
        Rc::new(move |signal| {
            let Some(connection) = state.upgrade().map(Connection) else {
                return;
            };
            if connection.0.borrow().attempt != attempt {
                return;
            }
            connection.0.borrow_mut().heard = js_sys::Date::now();
            match signal {
                Signal::Opened => connection.opened(),
                Signal::Following => connection.following(),
                Signal::Message(message) => connection.message(message),
                Signal::Closed(closed) => connection.closed(closed),
            }
        })
    }

    fn opened(&self) {
        let mut state = self.0.borrow_mut();
        state.open = true;
        let State {
            transport,
            subscriptions,
            ..
        } = &mut *state;
        if let Some(transport) = transport {
            for (id, subscription) in subscriptions {
                transport.subscribe(*id, subscription);
            }
        }
    }

    fn following(&self) {
        let status = {
            let mut state = self.0.borrow_mut();
            state.backoff.reset();
            state.status
        };
        status.follows(js_sys::Date::now());
    }

    fn message(&self, message: ServerMessage) {
        let status = self.0.borrow().status;
        match message {
            ServerMessage::Clock { now } => status.clock(now as f64 / 1000.0, js_sys::Date::now()),
            ServerMessage::Database { following } => {
                status
                    .link
                    .set(if following { Link::Live } else { Link::Stale });
            }
            ServerMessage::Goodbye => self.closed(Closed::Lost),
            ServerMessage::Event { id, event } => self.event(id, event),
        }
    }

    fn event(&self, id: u32, event: Event) {
        let on_event = {
            let mut state = self.0.borrow_mut();
            let mut known = state.subscriptions.iter_mut();
            let Some((_, subscription)) = known.find(|(of, _)| *of == id) else {
                return;
            };
            match &event {
                Event::Snapshot(snapshot) => {
                    subscription.cursor = Some(snapshot.cursor.clone());
                    subscription.heading = Heading::of(snapshot);
                }
                Event::Patch(patch) => subscription.cursor = Some(patch.cursor.clone()),
                Event::Reset { .. } => subscription.cursor = None,
                Event::Error(_) => {}
            }
            let on_event = subscription.on_event.clone();
            if matches!(event, Event::Error(_)) {
                state.taken(id);
            }
            on_event
        };
        on_event(event);
    }

    fn closed(&self, closed: Closed) {
        if closed == Closed::OtherBuild && self.reload() {
            return;
        }
        // The page, asked for again, leads to the one that signs in. It goes on trying, in case
        // that it can't be loaded.
        match closed {
            Closed::SignedOut => drop(window().location().reload()),
            Closed::Refused if self.0.borrow().has_account => spawn_local(async {
                if fetch::is_signed_out().await {
                    drop(window().location().reload());
                }
            }),
            _ => {}
        }
        let (status, wait) = {
            let mut state = self.0.borrow_mut();
            // Dropping the transport is left to the next attempt: this may be its callback.
            state.attempt += 1;
            state.open = false;
            state.refused = match closed {
                Closed::Refused | Closed::OtherBuild | Closed::SignedOut => state.refused + 1,
                Closed::Lost if state.refused >= REFUSALS => state.refused + 1,
                _ => 0,
            };
            (
                state.status,
                state.backoff.next_wait(js_sys::Math::random()),
            )
        };
        status.link.set(Link::Offline);
        let connection = self.clone();
        let retry = set_timeout_with_handle(move || connection.connect(), wait).ok();
        self.0.borrow_mut().retry = retry;
    }

    /// Loads the page again, once for each build that the server turned down.
    fn reload(&self) -> bool {
        const TRIED: &str = "rowcast-reloaded";
        let build = self.0.borrow().build.clone();
        let Ok(Some(storage)) = window().session_storage() else {
            return false;
        };
        if storage.get_item(TRIED).ok().flatten().as_ref() == Some(&build) {
            return false;
        }
        storage.set_item(TRIED, &build).is_ok() && window().location().reload().is_ok()
    }

    /// Gives up a server that fell silent, and tries at once when there is reason to hope.
    fn watch(&self) {
        let connection = self.clone();
        // The page has one connection for as long as it is open.
        set_interval(
            move || {
                let silent = {
                    let state = connection.0.borrow();
                    state.open && js_sys::Date::now() - state.heard > SILENCE
                };
                if silent {
                    connection.closed(Closed::Lost);
                }
            },
            WATCH,
        );
        for event in ["online", "pageshow", "focus"] {
            let connection = self.clone();
            let handle = window_event_listener_untyped(event, move |_| connection.hurry());
            // Listened to for as long as the page is open: the handle only ends it when told.
            drop(handle);
        }
    }

    fn hurry(&self) {
        let waiting = {
            let mut state = self.0.borrow_mut();
            state.backoff.reset();
            state.retry.take()
        };
        if let Some(retry) = waiting {
            retry.clear();
            if !self.0.borrow().open {
                self.connect();
            }
        }
    }
}

/// The build that this page is of.
fn build() -> String {
    document()
        .query_selector("meta[name=rowcast-build]")
        .ok()
        .flatten()
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default()
}
