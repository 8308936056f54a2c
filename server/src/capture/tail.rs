//! Following the change log.
//!
//! The tail is **asleep** while little is written: it waits for the bell, so an idle database
//! sees nothing of us. When much is written it stays **awake**: it holds the awake lock, which
//! has the triggers skip the bell, and reads at a beat. [`Pace`] says which of the two suits.
//! Between them lies the one delicate step, [`Follower::settle`].
//!
//! Where servers share a [bus](super::bus), a tail follows what another one has read as long as
//! that comes, and the log itself else.

mod connection;
mod doorbell;
mod followed;
mod handle;
mod locks;
mod news;
mod others;
mod pace;
mod reading;
mod seat;
mod stream;
mod together;

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rowcast_protocol::PgSnapshot;
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

pub use self::handle::TailHandle;
use self::{
    connection::{Bell, Connection, Rung, lost, within},
    handle::Shared,
    others::Others,
    pace::{Pace, Rhythm, straggler_beat},
};
use super::{
    bus::{
        BusOptions,
        writer::{Standing, Writer},
    },
    change_log::{self, ChangeKind, Read, Source},
    fingerprint, history, session, watch,
};
use crate::traces::Traces;

/// How long a sleeping tail goes without a sign of life of its database.
const LIVENESS: Duration = Duration::from_secs(5);

/// How long a read of the log may take until it is asked whether the database answers at all, and
/// how long that may take until it is told that nothing is followed meanwhile.
const HANGS: Duration = Duration::from_secs(5);

/// How long it takes at the most until triggers that do not fit are tried again.
const REFIT_LIMIT: Duration = Duration::from_secs(300);

/// How long it takes until a database that was lost is tried again; twice as long each time.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// At the most.
const LAST_RETRY: Duration = Duration::from_secs(2);

/// How long a database may take to be connected to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The channel that the bell rings on.
const CHANNEL: &str = "rowcast";

/// What a tail needs to know.
#[derive(Clone, Debug)]
pub struct TailOptions {
    /// The database, with the session settings of all our connections.
    pub database: PgConnectOptions,
    /// The most bytes of changes that one read holds; of tables of which more was logged,
    /// lists are read again.
    pub read_bound: usize,
    /// The bus by which servers share one reader of the log.
    pub bus: Option<BusOptions>,
    /// Where what it reads is told.
    pub traces: Traces,
}

/// What a tail tells.
#[derive(Debug)]
pub enum TailEvent {
    /// Something was committed, or the present was asked for.
    Read(Read),
    /// The database can't be reached.
    Lost,
    /// It can again, and nothing was skipped.
    Recovered,
    /// It can again, but its history is another one, or part of what was missed is no longer
    /// in the log: every list has to be read again.
    HistoryChanged {
        /// Which history.
        epoch: u64,
        /// From where on changes are told.
        version: PgSnapshot,
    },
}

/// A tail and where it begins.
pub struct Started {
    /// To nudge it and to see how it does.
    pub handle: TailHandle,
    /// What it tells.
    pub events: mpsc::Receiver<TailEvent>,
    /// The history that it follows.
    pub epoch: u64,
    /// From where on changes are told.
    pub version: PgSnapshot,
    /// Its task; it ends when the receiver is dropped.
    pub task: JoinHandle<()>,
}

/// Starts to follow the log, from the present on.
///
/// # Errors
/// Those of connecting and of the first read.
pub async fn start(options: TailOptions) -> Result<Started, sqlx::Error> {
    let shared = Arc::new(Shared::new());
    let mut connection = connect(&options).await?;
    // Triggers that were restored with a dump are those of the database that was dumped.
    if let Err(error) = watch::refresh_all(&mut connection.log).await {
        watch::tell_misfit(&error)?;
    }
    let (epoch, source, cursor) = present(&mut connection.log).await?;
    if options.bus.is_some() {
        shared.read_key(&mut connection.log).await?;
    }
    let fingerprints = fingerprint::all(&mut connection.log).await?;
    let is_told = fingerprint::is_told(&mut connection.log).await?;
    let (events, receiver) = mpsc::channel(64);
    let is_silent = doorbell::is_silent(&mut connection.log).await?;
    shared.epoch.store(epoch, Ordering::Release);
    shared.is_replicated.send_replace(source.is_replicated);
    let follower = Follower {
        definitions: fingerprint::hash(&fingerprints),
        acknowledged: None,
        options,
        shared: Arc::clone(&shared),
        events,
        epoch,
        source,
        cursor: cursor.clone(),
        told: cursor.clone(),
        untold: BTreeSet::new(),
        unfit: BTreeSet::new(),
        refit_at: Instant::now(),
        refit_wait: LIVENESS,
        fingerprints,
        is_told,
        compared: Instant::now(),
        pace: Pace::new(Instant::now(), is_silent),
        others: Others::default(),
        retry: FIRST_RETRY,
        report_next: false,
        hangs: false,
    };
    Ok(Started {
        handle: TailHandle { shared },
        events: receiver,
        epoch,
        version: cursor,
        task: tokio::spawn(follower.run(connection)),
    })
}

