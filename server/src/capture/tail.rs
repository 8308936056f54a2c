//! Following the change log.
//!
//! The tail is **asleep** while little is written: it waits for the bell, so an idle database
//! sees nothing of us. When much is written it stays **awake**: it holds the awake lock, which
//! has the triggers skip the bell, and reads at a beat. Between the two lies the one delicate
//! step, [`Follower::fall_asleep`].

mod doorbell;
mod reading;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rowcast_protocol::PgSnapshot;
use sqlx::{
    PgConnection,
    postgres::{PgConnectOptions, PgListener},
};
use tokio::{
    sync::{Notify, mpsc, watch as state},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    change_log::{self, ChangeKind, Read},
    fingerprint, history, session, watch,
};

/// How long an awake tail waits between two reads.
const BEAT: Duration = Duration::from_millis(1);

/// How often the log is read while transactions run that may have skipped the bell; less
/// often the longer they have run, so that one that is left open all day costs little.
const STRAGGLER_BEAT: Duration = Duration::from_millis(20);

/// Which part of the time that such a transaction has run already its commit may wait.
const STRAGGLER_PATIENCE: u32 = 50;

/// How long a sleeping tail goes without a sign of life of its database.
const LIVENESS: Duration = Duration::from_secs(5);

/// How often a tail reads that can't be woken reliably, because another server's tail holds
/// the awake lock.
const BESIDE_ANOTHER: Duration = Duration::from_secs(1);

/// How far apart an awake tail rings for those of other servers.
const RING_APART: Duration = Duration::from_millis(20);

/// How often a sleeping tail reads where transactions may be prepared, which can't ring.
const UNRUNG: Duration = Duration::from_secs(2);

/// Over which time the rate of commits is measured.
const RATE_WINDOW: Duration = Duration::from_millis(250);

/// From so many transactions in two [`RATE_WINDOW`]s, the older one counted half, the tail is
/// awake: 800 a second. Below it a read at each bell tells a commit a beat earlier, and the bells
/// are not yet so many that writers wait for each other's.
const BUSY: u32 = 400;

/// So few let it fall asleep again: 300 a second.
const CALM: u32 = 150;

/// How long nothing may be heard of a read before its connection counts as lost.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// How long it takes at the most until triggers that do not fit are tried again.
const REFIT_LIMIT: Duration = Duration::from_secs(300);

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

/// A running tail.
#[derive(Clone, Debug)]
pub struct TailHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    nudge: Notify,
    awake: state::Sender<bool>,
    reads: AtomicU64,
    rows: AtomicU64,
    bells: AtomicU64,
}

impl Shared {
    fn new() -> Self {
        Self {
            nudge: Notify::new(),
            awake: state::Sender::new(false),
            reads: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bells: AtomicU64::new(0),
        }
    }
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

impl TailHandle {
    /// A handle to no tail.
    #[cfg(test)]
    pub(crate) fn of_none() -> Self {
        Self {
            shared: Arc::new(Shared::new()),
        }
    }

    /// Has the log read now, and the read told even if it is empty.
    pub fn nudge(&self) {
        self.shared.nudge.notify_one();
    }

    /// Whether the tail reads at a beat, so that writers skip the bell.
    pub fn awake(&self) -> state::Receiver<bool> {
        self.shared.awake.subscribe()
    }

