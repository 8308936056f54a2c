//! Following the change log.
//!
//! The tail is **asleep** while little is written: it waits for the bell, so an idle database
//! sees nothing of us. When much is written it stays **awake**: it holds the awake lock, which
//! has the triggers skip the bell, and reads at a beat. Between the two lies the one delicate
//! step, [`Follower::fall_asleep`].

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

/// How often an awake tail reads.
const BEAT: Duration = Duration::from_millis(2);

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

/// How often a sleeping tail reads where transactions may be prepared, which can't ring.
const UNRUNG: Duration = Duration::from_secs(2);

/// Over which time the rate of commits is measured.
const RATE_WINDOW: Duration = Duration::from_millis(250);

/// So many reads with changes in a [`RATE_WINDOW`] keep the tail awake: from there on a beat
/// costs the database less than a bell for every commit.
const BUSY_READS: u32 = 25;

/// So few let it fall asleep again.
const CALM_READS: u32 = 10;

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
    /// The most bytes of images that one read holds.
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
    let shared = Arc::new(Shared {
        nudge: Notify::new(),
        awake: state::Sender::new(false),
        reads: AtomicU64::new(0),
        rows: AtomicU64::new(0),
        bells: AtomicU64::new(0),
    });
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
        liveness: liveness(&mut connection.log).await?,
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
        busy_reads: 0,
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
        claim_bell(&mut bell).await?;
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
    busy_reads: u32,
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

    /// Reads when the bell rings, until so much is written that a beat is cheaper.
    async fn asleep(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        let mut liveness = self.liveness;
        loop {
            let wake = self.wait(&mut connection.bell, liveness).await?;
            let rung = matches!(wake, Wake::Bell);
            match wake {
                Wake::Bell => {
                    self.shared.bells.fetch_add(1, Ordering::Relaxed);
                }
                Wake::Nudge => self.report_next = true,
                // Who held it may have ended.
                Wake::Liveness => claim_bell(&mut connection.bell).await?,
            }
            let found = self.read(&mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            // What is found without a bell was written while another tail was awake.
            liveness = if found && !rung {
                BESIDE_ANOTHER
            } else {
                self.liveness
            };
            // A silent bell leaves nothing but reading while anything is found.
            let is_silent = self.liveness < LIVENESS;
            if self.rate(found) >= BUSY_READS || found && is_silent {
                if lock(&mut connection.log).await? {
                    return Ok(());
                }
                // Another server's tail is awake: writers may skip the bell.
                liveness = BESIDE_ANOTHER;
            }
        }
    }

    /// Waits for a reason to read.
    async fn wait(&self, bell: &mut PgListener, liveness: Duration) -> Result<Wake, Stop> {
        tokio::select! {
            rung = bell.try_recv() => match rung? {
                Some(_) => {
                    // What has rung meanwhile is answered by the same read.
                    while bell.next_buffered().is_some() {}
                    Ok(Wake::Bell)
                }
                // The connection was lost, and whatever it would have told.
                None => Err(Stop::Failed(sqlx::Error::WorkerCrashed)),
            },
            () = self.shared.nudge.notified() => Ok(Wake::Nudge),
            () = self.events.closed() => Err(Stop::Unwanted),
            () = sleep(liveness) => Ok(Wake::Liveness),
        }
    }

    /// Reads at a beat, the awake lock held, until little is written.
    async fn awake(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        self.shared.awake.send_replace(true);
        let mut calm_since: Option<Instant> = None;
        loop {
            tokio::select! {
                () = sleep(BEAT) => {}
                () = self.shared.nudge.notified() => self.report_next = true,
                () = self.events.closed() => return Err(Stop::Unwanted),
            }
            let found = self.read(&mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            if self.rate(found) >= CALM_READS {
                calm_since = None;
                continue;
            }
            let calm = calm_since.get_or_insert_with(Instant::now);
            if calm.elapsed() >= 2 * RATE_WINDOW {
                self.shared.awake.send_replace(false);
                return self.fall_asleep(connection).await;
            }
        }
    }

    /// Lets go of the awake lock without missing a commit.
    ///
    /// A writer that found the lock held, and so skipped the bell, had its transaction id
    /// before the lock was released. So its id is below one that is taken after the release,
    /// and a snapshot taken after that either shows the writer or lists it as running. While
    /// those listed run, the log is read at a slower beat; all who come later ring.
    async fn fall_asleep(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        unlock(&mut connection.log).await?;
        self.settle(connection).await
    }

    /// Reads until all have ended who may have skipped the bell, or so much is written that
    /// the awake lock was taken again.
    async fn settle(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        sqlx::query("SELECT pg_catalog.pg_current_xact_id()::text")
            .execute(&mut connection.log)
            .await?;
        self.read(&mut connection.log).await?;
        let mut stragglers = self.cursor.running.clone();
        let since = Instant::now();
        loop {
            stragglers.retain(|xid| !self.cursor.sees(*xid));
            if stragglers.is_empty() {
                return Ok(Settled::Calm);
            }
            let beat = (since.elapsed() / STRAGGLER_PATIENCE).clamp(STRAGGLER_BEAT, BESIDE_ANOTHER);
            match self.wait(&mut connection.bell, beat).await? {
                Wake::Bell => {
                    self.shared.bells.fetch_add(1, Ordering::Relaxed);
                }
                Wake::Nudge => self.report_next = true,
                Wake::Liveness => {}
            }
            let found = self.read(&mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            if self.rate(found) >= BUSY_READS && lock(&mut connection.log).await? {
                return Ok(Settled::Busy);
            }
        }
    }

    /// Reads what is new and tells it. Returns whether anything was.
    async fn read(&mut self, connection: &mut PgConnection) -> Result<bool, Stop> {
        let mut read = timeout(
            READ_TIMEOUT,
            change_log::read(connection, &self.cursor, self.options.read_bound),
        )
        .await
        .map_err(|_| sqlx::Error::WorkerCrashed)??;
        self.shared.reads.fetch_add(1, Ordering::Relaxed);
        self.shared
            .rows
            .fetch_add(read.rows.len() as u64, Ordering::Relaxed);
        if read.is_purged {
            // Found out as if after a lost connection: every list is read again.
            return Err(Stop::Failed(sqlx::Error::WorkerCrashed));
        }
        let found = !read.rows.is_empty() || !read.overflow.is_empty();
        let to = read.to.clone();
        if found {
            self.compare_touched(connection, &read).await?;
        }
        if found || self.report_next || !self.untold.is_empty() {
            // Reads that found nothing were not told: this one takes the listener on from
            // what it was told last.
            read.from = self.told.clone();
            read.changed_schemas = self.untold.iter().copied().collect();
            self.report_next = false;
            self.tell(TailEvent::Read(read)).await?;
            self.untold.clear();
            self.told = to.clone();
        }
        // Only now: what was read and not told would be lost with the connection.
        self.cursor = to;
        Ok(found)
    }

    async fn tell(&self, event: TailEvent) -> Result<(), Stop> {
        self.events.send(event).await.map_err(|_| Stop::Unwanted)
    }

    /// Compares the definitions of the relations that a read touched, where it is not certain
    /// that the log would tell of a change.
    async fn compare_touched(
        &mut self,
        connection: &mut PgConnection,
        read: &Read,
    ) -> Result<(), Stop> {
        let suspicious = read
            .rows
            .iter()
            .any(|row| matches!(row.kind, ChangeKind::Definition | ChangeKind::Unknown));
        if suspicious || !self.is_told {
            self.compare(connection).await?;
        }
        Ok(())
    }

    /// Compares all definitions once in a while, for what no trigger tells.
    async fn compare_if_due(&mut self, connection: &mut PgConnection) -> Result<(), Stop> {
        if self.compared.elapsed() < LIVENESS {
            return Ok(());
        }
        self.compare(connection).await?;
        if !self.untold.is_empty() {
            self.report_next = true;
            self.read(connection).await?;
        }
        Ok(())
    }

    /// Finds the relations whose definition changed since the last comparison; each change
    /// is told once. Triggers are made to fit; where that fails (the table is busy, or not
    /// ours to alter) it is tried again, less and less often.
    async fn compare(&mut self, connection: &mut PgConnection) -> Result<(), Stop> {
        self.compared = Instant::now();
        let now = fingerprint::all(connection).await?;
        self.is_told = fingerprint::is_told(connection).await?;
        let changed = fingerprint::differences(&self.fingerprints, &now);
        self.fingerprints = now;
        self.untold.extend(&changed);
        if !changed.is_empty() {
            self.unfit.extend(&changed);
            self.refit_wait = LIVENESS;
            self.refit_at = self.compared;
        }
        if self.unfit.is_empty() || self.compared < self.refit_at {
            return Ok(());
        }
        let unfit: Vec<u32> = self.unfit.iter().copied().collect();
        match watch::refresh(connection, &unfit).await {
            Ok(()) => {
                self.unfit.clear();
                // The triggers were part of the definition.
                self.fingerprints = fingerprint::all(connection).await?;
            }
            Err(error) => {
                watch::tell_misfit(&error)?;
                self.refit_at = self.compared + self.refit_wait;
                self.refit_wait = (self.refit_wait * 2).min(REFIT_LIMIT);
            }
        }
        Ok(())
    }

    /// How many reads found something lately.
    fn rate(&mut self, found: bool) -> u32 {
        let elapsed = self.window.elapsed();
        if elapsed >= RATE_WINDOW {
            // Half of what was counted stands for the time before, so that the rate does not
            // fall to nothing at the window's turn.
            self.busy_reads = if elapsed < 2 * RATE_WINDOW {
                self.busy_reads / 2
            } else {
                0
            };
            self.window = Instant::now();
        }
        self.busy_reads += u32::from(found);
        self.busy_reads
    }
}

/// Tries to take the awake lock.
async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 1)")
        .fetch_one(connection)
        .await
}

async fn unlock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_unlock(rowcast.awake_class(), 1)")
        .execute(connection)
        .await?;
    Ok(())
}

/// Has the bell ring: it is silent where nobody holds this lock, which goes with the
/// connection. Where another server's tail holds it, the bell rings for both.
async fn claim_bell(bell: &mut PgListener) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 2) \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks \
             WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() \
               AND classid = rowcast.awake_class()::int8::oid AND objid = 2::oid)",
    )
    .execute(bell)
    .await?;
    Ok(())
}

/// How often a sleeping tail reads unasked.
async fn liveness(connection: &mut PgConnection) -> Result<Duration, sqlx::Error> {
    let silent: bool =
        sqlx::query_scalar("SELECT current_setting('max_prepared_transactions') <> '0'")
            .fetch_one(connection)
            .await?;
    Ok(if silent { UNRUNG } else { LIVENESS })
}