/// # Errors
/// Those of connecting; also that it takes too long.
async fn connect(options: &TailOptions) -> Result<Connection, sqlx::Error> {
    let connecting = timeout(CONNECT_TIMEOUT, Connection::open(options));
    connecting.await.map_err(|_| lost())?
}

/// Which history this is, where its changes come from, and the newest version that the log is
/// whole up to.
async fn present(log: &mut PgConnection) -> Result<(u64, Source, PgSnapshot), sqlx::Error> {
    loop {
        let source = change_log::source(log).await?;
        let version = match change_log::reached_at_last(log, source).await? {
            Some(reached) => reached,
            None => change_log::present(log).await?,
        };
        let epoch = history::epoch(log).await?;
        // A version of another history would be none to go on from.
        if change_log::source(log).await? == source {
            return Ok((epoch, source, version));
        }
    }
}

/// The state of a tail between two reads.
struct Follower {
    options: TailOptions,
    shared: Arc<Shared>,
    events: mpsc::Sender<TailEvent>,
    epoch: u64,
    /// Where the log's changes come from.
    source: Source,
    cursor: PgSnapshot,
    /// The version that the listener was taken to.
    told: PgSnapshot,
    /// Relations whose definition changed, until that has been told.
    untold: BTreeSet<u32>,
    /// Relations whose triggers do not fit yet, and when that is tried again.
    unfit: BTreeSet<u32>,
    refit_at: Instant,
    refit_wait: Duration,
    fingerprints: HashMap<u32, String>,
    /// A hash of them.
    definitions: u64,
    /// That of somebody else, if theirs was last found to be another one and looked into.
    acknowledged: Option<u64>,
    /// Whether the log tells of definitions that change.
    is_told: bool,
    compared: Instant,
    pace: Pace,
    others: Others,
    /// How long to wait before the database is tried again; short once it was read.
    retry: Duration,
    report_next: bool,
    /// Whether it was told that nothing is followed, though the connection may yet answer.
    hangs: bool,
}

/// Why following stopped.
enum Stop {
    /// Nobody listens any more.
    Unwanted,
    /// The database failed.
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

impl Follower {
    async fn run(mut self, connection: Connection) {
        match self.options.bus.clone() {
            None => self.follow_log(Some(connection)).await,
            Some(bus) => self.follow_together(connection, bus).await,
        }
    }

    /// Follows the log until nobody listens any more; without a connection, from one that has
    /// to be made. It may be dropped at any time as long as the log is not [lost](Shared).
    async fn follow_log(&mut self, connection: Option<Connection>) {
        let mut connection = match connection {
            Some(connection) => connection,
            None => match self.go_on().await {
                Some(connection) => connection,
                None => return,
            },
        };
        self.found_again();
        loop {
            match self.follow(&mut connection).await {
                Ok(never) => match never {},
                Err(Stop::Unwanted) => {
                    session::close(connection.log).await;
                    return;
                }
                Err(Stop::Failed(error)) => {
                    tracing::warn!(
                        reason = crate::error::sqlstate(&error),
                        "the change log can't be read; trying again"
                    );
                }
            }
            self.lost();
            // What is told of the next connection goes for this, too.
            self.hangs = false;
            // With it goes the awake lock, for which writers would go on to skip the bell.
            let session = connection.session;
            drop(connection);
            if self.events.send(TailEvent::Lost).await.is_err() {
                return;
            }
            connection = match self.reconnect(session).await {
                Some(connection) => connection,
                None => return,
            };
            self.found_again();
        }
    }

    fn lost(&self) {
        self.shared.awake.send_replace(false);
        self.shared.is_lost.store(true, Ordering::Release);
        if let Some(writer) = self.shared.writer.get() {
            writer.stand(None);
        }
    }

