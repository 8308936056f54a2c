//! The one task that owns the engine: what changed goes in, what clients are told comes out.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rowcast_engine::{
    Engine, Output,
    predicate_index::QueryId,
    schema::TableId,
    window::{RowsWanted, WindowId},
};
use rowcast_protocol::{
    ApiError, Column, Cursor, PgSnapshot,
    message::{Event, Patch, Snapshot},
    query::Query,
};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    SubscriberId,
    changes::{Changes, Tables},
    event::SharedEvent,
    feed::{Feed, FeedKey, cursor},
    figures::Figures,
    outbox::Outbox,
    plan::{query_spec, window_spec},
    work::{Job, Outcome, Worker},
};
use crate::{
    capture::{Read, TailEvent, TailHandle},
    database::catalog::Catalog,
    error::unknown_table,
    query::{bind::bind, bound::BoundQuery},
};

/// How long a window without clients stays live, for one that comes back or for a page that
/// was just rendered.
const LINGER: Duration = Duration::from_secs(30);

/// The shortest time between two reads of a whole window. It bounds what a query costs whose
/// changes can't be told from rows.
const WHOLE_READ_INTERVAL: Duration = Duration::from_millis(200);

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
        job: Job,
        /// What came.
        result: Result<Outcome, ApiError>,
    },
    /// A query has been bound to its table as it is now.
    Bound(Box<Bound>),
}

/// A subscription.
#[derive(Debug)]
pub struct Subscribe {
    /// Its name.
    pub id: SubscriberId,
    /// The query as the client wrote it.
    pub query: Arc<Query>,
    /// The query as it was bound.
    pub bound: BoundQuery,
    /// Where the client stands, if it holds a list.
    pub cursor: Option<Cursor>,
    /// Who it is for.
    pub sink: Sink,
}

/// Who a subscription is for.
#[derive(Debug)]
pub enum Sink {
    /// A connection, and the number that it gave the subscription.
    Stream(Arc<Outbox>, u32),
    /// Somebody who wants one snapshot.
    Once(oneshot::Sender<Result<Snapshot, ApiError>>),
}

/// The outcome of binding a query again.
#[derive(Debug)]
pub struct Bound {
    table: Named,
    /// How many changes of definitions had been seen when the table was looked up.
    shapes: u64,
    query: Arc<Query>,
    members: Vec<SubscriberId>,
    result: Result<BoundQuery, ApiError>,
}

/// How a table is looked up.
#[derive(Clone, Debug)]
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
    catalog: Arc<Catalog>,
    pool: PgPool,
    worker: Worker,
    tail: TailHandle,
    commands: mpsc::Sender<Command>,
    feeds: HashMap<WindowId, Feed>,
    by_key: HashMap<FeedKey, WindowId>,
    subscribers: HashMap<SubscriberId, Subscriber>,
    tables: Tables,
    /// How many changes of definitions have been seen.
    shapes_seen: u64,
    /// Which of them was each table's last.
    shapes: HashMap<u32, u64>,
    lingering: HashSet<WindowId>,
    following: watch::Sender<Following>,
    figures: Arc<Figures>,
}

#[derive(Debug)]
struct Subscriber {
    sink: Sink,
    cursor: Option<Cursor>,
    window: Option<WindowId>,
    /// Why the list that the client holds is void, if it is.
    reset: Option<&'static str>,
}

/// What a hub is made of.
pub struct HubParts {
    /// What tables there are.
    pub catalog: Arc<Catalog>,
    /// For reading them.
    pub pool: PgPool,
    /// Follows the log.
    pub tail: TailHandle,
    /// Which history the log belongs to.
    pub epoch: u64,
    /// The version from which the tail reports changes.
    pub version: PgSnapshot,
    /// Says whether the log is being followed.
    pub following: watch::Sender<Following>,
    /// Counts what happens.
    pub figures: Arc<Figures>,
}

