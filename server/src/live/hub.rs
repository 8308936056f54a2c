//! The one task that owns the engine: what changed goes in, what clients are told comes out.

mod cost;
mod follow;
mod members;
mod rules;
#[cfg(test)]
mod tests;
mod turns;
mod work;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rowcast_engine::{
    Engine, Output,
    predicate_index::QueryId,
    schema::TableId,
    window::{RowsWanted, WindowId},
};
use rowcast_protocol::{
    ApiError, Cursor, PgSnapshot,
    message::{Event, Patch, Snapshot},
    query::Query,
};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{mpsc, oneshot, watch};

use self::rules::{RULES, Ruling};
use super::{
    SubscriberId,
    changes::{Changes, Tables},
    channel::Seat,
    clock::Clock,
    cost::Busy,
    event::SharedEvent,
    fanout::FanOut,
    feed::{Feed, FeedKey, PatchNumber},
    figures::Figures,
    outbox::Outbox,
    place::Place,
    plan::{query_spec, window_spec},
    prepare::bind_live,
    work::{Job, Outcome, Worker},
};
use crate::{
    capture::{Read, TailEvent, TailHandle},
    database::{
        catalog::{Catalog, Rules, TableMeta},
        readers::Readers,
    },
    error::unknown_table,
    limit::Subject,
    permission::Limits,
    query::{bound::BoundQuery, read::catalog_changed},
    traces::{Cause, Span, Traces},
};

/// How long a window without clients stays live, for one that comes back or for a page that
/// was just rendered.
const LINGER: Duration = Duration::from_secs(30);

/// The shortest time between two reads of a whole window. It bounds what a query costs whose
/// changes can't be told from rows.
const WHOLE_READ_INTERVAL: Duration = Duration::from_millis(200);

/// A window's reads are at least so many times as far apart as the last one took, so that an
/// expensive one takes a sixth of one connection's time at the most.
const WHOLE_READ_SPACING: u32 = 5;

/// However long a window's read takes, it is read again after so long.
const WHOLE_READ_APART: Duration = Duration::from_secs(30);

/// The most bytes of patches that are kept for clients that come back, of all windows
/// together.
const BACKLOG_BYTES: usize = 64 << 20;

/// How long a list is kept as an event for others that ask for the same.
const SNAPSHOT_KEPT: Duration = Duration::from_secs(1);

/// How often windows without clients and lists kept as events are looked through.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How many commands are taken between two reads of the log, if so many wait.
const COMMANDS_A_TURN: usize = 256;

/// The most windows without clients that stay live.
const MAX_LINGERING: usize = 256;

/// How long what failed for want of a database waits before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a read that ran into the time limit waits before it is tried again.
const SLOW_RETRY: Duration = Duration::from_secs(5);

/// What the hub is told.
#[derive(Debug)]
pub enum Command {
    /// Somebody follows a query.
    Subscribe(Box<Subscribe>),
    /// Somebody no longer does.
    Unsubscribe(SubscriberId),
    /// A slow client has been drained: these subscriptions get a fresh list.
    Resync(Vec<SubscriberId>),
    /// The database has done something, or failed to.
    Done {
        /// What was asked.
        job: Box<Job>,
        /// What came.
        result: Result<Outcome, ApiError>,
        /// How long it took the database.
        took: Duration,
    },
    /// Queries have been bound to their table as it is now.
    Bound(Bound),
    /// The fingerprints of the database's rules, by role and table, as they are now.
    Rules(Ruling),
    /// Somebody asks for the lists that cost most of late, so many at most.
    Busiest(usize, oneshot::Sender<Vec<Busy>>),
}

/// A subscription.
#[derive(Debug)]
pub struct Subscribe {
    /// What is followed.
    pub asked: Asked,
    /// By whom it is counted that rows are read for it.
    pub subject: Option<Subject>,
    /// Where the client stands, if it holds a list.
    pub cursor: Option<Cursor>,
    /// Who it is for.
    pub sink: Sink,
    /// What it is a part of.
    pub cause: Cause,
}

/// What a subscription follows.
#[derive(Debug)]
pub struct Asked {
    /// The subscription's name.
    pub id: SubscriberId,
    /// The query as the client wrote it.
    pub query: Arc<Query>,
    /// The query as it was bound.
    pub bound: BoundQuery,
}

/// Who a subscription is for.
#[derive(Debug)]
pub enum Sink {
    /// A connection, and the number that it gave the subscription.
    Stream(Arc<Outbox>, u32),
    /// Somebody who wants one snapshot.
    Once(oneshot::Sender<Result<Snapshot, ApiError>>),
}

/// The outcome of binding a table's queries again.
#[derive(Debug)]
pub struct Bound {
    table: Named,
    /// How many changes of definitions had been seen when the table was looked up.
    shapes: u64,
    queries: Vec<(Unbound, Result<BoundQuery, ApiError>)>,
}

