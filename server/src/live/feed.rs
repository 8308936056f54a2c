//! One window: whom it is for, and what they can be told.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rowcast_engine::{engine::ListState, window::WindowSpec};
use rowcast_protocol::{
    json::Heading,
    message::{Event, Patch, Snapshot},
    query::{Query, Selected},
};

use super::{channel::Channel, cost::Cost, event::SharedEvent, place::Place};
use crate::{
    limit::Subject,
    permission::Limits,
    query::{bound::BoundQuery, list::aggregates},
};

/// The most patches that a window keeps for clients that come back.
const BACKLOG_PATCHES: usize = 256;

/// The most bytes of patches that a window keeps.
const BACKLOG_BYTES: usize = 1 << 20;

/// How many of the places are remembered that a window was at, or was not known between.
const PLACES: usize = 64;

/// Windows of equal key are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FeedKey {
    identity: Arc<str>,
    spec: WindowSpec,
    /// As it is written: what shows all columns that there are shows those too that are added.
    select: Option<Vec<Selected>>,
    /// What its readers are kept from, which decides how the columns are described.
    limits: Option<Arc<Limits>>,
}

/// A window and those who follow it.
#[derive(Debug)]
pub struct Feed {
    /// What it is shared by.
    pub key: FeedKey,
    /// The query as the client wrote it, to be bound again if the table changes.
    pub query: Arc<Query>,
    /// The query as it is bound now.
    pub bound: Arc<BoundQuery>,
    /// By whom its first read is counted: whoever opened it.
    pub subject: Option<Subject>,
    /// Who is told of it.
    pub channel: Arc<Channel>,
    /// When the last of them left.
    pub empty_since: Option<Instant>,
    /// When its rows are or were last asked for whole.
    pub last_whole_read: Option<Instant>,
    /// How long that took the database.
    pub whole_read_took: Duration,
    /// When the time changes its rows: here, and by the database's clock.
    pub due: Option<(Instant, i64)>,
    /// What keeping it up to date has cost.
    pub cost: Cost,
    /// There as long as the feed is.
    alive: Arc<()>,
    heading: Arc<Heading>,
    backlog: VecDeque<Past>,
    backlog_bytes: usize,
    /// The place from which on the backlog tells everything.
    known_from: Option<Place>,
    /// The newest snapshot that was given out, until a patch outdates it.
    snapshot: Option<Arc<SharedEvent>>,
    /// The places of those that were.
    shown: VecDeque<Place>,
    /// Between which places the list was not known, where no patch tells it.
    unknown: VecDeque<(Place, Place)>,
}

/// Numbers the patches of all feeds, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PatchNumber(pub u64);

/// A patch that was sent.
#[derive(Debug)]
struct Past {
    number: PatchNumber,
    from: Place,
    to: Place,
    event: Arc<SharedEvent>,
}

impl FeedKey {
    /// The key of a query's window, as the query is bound.
    pub fn new(query: &Query, bound: &BoundQuery, spec: &WindowSpec) -> Self {
        Self {
            select: query.select.clone(),
            limits: bound.table.base().limits.clone(),
            identity: Arc::clone(&bound.identity),
            spec: spec.clone(),
        }
    }
}

impl Feed {
    /// A window without clients.
    pub fn new(
        key: FeedKey,
        query: Arc<Query>,
        bound: Arc<BoundQuery>,
        subject: Option<Subject>,
    ) -> Self {
        let columns = bound.select.iter();
        let aggregates = bound.aggregates.iter();
        let heading = Heading {
            columns: columns
                .map(|&at| bound.table.table.columns[at].clone())
                .collect(),
            aggregates: aggregates.map(|of| of.name.clone()).collect(),
        };
        Self {
            key,
            query,
            bound,
            subject,
            channel: Arc::default(),
            empty_since: None,
            last_whole_read: None,
            whole_read_took: Duration::ZERO,
            due: None,
            cost: Cost::default(),
            alive: Arc::default(),
            heading: Arc::new(heading),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            known_from: None,
            snapshot: None,
            shown: VecDeque::new(),
            unknown: VecDeque::new(),
        }
    }

    /// Tells those who do something for it whether it is there still.
    pub fn alive(&self) -> Weak<()> {
        Arc::downgrade(&self.alive)
    }