    /// How often the log was read, how many rows it had, how often the bell rang.
    pub fn counts(&self) -> (u64, u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (
            get(&self.shared.reads),
            get(&self.shared.rows),
            get(&self.shared.bells),
        )
    }
}

/// Starts to follow the log, from the present on.
///
/// # Errors
/// Those of connecting and of the first read.
pub async fn start(options: TailOptions) -> Result<Started, sqlx::Error> {
    let shared = Arc::new(Shared::new());
    let mut connection = Connection::open(&options).await?;
    // Triggers that were restored with a dump are those of the database that was dumped.
    if let Err(error) = watch::refresh_all(&mut connection.log).await {
        watch::tell_misfit(&error)?;
    }
    let epoch = history::epoch(&mut connection.log).await?;
    let cursor = change_log::present(&mut connection.log).await?;
    let fingerprints = fingerprint::all(&mut connection.log).await?;
    let is_told = fingerprint::is_told(&mut connection.log).await?;
    let (events, receiver) = mpsc::channel(64);
    let follower = Follower {
        liveness: doorbell::liveness(&mut connection.log).await?,
        options,
        shared: Arc::clone(&shared),
        events,
        epoch,
        cursor: cursor.clone(),
        told: cursor.clone(),
        untold: BTreeSet::new(),
        unfit: BTreeSet::new(),
        refit_at: Instant::now(),
        refit_wait: LIVENESS,
        fingerprints,
        is_told,
        compared: Instant::now(),
        window: Instant::now(),
        found_lately: 0,
        report_next: false,
    };
    Ok(Started {
        handle: TailHandle { shared },
        events: receiver,
        epoch,
        version: cursor,
        task: tokio::spawn(follower.run(connection)),
    })
}

/// The tail's connections: one reads and holds the lock, one hears the bell.
struct Connection {
    log: PgConnection,
    bell: PgListener,
}

impl Connection {
    async fn open(options: &TailOptions) -> Result<Self, sqlx::Error> {
        let log = session::connect(&options.database).await?;
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options.database.clone());
        let mut bell = PgListener::connect_with(&pool).await?;
        doorbell::attend(&mut bell).await?;
        doorbell::claim_bell(&mut bell).await?;
        bell.listen(CHANNEL).await?;
        Ok(Self { log, bell })
    }
}

/// The state of a tail between two reads.
struct Follower {
    options: TailOptions,
    liveness: Duration,
    shared: Arc<Shared>,
    events: mpsc::Sender<TailEvent>,
    epoch: u64,
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
    /// Whether the log tells of definitions that change.
    is_told: bool,
    compared: Instant,
    window: Instant,
    /// Transactions found lately.
    found_lately: u32,
    report_next: bool,
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

/// How the way to sleep ended.
enum Settled {
    /// Whoever writes rings from now on.
    Calm,
    /// Much is written: the awake lock is held again.
    Busy,
}

/// Why a sleeping tail reads.
enum Wake {
    Bell,
    Nudge,
    Liveness,
}

impl Follower {
    async fn run(mut self, connection: Connection) {
        let mut connection = connection;
        loop {
            match self.follow(&mut connection).await {
                Stop::Unwanted => {
                    session::close(connection.log).await;
                    return;
                }
                Stop::Failed(error) => {
                    tracing::warn!(
                        reason = crate::error::sqlstate(&error),
                        "the change log can't be read; trying again"
                    );
                }
            }
            self.shared.awake.send_replace(false);
            if self.events.send(TailEvent::Lost).await.is_err() {
                return;
            }
            connection = match self.reconnect().await {
                Some(connection) => connection,
                None => return,
            };
        }
    }

    /// Connects again, however long it takes, and says whether the history is still the one
    /// that was followed. `None` if nobody listens any more.
    async fn reconnect(&mut self) -> Option<Connection> {
        let mut wait = Duration::from_millis(50);
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.events.closed() => return None,
            }
            wait = (wait * 2).min(Duration::from_secs(2));
            let Ok(Ok(mut connection)) =
                timeout(Duration::from_secs(15), Connection::open(&self.options)).await
            else {
                continue;
            };
            match self.compare_history(&mut connection.log).await {
                Ok(event) => {
                    self.events.send(event).await.ok()?;
                    return Some(connection);
                }
                Err(_) => continue,
            }
        }
    }

    async fn compare_history(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<TailEvent, sqlx::Error> {
        let epoch = history::epoch(connection).await?;
        let present = change_log::present(connection).await?;
        let continues = epoch == self.epoch
            && present.covers(&self.cursor)
            && !history::is_purged(connection, self.cursor.xmin).await?;
        if continues {
            return Ok(TailEvent::Recovered);
        }
        self.epoch = epoch;
        self.cursor = present.clone();
        self.told = present.clone();
        self.fingerprints = fingerprint::all(connection).await?;
        Ok(TailEvent::HistoryChanged {
            epoch,
            version: present,
        })
    }

    async fn follow(&mut self, connection: &mut Connection) -> Stop {
        // Writers that run now may have found nobody to ring for.
        let mut settled = self.settle(connection).await;
        loop {
            match settled {
                Ok(Settled::Calm) => {
                    if let Err(stop) = self.asleep(connection).await {
                        return stop;
                    }
                }
                Ok(Settled::Busy) => {}
                Err(stop) => return stop,
            }
            settled = self.awake(connection).await;
        }
    }
}