/// A query that has to be bound to its table as it is now, and who follows it.
#[derive(Debug)]
struct Unbound {
    query: Arc<Query>,
    /// What its readers are kept from.
    limits: Option<Arc<Limits>>,
    /// What the database lets them see.
    rules: Option<Arc<Rules>>,
    /// The tables that it embeds, which they may read, as they are defined, and what the database
    /// lets them see of each.
    joined: Vec<(u32, String, Option<Arc<Rules>>)>,
    members: Vec<SubscriberId>,
}

impl Unbound {
    /// A query that is to be bound anew, with what its readers are kept from.
    fn new(query: Arc<Query>, bound: &BoundQuery, members: Vec<SubscriberId>) -> Self {
        Self {
            query,
            limits: bound.table.base().limits.clone(),
            rules: bound.table.rules.clone(),
            joined: joined(bound),
            members,
        }
    }

    /// The table as its readers see it.
    ///
    /// # Errors
    /// `catalog_changed` if the database lets them see something else of it now, or what is hidden
    /// is not there: what they may ask is another query then. Those of reading the catalog.
    async fn seen(
        &self,
        catalog: &Catalog,
        table: &Arc<TableMeta>,
    ) -> Result<Arc<TableMeta>, ApiError> {
        // What was hidden may show under another name by now.
        let has = |name: &String| table.table.column(name).is_some();
        let is_known = |limits: &Arc<Limits>| limits.hidden.iter().all(has);
        if !self.limits.as_ref().is_none_or(is_known) {
            return Err(catalog_changed());
        }
        let Some(rules) = &self.rules else {
            return Ok(table.limited(self.limits.clone()));
        };
        let now = catalog.impersonated(table, &rules.impersonation).await?;
        match now {
            Some(now) if now.rules.as_ref() == Some(rules) => Ok(now.limited(self.limits.clone())),
            _ => Err(catalog_changed()),
        }
    }

    /// The query as it is bound now, unless it embeds something else than its readers were let see.
    ///
    /// # Errors
    /// `catalog_changed`.
    fn refers_as_before(&self, bound: BoundQuery) -> Result<BoundQuery, ApiError> {
        match self.limits.is_none() || joined(&bound) == self.joined {
            true => Ok(bound),
            false => Err(catalog_changed()),
        }
    }
}

fn joined(bound: &BoundQuery) -> Vec<(u32, String, Option<Arc<Rules>>)> {
    let joins = bound.table.joins().iter();
    joins
        .map(|join| {
            let table = &join.table;
            (table.oid, table.fingerprint.clone(), table.rules.clone())
        })
        .collect()
}

/// How a table is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Named {
    /// By its number, which a new name does not change; with the name it was known by.
    Oid(u32, String),
    /// By its name.
    Path(String),
}

/// The database's state as sessions show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following(pub bool);

