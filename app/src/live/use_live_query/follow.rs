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

use super::{Asked, LiveQuery};
use crate::page_data::status_of;
use crate::{
    erased::effect,
    live::{
        connection::{Connection, Subscription},
        fetch,
        rows::Marks,
        status::LiveStatus,
    },
};

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
    /// What is followed.
    asked: RefCell<Option<Asked>>,
    waiting: RefCell<Vec<Event>>,
    scheduled: Cell<bool>,
    subscription: Cell<Option<u32>>,
    /// Which query is being followed; answers to an earlier one are not shown.
    turn: Cell<u32>,
    /// The slice that is to be followed instead, as soon as its rows are there.
    next: RefCell<Option<Next>>,
    /// Counts what was asked for.
    turns: Cell<u32>,
}

/// A slice that was asked for while another is followed.
struct Next {
    asked: Asked,
    turn: u32,
    subscription: Option<u32>,
}

/// Starts following. The first run continues from `first`.
pub fn follow(
    shown: LiveQuery,
    path: String,
    live: bool,
    first: Option<Snapshot>,
    asked: Memo<Result<Asked, ApiError>>,
) {
    let status = expect_context::<LiveStatus>();
    let follower = Rc::new(Follower {
        shown,
        status,
        path,
        live,
        asked: RefCell::default(),
        waiting: RefCell::default(),
        scheduled: Cell::default(),
        subscription: Cell::default(),
        turn: Cell::default(),
        next: RefCell::default(),
        turns: Cell::default(),
    });
    let cleanup = StoredValue::new_local(follower.clone());
    on_cleanup(move || cleanup.with_value(|follower| follower.stop()));
    if live {
        // Its state is shown whether or not there is something to follow.
        effect(move || drop(Connection::shared(status)));
    }
    if !live {
        let follower = follower.clone();
        Effect::new(move |before: Option<()>| {
            shown.written.track();
            let asked = follower.asked.borrow().clone();
            if let (Some(()), Some(asked)) = (before, asked) {
                follower.read_once(&asked, follower.turn.get());
            }
        });
    }
    let first = RefCell::new(first);
    let failed = RefCell::new(shown.error.get_untracked());
    effect(move || {
        let asked = asked.get();
        let (first, failed) = (first.take(), failed.take());
        match asked {
            Err(error) => {
                follower.stop();
                follower.fail(error);
            }
            Ok(asked) => {
                let followed = follower.subscription.get().is_some() || !live;
                if followed && follower.slides_to(&asked) {
                    follower.slide(asked);
                    return;
                }
                follower.stop();
                let known = follower.asked.replace(Some(asked)).is_some();
                match failed {
                    // What the server has just answered need not be asked again.
                    Some(error) => follower.fail(error),
                    None => {
                        if known {
                            shown.rows.origin.update(|origin| origin.queries += 1);
                        }
                        follower.ask(first);
                    }
                }
            }
        }
    });
}

impl Follower {
    fn stop(&self) {
        self.turn.set(self.next_turn());
        self.waiting.borrow_mut().clear();
        self.forget_next();
        if let Some(id) = self.subscription.take() {
            Connection::shared(self.status).unsubscribe(id);
        }
    }

    fn next_turn(&self) -> u32 {
        self.turns.set(self.turns.get() + 1);
        self.turns.get()
    }

    fn forget_next(&self) {
        if let Some(id) = self.next.take().and_then(|next| next.subscription) {
            Connection::shared(self.status).unsubscribe(id);
        }
    }

    fn slides_to(&self, asked: &Asked) -> bool {
        let before = self.asked.borrow();
        before
            .as_ref()
            .is_some_and(|before| asked.slides_from(before))
    }

    /// Asks for another slice; the one that is shown is followed until its rows are there.
    fn slide(self: &Rc<Self>, asked: Asked) {
        self.forget_next();
        if self.asked.borrow().as_ref() == Some(&asked) {
            return;
        }
        let turn = self.next_turn();
        self.next.replace(Some(Next {
            asked: asked.clone(),
            turn,
            subscription: None,
        }));
        if self.live {
            let id = self.subscribe(&asked, turn, None, Heading::default());
            if let Some(next) = &mut *self.next.borrow_mut() {
                next.subscription = Some(id);
            }
        } else {
            self.read_once(&asked, turn);
        }
    }

