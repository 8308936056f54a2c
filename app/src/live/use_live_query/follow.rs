//! From what arrives to the signals of the page, once a frame.

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{
    ApiError,
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

/// How long a change stays marked: as long as its animation.
const MARKED: Duration = Duration::from_millis(1_200);

/// What one subscription has delivered and the page does not show yet.
struct Follower {
    shown: LiveQuery,
    status: LiveStatus,
    waiting: RefCell<Vec<Event>>,
    scheduled: RefCell<bool>,
    subscription: RefCell<Option<u32>>,
    /// Which query is being followed; answers to an earlier one are not shown.
    turn: RefCell<u32>,
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
        waiting: RefCell::default(),
        scheduled: RefCell::default(),
        subscription: RefCell::default(),
        turn: RefCell::default(),
    });
    let cleanup = StoredValue::new_local(follower.clone());
    on_cleanup(move || {
        cleanup.with_value(|follower| follower.stop(status));
    });
    let first = RefCell::new(first);
    if live {
        // Its state is shown whether or not there is something to follow.
        Effect::new(move || drop(Connection::shared(status)));
    }
    let failed_at_first = shown.error.get_untracked().is_some();
    Effect::new(move |before: Option<()>| {
        let text = query.get();
        let first = first.borrow_mut().take();
        follower.stop(status);
        match text {
            Err(error) => follower.fail(error),
            // What the server has just answered need not be asked again.
            Ok(_) if before.is_none() && failed_at_first => {}
            Ok(text) if live => follower.subscribe(status, &path, text, first),
            Ok(_) if first.is_some() => {}
            Ok(text) => follower.read_once(&path, &text),
        }
    });
}

impl Follower {
    fn stop(&self, status: LiveStatus) {
        *self.turn.borrow_mut() += 1;
        self.waiting.borrow_mut().clear();
        if let Some(id) = self.subscription.borrow_mut().take() {
            Connection::shared(status).unsubscribe(id);
        }
    }

    fn subscribe(
        self: &Rc<Self>,
        status: LiveStatus,
        path: &str,
        query: String,
        first: Option<Snapshot>,
    ) {
        if first.is_none() {
            self.shown.loading.set(true);
        }
        let (cursor, columns) = match first {
            Some(snapshot) => (Some(snapshot.cursor), snapshot.columns),
            None => (None, Vec::new()),
        };
        let turn = *self.turn.borrow();
        let follower = self.clone();
        let id = Connection::shared(status).subscribe(Subscription {
            table: path.to_owned(),
            query,
            cursor,
            columns,
            on_event: Rc::new(move |event| {
                if *follower.turn.borrow() == turn {
                    follower.receive(event);
                }
            }),
        });
        *self.subscription.borrow_mut() = Some(id);
    }

    fn read_once(self: &Rc<Self>, path: &str, query: &str) {
        self.shown.loading.set(true);
        let turn = *self.turn.borrow();
        let follower = self.clone();
        let rows = fetch::rows(path, query);
        spawn_local(async move {
            let rows = rows.await;
            if *follower.turn.borrow() == turn {
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
                follower.scheduled.replace(false);
                follower.show();
            });
        }
    }

    fn show(&self) {
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
            if let Some(id) = *self.subscription.borrow() {
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

    fn fail(&self, error: ApiError) {
        self.shown.error.set(Some(error));
        self.shown.loading.set(false);
    }
}