/// The engine and all that surrounds it.
pub struct Hub {
    engine: Engine,
    epoch: u64,
    /// The same, for those who read lists by themselves.
    epoch_told: Arc<AtomicU64>,
    catalog: Arc<Catalog>,
    readers: Readers,
    worker: Worker,
    tail: TailHandle,
    /// For what the hub has had done.
    results: (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    fan_out: FanOut,
    feeds: FxHashMap<WindowId, Feed>,
    by_key: FxHashMap<FeedKey, WindowId>,
    subscribers: FxHashMap<SubscriberId, Subscriber>,
    tables: Tables,
    /// How many windows each table's changes concern.
    windows_of: FxHashMap<u32, usize>,
    /// Queries that wait for their table to be looked up. One look-up serves them all.
    unbound: FxHashMap<Named, Vec<Unbound>>,
    /// How many changes of definitions have been seen.
    shapes_seen: u64,
    /// Which of them was each table's last.
    shapes: FxHashMap<u32, u64>,
    /// Tables that a read has found altered, and when that was last.
    misread: FxHashMap<u32, Instant>,
    lingering: FxHashSet<WindowId>,
    /// When these and the next were last looked through.
    house_kept: Instant,
    /// Windows whose list was made an event, oldest first.
    snapshots: VecDeque<(Instant, WindowId)>,
    /// The patches that windows keep, oldest first, with their sizes.
    backlog: VecDeque<(WindowId, PatchNumber, usize)>,
    backlog_bytes: usize,
    patches_made: u64,
    /// Windows whose list the time changes, and when it does.
    turns: BTreeSet<(Instant, WindowId)>,
    /// What the database's clock says; `None` while no list depends on the time.
    clock: Option<Clock>,
    /// When the oldest change of each table was logged, of those that are being taken in.
    oldest: HashMap<u32, i64>,
    /// Windows that cost something of late.
    costly: FxHashSet<WindowId>,
    /// When that was last looked through.
    costs_seen: Instant,
    /// The number of the last of them that was told.
    last_told: u64,
    /// How many windows are of rows about which the database's own rules decide.
    ruled: usize,
    /// When those rules were last looked at.
    rules_seen: Instant,
    following: watch::Sender<Following>,
    figures: Arc<Figures>,
    traces: Traces,
    /// What the hub acts for.
    cause: Cause,
}

#[derive(Debug)]
struct Subscriber {
    sink: Sink,
    subject: Option<Subject>,
    cursor: Option<Box<Cursor>>,
    /// Which window it follows, and where it sits in its channel.
    place: Option<(WindowId, Seat)>,
    /// Why the list that the client holds is void, if it is.
    reset: Option<&'static str>,
    /// What it began as a part of, until its window has been opened.
    cause: Cause,
}

/// What a hub is made of.
pub struct HubParts {
    /// What tables there are.
    pub catalog: Arc<Catalog>,
    /// For reading them.
    pub readers: Readers,
    /// Follows the log.
    pub tail: TailHandle,
    /// Which history the log belongs to. The hub says here when it is another one.
    pub epoch: Arc<AtomicU64>,
    /// The version from which the tail reports changes.
    pub version: PgSnapshot,
    /// Says whether the log is being followed.
    pub following: watch::Sender<Following>,
    /// Counts what happens.
    pub figures: Arc<Figures>,
    /// Where what happens is told.
    pub traces: Traces,
}

impl Hub {
    /// A hub, and where its commands go in.
    pub fn new(parts: HubParts) -> (Self, mpsc::Sender<Command>, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(4096);
        let results = mpsc::channel(1024);
        let hub = Self {
            engine: Engine::new(parts.version),
            epoch: parts.epoch.load(Ordering::Relaxed),
            epoch_told: parts.epoch,
            catalog: parts.catalog,
            worker: Worker::new(
                parts.readers.clone(),
                results.0.clone(),
                parts.traces.clone(),
            ),
            readers: parts.readers,
            tail: parts.tail,
            results,
            fan_out: FanOut::start(),
            feeds: FxHashMap::default(),
            by_key: FxHashMap::default(),
            subscribers: FxHashMap::default(),
            tables: Tables::default(),
            windows_of: FxHashMap::default(),
            unbound: FxHashMap::default(),
            shapes_seen: 0,
            shapes: FxHashMap::default(),
            misread: FxHashMap::default(),
            lingering: FxHashSet::default(),
            house_kept: Instant::now(),
            snapshots: VecDeque::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            patches_made: 0,
            turns: BTreeSet::new(),
            clock: None,
            oldest: HashMap::new(),
            costly: FxHashSet::default(),
            costs_seen: Instant::now(),
            last_told: 0,
            ruled: 0,
            rules_seen: Instant::now(),
            following: parts.following,
            figures: parts.figures,
            traces: parts.traces,
            cause: Cause::default(),
        };
        (hub, commands, receiver)
    }

    /// Serves until both channels are closed or `stop` says so.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut changes: mpsc::Receiver<TailEvent>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut tick = tokio::time::interval(HOUSEKEEPING);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next_turn = self.next_turn();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                event = changes.recv() => match event {
                    Some(event) => {
                        self.follow(event);
                        self.give_turns(&mut commands);
                    }
                    None => break,
                },
                // Patches wait for these, and clients that come in thousands do not.
                Some(result) = self.results.1.recv() => self.command(result),
                () = turns::until(next_turn) => self.turn(),
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                _ = tick.tick(), if self.has_house_to_keep() => self.keep_house(),
            }
            self.figures
                .hold(self.engine.figures(), self.subscribers.len());
        }
        for subscriber in self.subscribers.values() {
            if let Sink::Stream(outbox, _) = &subscriber.sink {
                outbox.close();
            }
        }
    }

    /// However much is written, clients and answers get their turn, and so does what is due.
    fn give_turns(&mut self, commands: &mut mpsc::Receiver<Command>) {
        for _ in 0..COMMANDS_A_TURN {
            let waiting = self.results.1.try_recv();
            match waiting.or_else(|_| commands.try_recv()) {
                Ok(command) => self.command(command),
                Err(_) => break,
            }
        }
        self.turn();
        if self.house_kept.elapsed() >= HOUSEKEEPING {
            self.keep_house();
        }
    }

    fn has_house_to_keep(&self) -> bool {
        !self.lingering.is_empty() || !self.snapshots.is_empty() || self.ruled > 0
    }

    /// Lets go of what nobody has come back to, and looks after what no change tells.
    fn keep_house(&mut self) {
        self.house_kept = Instant::now();
        self.close_abandoned();
        self.forget_snapshots();
        if self.ruled > 0 && self.rules_seen.elapsed() >= RULES {
            self.look_at_rules();
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscribe) => self.subscribe(*subscribe),
            Command::Unsubscribe(id) => self.unsubscribe(id),
            Command::Resync(ids) => {
                for id in ids {
                    self.resync(id);
                }
            }
            Command::Done { job, result, took } => self.done(*job, result, took),
            Command::Bound(bound) => self.bound(bound),
            Command::Rules(ruling) => self.compare_rules(&ruling),
            Command::Busiest(most, reply) => {
                // Who asked may have ended.
                let _ = reply.send(self.busiest(most));
            }
        }
    }
}

/// Whether an error is the database's absence, which ends.
fn is_passing(error: &ApiError) -> bool {
    error.code == "database_unavailable"
}