    /// The rows of the next slice are here: from now on it is the one.
    fn arrive(&self, turn: u32) -> bool {
        if self.turn.get() == turn {
            return true;
        }
        let next = self.next.borrow_mut().take_if(|next| next.turn == turn);
        let Some(next) = next else { return false };
        self.turn.set(turn);
        if let Some(id) = self.subscription.replace(next.subscription) {
            Connection::shared(self.status).unsubscribe(id);
        }
        self.asked.replace(Some(next.asked));
        true
    }

    /// A slice that can't be had leaves the one that is shown. If that passes it is asked for
    /// again, unless the reader has gone elsewhere.
    fn stay(self: &Rc<Self>, turn: u32, error: &ApiError) {
        let next = self.next.borrow_mut().take_if(|next| next.turn == turn);
        if let Some(next) = next.filter(|_| passes(error)) {
            let (followed, follower) = (self.turn.get(), self.clone());
            let waits = self.turns.get();
            set_timeout(
                move || {
                    if follower.turn.get() == followed && follower.turns.get() == waits {
                        follower.slide(next.asked);
                    }
                },
                AGAIN,
            );
        }
    }

    /// Asks for the query's rows, or for what has changed since `first`.
    fn ask(self: &Rc<Self>, first: Option<Snapshot>) {
        let Some(asked) = self.asked.borrow().clone() else {
            return;
        };
        let turn = self.turn.get();
        if first.is_none() {
            self.shown.loading.set(true);
        } else {
            self.place_rows();
        }
        if self.live {
            let (cursor, heading) = match first {
                Some(snapshot) => (Some(snapshot.cursor.clone()), Heading::of(&snapshot)),
                None => (None, Heading::default()),
            };
            let id = self.subscribe(&asked, turn, cursor, heading);
            self.subscription.set(Some(id));
        } else if first.is_none() {
            self.read_once(&asked, turn);
        }
    }

    fn subscribe(
        self: &Rc<Self>,
        asked: &Asked,
        turn: u32,
        cursor: Option<String>,
        heading: Heading,
    ) -> u32 {
        let follower = self.clone();
        Connection::shared(self.status).subscribe(Subscription {
            table: self.path.clone(),
            query: asked.query.to_query_string(),
            cursor,
            heading,
            on_event: Rc::new(move |event| match event {
                Event::Error(error) if follower.turn.get() != turn => {
                    follower.stay(turn, &error);
                }
                event => {
                    if follower.arrive(turn) {
                        follower.receive(event);
                    }
                }
            }),
        })
    }

    fn read_once(self: &Rc<Self>, asked: &Asked, turn: u32) {
        let follower = self.clone();
        let rows = fetch::rows(&self.path, &asked.query.to_query_string());
        spawn_local(async move {
            match rows.await {
                Ok(snapshot) if follower.arrive(turn) => follower.start(&snapshot),
                Ok(_) => {}
                Err(error) if follower.turn.get() == turn => follower.fail(error),
                Err(error) => follower.stay(turn, &error),
            }
        });
    }

    /// Says where in the result the rows stand, and how many they are at most.
    fn place_rows(&self) {
        if let Some(asked) = &*self.asked.borrow() {
            let rows = &self.shown.rows;
            let offset = if asked.slides { asked.query.offset } else { 0 };
            rows.offset.set(offset);
            rows.limit.set(asked.query.limit as usize);
        }
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
    }

    fn start(&self, snapshot: &Snapshot) {
        self.place_rows();
        self.shown.rows.replace(snapshot);
        self.shown.error.set(None);
        self.shown.loading.set(false);
    }

    /// Shows an error. One of the server's state is asked about again, for it passes.
    fn fail(self: &Rc<Self>, error: ApiError) {
        let passes = passes(&error);
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

/// Whether an error is one of the server's state.
fn passes(error: &ApiError) -> bool {
    status_of(&error.code) == 503
}