    fn found_again(&self) {
        self.rests(false);
        self.shared.is_lost.store(false, Ordering::Release);
        if let Some(writer) = self.shared.writer.get() {
            writer.stand(self.standing(self.told.clone()));
        }
    }

    /// Whether there is nothing to do but to wait for a reason to read.
    fn rests(&self, rests: bool) {
        if let Some(writer) = self.shared.writer.get() {
            writer.at_work((!rests).then(Instant::now));
        }
    }

    /// Where one stands who was told of all up to a version.
    fn standing(&self, version: PgSnapshot) -> Option<Standing> {
        Some(Standing {
            key: self.shared.key()?,
            epoch: self.epoch,
            version,
            definitions: self.definitions,
            clock: self.shared.clock(),
        })
    }

    fn know(&mut self, fingerprints: HashMap<u32, String>) {
        self.definitions = fingerprint::hash(&fingerprints);
        self.fingerprints = fingerprints;
    }

    /// Connects where there was no connection, and tells only what is not as it was.
    async fn go_on(&mut self) -> Option<Connection> {
        // What was asked for of what stopped being followed may not have been told.
        self.report_next = true;
        self.lost();
        match self.take_up(0).await {
            Ok((connection, TailEvent::Recovered)) => Some(connection),
            Ok((connection, event)) => {
                self.shared.news.tell_of_any();
                self.events.send(event).await.ok()?;
                Some(connection)
            }
            Err(_) => {
                self.events.send(TailEvent::Lost).await.ok()?;
                self.reconnect(0).await
            }
        }
    }

    /// Connects again, however long it takes, and says whether the history is still the one
    /// that was followed. `None` if nobody listens any more.
    async fn reconnect(&mut self, lost: i32) -> Option<Connection> {
        let events = self.events.clone();
        loop {
            let wait = self.retry;
            self.retry = (wait * 2).min(LAST_RETRY);
            let attempt = async {
                sleep(wait).await;
                self.take_up(lost).await
            };
            let taken_up = tokio::select! {
                taken_up = attempt => taken_up,
                () = events.closed() => return None,
            };
            match taken_up {
                Ok((connection, event)) => {
                    self.shared.news.tell_of_any();
                    events.send(event).await.ok()?;
                    return Some(connection);
                }
                Err(error) => tracing::debug!(
                    reason = crate::error::sqlstate(&error),
                    "the change log is out of reach"
                ),
            }
        }
    }

    /// Connects, in place of a session that was lost, and finds out what became of the history.
    async fn take_up(&mut self, lost: i32) -> Result<(Connection, TailEvent), sqlx::Error> {
        let mut connection = connect(&self.options).await?;
        let log = &mut connection.log;
        match within(locks::evict(log, lost)).await {
            // One that lingers only delays: what it would have to ring for is looked for.
            Err(error @ sqlx::Error::Database(_)) => tracing::warn!(
                reason = crate::error::sqlstate(&error),
                "a lost session of the tail can't be ended"
            ),
            evicted => evicted?,
        }
        // As it may have been started anew.
        self.pace.is_silent = within(doorbell::is_silent(log)).await?;
        let event = within(self.compare_history(log)).await?;
        Ok((connection, event))
    }

    async fn compare_history(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<TailEvent, sqlx::Error> {
        // Before it is waited for whoever copies: nobody may do so yet.
        let source = change_log::source(connection).await?;
        let is_replicated = &self.shared.is_replicated;
        is_replicated.send_replace(source.is_replicated);
        let (epoch, source, present) = present(connection).await?;
        self.source = source;
        let continues = epoch == self.epoch
            && present.covers(&self.cursor)
            && !history::is_purged(connection, self.cursor.xmin).await?;
        if continues {
            return Ok(TailEvent::Recovered);
        }
        // As at the start, for it may be a copy.
        if let Err(error) = watch::refresh_all(connection).await {
            watch::tell_misfit(&error)?;
        }
        let fingerprints = fingerprint::all(connection).await?;
        self.know(fingerprints);
        self.is_told = fingerprint::is_told(connection).await?;
        if self.options.bus.is_some() {
            self.shared.read_key(connection).await?;
        }
        self.epoch = epoch;
        self.shared.epoch.store(epoch, Ordering::Release);
        self.cursor = present.clone();
        self.told = present.clone();
        Ok(TailEvent::HistoryChanged {
            epoch,
            version: present,
        })
    }
}