    /// The list as an event. `state` is what the engine says the clients hold.
    pub fn snapshot(
        &mut self,
        epoch: u64,
        state: impl FnOnce() -> Option<ListState>,
    ) -> Option<Arc<SharedEvent>> {
        if self.snapshot.is_none() {
            let state = state()?;
            let place = Place {
                version: Arc::new(state.version),
                moment: state.moment,
            };
            self.known_from.get_or_insert_with(|| place.clone());
            self.shown.push_back(place.clone());
            if self.shown.len() > PLACES {
                self.shown.pop_front();
            }
            let snapshot = Snapshot {
                columns: self.heading.columns.clone(),
                key: self.bound.table.table.key.clone(),
                rows: state.rows,
                total: state.total,
                aggregates: aggregates(&self.bound, &state.aggregates),
                cursor: place.cursor(self.bound.epoch(epoch)),
            };
            self.snapshot = Some(SharedEvent::new(
                Event::Snapshot(snapshot),
                Arc::clone(&self.heading),
            ));
        }
        self.snapshot.clone()
    }

    /// Records a patch that takes the list from one place to another. `oldest`: when the first of
    /// its changes was logged, where there are several.
    pub fn patch(
        &mut self,
        number: PatchNumber,
        from: Place,
        to: Place,
        patch: Patch,
        oldest: Option<i64>,
    ) -> Arc<SharedEvent> {
        self.snapshot = None;
        let event = SharedEvent::patch(patch, Arc::clone(&self.heading), oldest);
        self.backlog_bytes += event.size();
        self.backlog.push_back(Past {
            number,
            from,
            to,
            event: Arc::clone(&event),
        });
        while self.backlog.len() > BACKLOG_PATCHES
            || (self.backlog_bytes > BACKLOG_BYTES && self.backlog.len() > 1)
        {
            self.forget_first();
        }
        event
    }

    /// The list was not known between two places, and is at both the same.
    pub fn regained(&mut self, from: Place, to: Place) {
        self.unknown.push_back((from, to));
        if self.unknown.len() > PLACES
            && let Some((_, first)) = self.unknown.pop_front()
        {
            while self
                .backlog
                .front()
                .is_some_and(|past| first.covers(&past.to))
            {
                self.forget_first();
            }
            if self
                .known_from
                .as_ref()
                .is_some_and(|known| first.covers(known))
            {
                self.known_from = Some(first);
            }
        }
    }

    /// Forgets the patches up to this one: who has not got them can't be told any more.
    pub fn forget(&mut self, number: PatchNumber) {
        while self
            .backlog
            .front()
            .is_some_and(|past| past.number <= number)
        {
            self.forget_first();
        }
    }

    /// Forgets the list as an event: it is made again if somebody asks.
    pub fn forget_snapshot(&mut self) {
        self.snapshot = None;
    }

    fn forget_first(&mut self) {
        if let Some(past) = self.backlog.pop_front() {
            self.known_from = Some(past.to);
            self.backlog_bytes = self.backlog_bytes.saturating_sub(past.event.size());
        }
        if self.backlog.is_empty() {
            self.backlog = VecDeque::new();
        }
    }

    /// The patches that a client is missing that holds the list of this place; `None` if they
    /// can't be told any more, or never could. The list is exact up to `now`. `was_read_over`:
    /// whether the log was read from before that place to behind it at once.
    pub fn missed(
        &self,
        place: &Place,
        now: &Place,
        was_read_over: bool,
    ) -> Option<Vec<Arc<SharedEvent>>> {
        let known_from = self.known_from.as_ref()?;
        if !place.covers(known_from) || !now.covers(place) {
            return None;
        }
        // What the list was there is known only where it was read, or led to, at that very place.
        let is_known = || {
            let mut led_to = self.backlog.iter().map(|past| &past.to).chain([known_from]);
            self.shown.contains(place) || led_to.any(|to| to == place)
        };
        if was_read_over && !is_known() {
            return None;
        }
        let is_between = |(from, to): &(Place, Place)| !from.covers(place) && !place.covers(to);
        if self.unknown.iter().any(is_between) {
            return None;
        }
        let missed = self
            .backlog
            .iter()
            .position(|past| !place.covers(&past.to))
            .unwrap_or(self.backlog.len());
        // A patch takes the list on from where it stood before: a client that stands in the
        // middle of one holds a list that this window never was.
        if let Some(next) = self.backlog.get(missed)
            && !next.from.covers(place)
        {
            return None;
        }
        Some(
            self.backlog
                .iter()
                .skip(missed)
                .map(|past| Arc::clone(&past.event))
                .collect(),
        )
    }
}
