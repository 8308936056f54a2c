//! From what arrives to the signals of the page, once a frame.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{
    ApiError,
    json::Heading,
    message::{Event, Patch, Snapshot},
};
use wasm_bindgen::JsCast;

use super::LiveQuery;
use crate::live::{
    connection::{Connection, Subscription},
    fetch,
    rows::Marks,
    status::LiveStatus,
};
use crate::page_data::status_of;

/// How long a change stays marked.
const MARKED: Duration = Duration::from_millis(1_000);

/// How long after the server could not answer it is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// What one query's subscription has delivered and the page does not show yet.
struct Follower {
    shown: LiveQuery,
    status: LiveStatus,
    path: String,
    live: bool,
    /// The query's text.
    query: RefCell<String>,
    waiting: RefCell<Vec<Event>>,
    scheduled: Cell<bool>,
    subscription: Cell<Option<u32>>,
    /// Which query is being followed; answers to an earlier one are not shown.
    turn: Cell<u32>,
}

/// Starts following. The first run continues from `first`.
pub fn follow(
    shown: LiveQuery,
    path: String,
    live: bool,
    first: Option<Snapshot>,
    query: Memo<Result<String, ApiError>>,
) {
    let status = expect_context::<LiveStatus>();
    let follower = Rc::new(Follower {
        shown,
        status,
        path,
        live,
        query: RefCell::default(),
        waiting: RefCell::default(),
        scheduled: Cell::default(),
        subscription: Cell::default(),
        turn: Cell::default(),
    });
    let cleanup = StoredValue::new_local(follower.clone());
    on_cleanup(move || cleanup.with_value(|follower| follower.stop()));
    if live {
        // Its state is shown whether or not there is something to follow.
        Effect::new(move || drop(Connection::shared(status)));
    }
    let first = RefCell::new(first);
    let failed = RefCell::new(shown.error.get_untracked());
    Effect::new(move || {
        let text = query.get();
        let (first, failed) = (first.take(), failed.take());
        follower.stop();
        match (text, failed) {
            (Err(error), _) => follower.fail(error),
            (Ok(text), failed) => {
                follower.query.replace(text);
                match failed {
                    // What the server has just answered need not be asked again.
                    Some(error) => follower.fail(error),
                    None => follower.ask(first),
                }
            }
        }
    });
}

impl Follower {
    fn stop(&self) {
        self.turn.set(self.turn.get() + 1);
        self.waiting.borrow_mut().clear();
        if let Some(id) = self.subscription.take() {
            Connection::shared(self.status).unsubscribe(id);
        }
    }

    /// Asks for the query's rows, or for what has changed since `first`.
    fn ask(self: &Rc<Self>, first: Option<Snapshot>) {
        if self.live {
            self.subscribe(first);
        } else if first.is_none() {
            self.read_once();
        }
    }

    fn subscribe(self: &Rc<Self>, first: Option<Snapshot>) {
        if first.is_none() {
            self.shown.loading.set(true);
        }
        let (cursor, heading) = match first {
            Some(snapshot) => (Some(snapshot.cursor.clone()), Heading::of(&snapshot)),
            None => (None, Heading::default()),
        };
        let turn = self.turn.get();
        let follower = self.clone();
        let id = Connection::shared(self.status).subscribe(Subscription {
            table: self.path.clone(),
            query: self.query.borrow().clone(),
            cursor,
            heading,
            on_event: Rc::new(move |event| {
                if follower.turn.get() == turn {
                    follower.receive(event);
                }
            }),
        });
        self.subscription.set(Some(id));
    }

    fn read_once(self: &Rc<Self>) {
        self.shown.loading.set(true);
        let turn = self.turn.get();
        let follower = self.clone();
        let rows = fetch::rows(&self.path, &self.query.borrow());
        spawn_local(async move {
            let rows = rows.await;
            if follower.turn.get() == turn {
                match rows {
                    Ok(snapshot) => follower.start(&snapshot),
                    Err(error) => follower.fail(error),
                }
            }
        });
    }

    /// Takes what arrived, to be shown with the next frame. A page that is not visible has
    /// no frames: there it is applied at once, and nothing piles up.
    fn receive(self: &Rc<Self>, event: Event) {
        if let Event::Patch(patch) = &event {
            self.status
                .arrived(patch.changed_at as f64 / 1000.0, js_sys::Date::now());
        }
        self.waiting.borrow_mut().push(event);
        if document().hidden() {
            self.show();
        } else if !self.scheduled.replace(true) {
            let follower = self.clone();
            request_animation_frame(move || {
                follower.scheduled.set(false);
                follower.show();
            });
        }
    }

    fn show(self: &Rc<Self>) {
        let events = self.waiting.take();
        let mut patches = Vec::new();
        for event in events {
            match event {
                Event::Patch(patch) => patches.push(patch),
                Event::Snapshot(snapshot) => {
                    patches.clear();
                    self.start(&snapshot);
                }
                Event::Reset { .. } => patches.clear(),
                Event::Error(error) => {
                    patches.clear();
                    self.fail(error);
                }
            }
        }
        if !patches.is_empty() {
            self.apply(&patches);
        }
    }

    fn apply(&self, patches: &[Patch]) {
        let focused = document().active_element();
        let mut marks = Marks::default();
        if self.shown.rows.apply(patches, &mut marks).is_err() {
            if let Some(id) = self.subscription.get() {
                Connection::shared(self.status).start_over(id);
            }
            return;
        }
        let ops: usize = patches.iter().map(|patch| patch.ops.len()).sum();
        self.shown.changes.update(|changes| *changes += ops as u64);
        if !marks.is_empty() {
            set_timeout(move || marks.clear(), MARKED);
        }
        // A row that moves takes the focus with it.
        if let Some(focused) = focused.and_then(|element| element.dyn_into().ok()) {
            let focused: web_sys::HtmlElement = focused;
            request_animation_frame(move || {
                let body = document().active_element();
                if body.is_none_or(|element| element.tag_name() == "BODY")
                    && focused.tag_name() != "BODY"
                    && focused.is_connected()
                {
                    let options = web_sys::FocusOptions::new();
                    options.set_prevent_scroll(true);
                    // An element that can't take the focus back loses it.
                    let _ = focused.focus_with_options(&options);
                }
            });
        }
    }

    fn start(&self, snapshot: &Snapshot) {
        self.shown.rows.replace(snapshot);
        self.shown.error.set(None);
        self.shown.loading.set(false);
    }

    /// Shows an error. One of the server's state is asked about again, for it passes.
    fn fail(self: &Rc<Self>, error: ApiError) {
        let passes = status_of(&error.code) == 503;
        self.shown.error.set(Some(error));
        self.shown.loading.set(false);
        if passes {
            let (turn, follower) = (self.turn.get(), self.clone());
            set_timeout(
                move || {
                    if follower.turn.get() == turn {
                        follower.ask(None);
                    }
                },
                AGAIN,
            );
        }
    }
}