impl Hub {
    /// A hub, and where its commands go in.
    pub fn new(parts: HubParts) -> (Self, mpsc::Sender<Command>, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(4096);
        let hub = Self {
            engine: Engine::new(parts.version),
            epoch: parts.epoch,
            catalog: parts.catalog,
            worker: Worker::new(parts.pool.clone(), commands.clone()),
            pool: parts.pool,
            tail: parts.tail,
            commands: commands.clone(),
            feeds: HashMap::new(),
            by_key: HashMap::new(),
            subscribers: HashMap::new(),
            tables: Tables::default(),
            shapes_seen: 0,
            shapes: HashMap::new(),
            lingering: HashSet::new(),
            following: parts.following,
            figures: parts.figures,
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
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                event = changes.recv() => match event {
                    Some(event) => {
                        self.follow(event);
                        // However much is written, clients and answers get their turn.
                        for _ in 0..COMMANDS_A_TURN {
                            match commands.try_recv() {
                                Ok(command) => self.command(command),
                                Err(_) => break,
                            }
                        }
                    }
                    None => break,
                },
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                _ = tick.tick(), if !self.lingering.is_empty() => self.close_abandoned(),
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

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscribe) => self.subscribe(*subscribe),
            Command::Unsubscribe(id) => self.unsubscribe(id),
            Command::Resync(ids) => {
                for id in ids {
                    self.resync(id);
                }
            }
            Command::Done { job, result } => self.done(job, result),
            Command::Bound(bound) => self.bound(*bound),
        }
    }

    // What the log brings.

    fn follow(&mut self, event: TailEvent) {
        match event {
            TailEvent::Read(read) => self.read(read),
            TailEvent::Lost => {
                self.following.send_replace(Following(false));
            }
            TailEvent::Recovered => {
                self.following.send_replace(Following(true));
            }
            TailEvent::HistoryChanged { epoch, version } => {
                self.following.send_replace(Following(true));
                self.start_over(epoch, version);
            }
        }
    }

    fn read(&mut self, mut read: Read) {
        self.figures.clock(read.clock);
        let reshaped: Vec<u32> = std::mem::take(&mut read.changed_schemas);
        let Changes {
            transaction,
            misfits,
        } = self.tables.take(read);
        for relation in reshaped {
            let table = self.tables.root_of(relation).unwrap_or(relation);
            self.reshaped(table);
        }
        let outputs = if transaction.tables.is_empty() {
            self.engine.nothing_until(transaction.to)
        } else {
            self.engine.apply(transaction)
        };
        self.act(outputs);
        for table in misfits {
            self.reshaped(table);
        }
    }

    /// A table is not what it was: whoever follows it gets its new columns.
    fn reshaped(&mut self, table: u32) {
        self.shapes_seen += 1;
        self.shapes.insert(table, self.shapes_seen);
        self.catalog.invalidate(table);
        self.tables.remove(table);
        for window in self.engine.close_table(TableId(table)) {
            self.rebind(window, "the table's definition changed", false);
        }
    }

    /// The database has another history than the one that was followed.
    fn start_over(&mut self, epoch: u64, version: PgSnapshot) {
        self.epoch = epoch;
        self.engine.restart(version);
        self.tables = Tables::default();
        self.shapes.clear();
        for window in self.feeds.keys().copied().collect::<Vec<_>>() {
            // Behind another history a number may stand for another table: names count.
            self.rebind(window, "the database's history changed", true);
        }
    }

    /// Takes a window's clients off it, and has their query bound to the table as it is now.
    fn rebind(&mut self, window: WindowId, reason: &'static str, by_name: bool) {
        let Some(feed) = self.remove_feed(window) else {
            return;
        };
        let members: Vec<SubscriberId> = feed.members.into_iter().chain(feed.waiting).collect();
        for id in &members {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                subscriber.window = None;
                subscriber.reset = Some(reason);
            }
        }
        if !members.is_empty() {
            self.figures.resets.shape(members.len());
            let meta = &feed.bound.table;
            let table = if by_name {
                Named::Path(meta.table.path())
            } else {
                Named::Oid(meta.oid, meta.table.path())
            };
            self.bind(table, feed.query, members);
        }
    }

    // Who follows what.

    fn subscribe(&mut self, subscribe: Subscribe) {
        let Subscribe {
            id,
            query,
            bound,
            cursor,
            sink,
        } = subscribe;
        self.subscribers.insert(
            id,
            Subscriber {
                sink,
                cursor,
                window: None,
                reset: None,
            },
        );
        let known = self
            .tables
            .get(bound.table.oid)
            .is_some_and(|table| table.fingerprint == bound.table.fingerprint);
        if known {
            self.attach(query, bound, vec![id]);
        } else {
            let table = Named::Oid(bound.table.oid, bound.table.table.path());
            self.bind(table, query, vec![id]);
        }
    }

    /// Binds a query to its table as it is from now on: whatever changes the table's shape
    /// later is in the log, and has the query bound once more.
    fn bind(&self, table: Named, query: Arc<Query>, members: Vec<SubscriberId>) {
        let shapes = self.shapes_seen;
        let (catalog, pool) = (Arc::clone(&self.catalog), self.pool.clone());
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let result = loop {
                let result = bind_now(&catalog, &pool, &table, &query).await;
                match result {
                    Err(error) if is_passing(&error) => tokio::time::sleep(RETRY).await,
                    result => break result,
                }
            };
            // The hub being gone means that the server is stopping.
            let _ = commands
                .send(Command::Bound(Box::new(Bound {
                    table,
                    shapes,
                    query,
                    members,
                    result,
                })))
                .await;
        });
    }

    fn bound(&mut self, bound: Bound) {
        let mut members = bound.members;
        members.retain(|id| self.subscribers.contains_key(id));
        if members.is_empty() {
            return;
        }
        if let Ok(query) = &bound.result
            && self
                .shapes
                .get(&query.table.oid)
                .is_some_and(|seen| *seen > bound.shapes)
        {
            self.bind(bound.table, bound.query, members);
            return;
        }
        match bound.result {
            Err(error) => {
                for id in members {
                    self.end(id, &error);
                }
            }
            Ok(query) => {
                let table = query.table.oid;
                let known = self.tables.get(table);
                match known.map(|known| known.fingerprint == query.table.fingerprint) {
                    Some(true) => {}
                    Some(false) => {
                        self.reshaped(table);
                        self.bind(bound.table, bound.query, members);
                        return;
                    }
                    None => self.tables.insert(Arc::clone(&query.table)),
                }
                self.attach(bound.query, query, members);
            }
        }
    }

    /// Puts subscribers on the window that shows their query.
    fn attach(&mut self, query: Arc<Query>, bound: BoundQuery, members: Vec<SubscriberId>) {
        let spec = window_spec(&bound);
        let key = FeedKey::new(&bound, &spec);
        let window = match self.by_key.get(&key) {
            Some(window) => *window,
            None => {
                let (window, outputs) = self.engine.open(&query_spec(&bound), spec);
                self.by_key.insert(key.clone(), window);
                self.feeds
                    .insert(window, Feed::new(key, query, Arc::new(bound)));
                self.act(outputs);
                window
            }
        };
        self.lingering.remove(&window);
        let ready = self.engine.is_ready(window);
        for id in members {
            let (Some(subscriber), Some(feed)) =
                (self.subscribers.get_mut(&id), self.feeds.get_mut(&window))
            else {
                continue;
            };
            subscriber.window = Some(window);
            feed.empty_since = None;
            if ready {
                feed.members.push(id);
                self.greet(id);
            } else {
                feed.waiting.push(id);
            }
        }
    }

    /// Gives a subscriber what brings it to where its window is.
    fn greet(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        let Some(window) = subscriber.window else {
            return;
        };
        let Some(feed) = self.feeds.get_mut(&window) else {
            return;
        };
        let engine = &self.engine;
        // The snapshot also fixes from where on the backlog is whole.
        let Some(snapshot) = feed.snapshot(self.epoch, || engine.list(window)) else {
            return;
        };
        let cursor = subscriber.cursor.take();
        match &subscriber.sink {
            Sink::Once(_) => {
                if let Event::Snapshot(snapshot) = snapshot.event() {
                    let snapshot = snapshot.clone();
                    if let Some(Sink::Once(reply)) = self.remove_subscriber(id) {
                        let _ = reply.send(Ok(snapshot));
                    }
                }
            }
            Sink::Stream(outbox, number) => {
                let missed = cursor
                    .as_ref()
                    .filter(|cursor| cursor.epoch == self.epoch && subscriber.reset.is_none())
                    .and_then(|cursor| {
                        let now = engine.exact_version_of(window)?;
                        feed.missed(&cursor.snapshot, now)
                    });
                match missed {
                    Some(patches) => {
                        self.figures.resumed.add(1);
                        for patch in patches {
                            outbox.push(id, *number, patch);
                        }
                    }
                    None => {
                        let reason = match subscriber.reset.take() {
                            Some(reason) => Some(reason),
                            None if cursor.is_some() => {
                                self.figures.resets.cursor(1);
                                Some("the cursor is not one that this list can be resumed from")
                            }
                            None => None,
                        };
                        if let Some(reason) = reason {
                            outbox.push(id, *number, reset(reason));
                        }
                        outbox.push(id, *number, snapshot);
                    }
                }
            }
        }
    }

    /// Gives a slow client, now drained, a fresh list.
    fn resync(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        if let Sink::Stream(outbox, _) = &subscriber.sink {
            outbox.found(id);
            subscriber.reset = Some("the client fell behind");
            self.figures.resets.slow(1);
            let is_member = subscriber
                .window
                .and_then(|window| self.feeds.get(&window))
                .is_some_and(|feed| feed.members.contains(&id));
            if is_member {
                self.greet(id);
            }
        }
    }

    fn unsubscribe(&mut self, id: SubscriberId) {
        if let Some(Sink::Stream(outbox, _)) = self.remove_subscriber(id) {
            outbox.forget(id);
        }
    }

    /// Ends a subscription with an error.
    fn end(&mut self, id: SubscriberId, error: &ApiError) {
        match self.remove_subscriber(id) {
            Some(Sink::Stream(outbox, number)) => {
                let columns: Arc<[Column]> = Arc::new([]);
                let event = SharedEvent::new(Event::Error(error.clone()), columns);
                outbox.push_final(id, number, event);
            }
            Some(Sink::Once(reply)) => {
                let _ = reply.send(Err(error.clone()));
            }
            None => {}
        }
    }

    fn remove_subscriber(&mut self, id: SubscriberId) -> Option<Sink> {
        let subscriber = self.subscribers.remove(&id)?;
        if let Some(window) = subscriber.window
            && let Some(feed) = self.feeds.get_mut(&window)
        {
            feed.members.retain(|other| *other != id);
            feed.waiting.retain(|other| *other != id);
            if feed.members.is_empty() && feed.waiting.is_empty() {
                feed.empty_since = Some(Instant::now());
                self.lingering.insert(window);
                if self.lingering.len() > MAX_LINGERING
                    && let Some(oldest) = self
                        .lingering
                        .iter()
                        .copied()
                        .min_by_key(|window| self.feeds.get(window).and_then(|f| f.empty_since))
                {
                    self.abandon(oldest);
                }
            }
        }
        Some(subscriber.sink)
    }

    fn remove_feed(&mut self, window: WindowId) -> Option<Feed> {
        self.lingering.remove(&window);
        let feed = self.feeds.remove(&window)?;
        self.by_key.remove(&feed.key);
        Some(feed)
    }

    /// Closes windows that nobody has come back to.
    fn close_abandoned(&mut self) {
        let abandoned: Vec<WindowId> = self
            .lingering
            .iter()
            .copied()
            .filter(|window| {
                self.feeds.get(window).is_none_or(|feed| {
                    feed.empty_since
                        .is_some_and(|since| since.elapsed() >= LINGER)
                })
            })
            .collect();
        for window in abandoned {
            self.abandon(window);
        }
    }

    fn abandon(&mut self, window: WindowId) {
        self.engine.close(window);
        let Some(feed) = self.remove_feed(window) else {
            return;
        };
        let table = feed.bound.table.oid;
        if !self
            .feeds
            .values()
            .any(|feed| feed.bound.table.oid == table)
        {
            self.tables.remove(table);
        }
    }

    // What the engine wants.

    fn act(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Ready(window) => self.ready(window),
                Output::Patch {
                    window,
                    from,
                    patch,
                } => {
                    let Some(feed) = self.feeds.get_mut(&window) else {
                        continue;
                    };
                    let message = Patch {
                        ops: patch.ops,
                        total: patch.total,
                        cursor: cursor(self.epoch, &patch.to),
                        changed_at: patch.changed_at,
                    };
                    let event = feed.patch(from, patch.to, message);
                    self.figures.patches.add(1);
                    self.figures.sent.add(feed.members.len() as u64);
                    for id in &feed.members {
                        if let Some(Subscriber {
                            sink: Sink::Stream(outbox, number),
                            ..
                        }) = self.subscribers.get(id)
                        {
                            outbox.push(*id, *number, Arc::clone(&event));
                        }
                    }
                }
                Output::Read {
                    window,
                    request,
                    wanted,
                } => {
                    let Some(feed) = self.feeds.get_mut(&window) else {
                        continue;
                    };
                    let mut delay = Duration::ZERO;
                    if let RowsWanted::Places { .. } = wanted {
                        let now = Instant::now();
                        if let Some(last) = feed.last_whole_read {
                            delay = (last + WHOLE_READ_INTERVAL).saturating_duration_since(now);
                        }
                        feed.last_whole_read = Some(now + delay);
                    }
                    let job = Job::Read {
                        window,
                        request,
                        wanted,
                        query: Arc::clone(&feed.bound),
                    };
                    self.worker.start(job, delay);
                }
                Output::Ask { query, question } => {
                    if let Some(bound) = self.query(query) {
                        let job = Job::Ask {
                            id: query,
                            question,
                            query: bound,
                        };
                        self.worker.start(job, Duration::ZERO);
                    }
                }
                Output::CatchUp => self.tail.nudge(),
            }
        }
    }

    fn query(&self, id: QueryId) -> Option<Arc<BoundQuery>> {
        let window = self.engine.windows_of(id).next()?;
        self.feeds.get(&window).map(|feed| Arc::clone(&feed.bound))
    }

    fn ready(&mut self, window: WindowId) {
        let Some(feed) = self.feeds.get_mut(&window) else {
            return;
        };
        let waiting = std::mem::take(&mut feed.waiting);
        feed.members.extend(&waiting);
        for id in waiting {
            self.greet(id);
        }
    }

    fn done(&mut self, job: Job, result: Result<Outcome, ApiError>) {
        match (job, result) {
            (Job::Read { request, .. }, Ok(Outcome::Rows(rows))) => {
                let outputs = self.engine.rows(request, rows);
                self.act(outputs);
            }
            (Job::Ask { id, question, .. }, Ok(Outcome::Answer(answer))) => {
                let outputs = self.engine.answer(id, question.id, &answer);
                self.act(outputs);
            }
            (_, Ok(_)) => {}
            (job, Err(_)) if !self.is_wanted(&job) => drop(job),
            (job, Err(error)) if is_passing(&error) => self.worker.start(job, RETRY),
            // A list that clients hold is not taken from them because a table was locked.
            (job, Err(error)) if error.code == "too_slow" && self.is_held(&job) => {
                self.worker.start(job, SLOW_RETRY);
            }
            (job, Err(error)) => self.failed(&job, &error),
        }
    }

    /// Whether the engine still waits for what the job brings.
    fn is_wanted(&self, job: &Job) -> bool {
        match job {
            Job::Read { request, .. } => self.engine.wants_rows(*request),
            Job::Ask { id, question, .. } => self.engine.wants_answer(*id, question.id),
        }
    }

    /// Whether clients hold a list of what the job is for.
    fn is_held(&self, job: &Job) -> bool {
        match job {
            Job::Read { window, .. } => self.engine.is_ready(*window),
            Job::Ask { .. } => true,
        }
    }

    /// What the engine asked for can't be had: the windows that need it end, or their table
    /// is looked at again.
    fn failed(&mut self, job: &Job, error: &ApiError) {
        let (windows, query) = match job {
            Job::Read { window, query, .. } => (vec![*window], query),
            Job::Ask { id, query, .. } => (self.engine.windows_of(*id).collect(), query),
        };
        if matches!(error.code.as_str(), "catalog_changed" | "unknown_table") {
            // Only if it is still the table that the windows know.
            let table = query.table.oid;
            if self
                .tables
                .get(table)
                .is_some_and(|known| known.fingerprint == query.table.fingerprint)
            {
                self.reshaped(table);
            }
            return;
        }
        for window in windows {
            self.engine.close(window);
            if let Some(feed) = self.remove_feed(window) {
                for id in feed.members.into_iter().chain(feed.waiting) {
                    self.end(id, error);
                }
            }
        }
    }
}

async fn bind_now(
    catalog: &Catalog,
    pool: &PgPool,
    table: &Named,
    query: &Query,
) -> Result<BoundQuery, ApiError> {
    let table = match table {
        Named::Oid(oid, path) => match catalog.by_oid(*oid).await {
            Err(error) if error.code == "unknown_table" => return Err(unknown_table(path)),
            table => table?,
        },
        Named::Path(path) => catalog.table(path).await?,
    };
    if !table.table.live {
        return Err(super::not_live(&table.table.path()));
    }
    bind(pool, table, query).await
}

/// Whether an error is the database's absence, which ends.
fn is_passing(error: &ApiError) -> bool {
    error.code == "database_unavailable"
}

fn reset(reason: &str) -> Arc<SharedEvent> {
    SharedEvent::new(
        Event::Reset {
            reason: reason.to_owned(),
        },
        Arc::new([]),
    )
}
