//! A short list beside the page's rows, followed as a whole.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use leptos::prelude::*;
use rowcast_protocol::{
    ApiError, Column,
    json::Heading,
    list::List,
    message::{Event, Row},
};

use super::{
    connection::{Connection, Subscription},
    status::LiveStatus,
};
use crate::{erased::effect, page_data::status_of};

/// How long after the server could not answer it is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// That, for one of many who are told at the same time.
fn again() -> Duration {
    AGAIN.mul_f64(1.0 + js_sys::Math::random())
}

/// A list, as it is now.
#[derive(Clone, Copy)]
pub struct LiveList {
    /// Its rows, in the query's order.
    pub rows: RwSignal<Vec<Row>>,
    /// What their cells are of.
    pub columns: RwSignal<Vec<Column>>,
    /// How many there are without the query's limit.
    pub total: RwSignal<u64>,
    /// Whether they have come.
    pub arrived: RwSignal<bool>,
    /// Why they don't.
    pub error: RwSignal<Option<ApiError>>,
    /// What changes when they are to be asked for anew, as after an error.
    pub asked: RwSignal<u32>,
}

/// Follows a query of a table, and whichever query comes after it. Until the next one's rows are
/// there those of the last stay.
pub fn follow_list(table: impl Into<Cow<'static, str>>, query: Memo<String>) -> LiveList {
    follow(table.into(), query)
}

fn follow(table: Cow<'static, str>, query: Memo<String>) -> LiveList {
    let shown = LiveList {
        rows: RwSignal::default(),
        columns: RwSignal::default(),
        total: RwSignal::new(0),
        arrived: RwSignal::new(false),
        error: RwSignal::new(None),
        asked: RwSignal::new(0),
    };
    let status = expect_context::<LiveStatus>();
    effect(move || {
        shown.asked.track();
        let follower = Rc::new(Follower {
            shown,
            status,
            table: table.clone(),
            query: query.get(),
            list: RefCell::default(),
            subscription: Cell::default(),
            over: Cell::default(),
        });
        follower.ask();
        let kept = StoredValue::new_local(follower);
        on_cleanup(move || kept.with_value(|follower| follower.stop()));
    });
    shown
}

/// One query's subscription.
struct Follower {
    shown: LiveList,
    status: LiveStatus,
    table: Cow<'static, str>,
    query: String,
    list: RefCell<Option<List>>,
    subscription: Cell<Option<u32>>,
    over: Cell<bool>,
}

impl Follower {
    fn ask(self: &Rc<Self>) {
        let follower = Rc::downgrade(self);
        let id = Connection::shared(self.status).subscribe(Subscription {
            table: self.table.clone().into_owned(),
            query: self.query.clone(),
            cursor: None,
            heading: Heading::default(),
            on_event: Rc::new(move |event| {
                if let Some(follower) = follower.upgrade() {
                    follower.receive(event);
                }
            }),
        });
        self.subscription.set(Some(id));
    }

    fn stop(&self) {
        self.over.set(true);
        if let Some(id) = self.subscription.take() {
            Connection::shared(self.status).unsubscribe(id);
        }
    }

    fn receive(self: &Rc<Self>, event: Event) {
        match event {
            // The rows that are shown stay until the next ones are here.
            Event::Reset { .. } => {}
            Event::Snapshot(snapshot) => {
                if *self.shown.columns.read_untracked() != snapshot.columns {
                    self.shown.columns.set(snapshot.columns.clone());
                }
                self.list.replace(Some(List::new(snapshot)));
                self.show();
            }
            Event::Patch(patch) => {
                let fits = match &mut *self.list.borrow_mut() {
                    Some(list) => list.apply(&patch).is_ok(),
                    None => false,
                };
                match self.subscription.get() {
                    _ if fits => self.show(),
                    Some(id) => Connection::shared(self.status).start_over(id),
                    None => {}
                }
            }
            Event::Error(error) => {
                self.subscription.set(None);
                // What else the page follows may end before that.
                if status_of(&error.code) == 503 || error.code == "too_many_subscriptions" {
                    let follower = self.clone();
                    set_timeout(
                        move || {
                            if !follower.over.get() {
                                follower.ask();
                            }
                        },
                        again(),
                    );
                }
                self.shown.error.set(Some(error));
            }
        }
    }

    fn show(&self) {
        let (rows, total) = match &*self.list.borrow() {
            Some(list) => (list.rows.clone(), list.total),
            None => return,
        };
        if self.shown.error.read_untracked().is_some() {
            self.shown.error.set(None);
        }
        if self.shown.total.get_untracked() != total {
            self.shown.total.set(total);
        }
        // What is shown is told only where that is new: most patches concern what no column has.
        if *self.shown.rows.read_untracked() != rows {
            self.shown.rows.set(rows);
        }
        if !self.shown.arrived.get_untracked() {
            self.shown.arrived.set(true);
        }
    }
}
