//! A running server: the tail, the hub, the connections to clients, and their end.

use std::{
    io::ErrorKind,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, PgPool, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    audit,
    auth::{self, Accounts, openid::OpenId},
    body,
    capture::{
        TailHandle, TailOptions,
        bus::{Address, BusOptions, Part},
        copier::{CopierOptions, Copying, Standing},
        migrate::{MigrateError, migrate},
        retention,
        source::{self, Settled, SourceError},
        tail,
    },
    config::{Auth, ChangesFrom, Config, InvalidSetting},
    database::{
        catalog::Catalog,
        pool::{self, editors, housekeepers, readers, session},
        pooler::{Pooled, PoolerError},
        readers::Readers,
        replica::{self, Follows, Replica, ReplicaError},
    },
    feed,
    limit::{
        Limits, Room, Turns,
        across::{self, Across},
    },
    listen::{self, BoundSocket, Taken, Tls, Way},
    live::{
        Live,
        figures::Figures,
        hub::{Following, Hub, HubParts},
    },
    metrics::Metrics,
    notification, operations,
    presence::{self, Presence},
    query::slice::bounded,
    router::router,
    routes::pages::site_options,
    shutdown::Shutdown,
    starting::{is_away, patiently, unless_stopped, was_answered},
    state::AppState,
    traces::{Exporting, Traces},
    watching::{
        self, Evaluator, Watching,
        delivery::{self, Delivers},
    },
};

/// How many whole tables may be exported at once, each over a connection of its own.
const EXPORTS: u32 = 4;

/// How many connections write rows.
const WRITERS: u32 = 4;

/// How many of them may do what takes long, so that the others are free for single rows.
const LONG_WRITES: u32 = 2;

/// How many questions that take going through a table or the log are answered at once.
const SCANS: usize = 2;

/// How many images of the feed are sent at once: each is held as a whole.
const IMAGES: usize = 8;

/// How many bytes of requests' bodies are held at once, or else two files that are imported.
const BODIES: usize = 256 * 1024 * 1024;

/// How many connections follow the log, hear its bell and hear of accounts.
const FOLLOWERS: u32 = 3;

/// How many connections to the database a server opens at most; where there is a pooler, of its
/// own beside those that go through it.
pub fn connections_needed(config: &Config) -> u32 {
    match config.pooler {
        None => pooled_connections(config) + direct_connections(config),
        Some(_) => direct_connections(config),
    }
}

/// How many need no session, and may go through a pooler.
pub fn pooled_connections(config: &Config) -> u32 {
    let ours = WRITERS + pool::HOUSEKEEPERS + pool::ACCOUNTS;
    let watchers = match config.auth {
        Auth::On => pool::WATCHERS,
        Auth::Off => 0,
    };
    config.connections + ours + watchers
}

fn direct_connections(config: &Config) -> u32 {
    // By which it is settled who reads the log for others, and who copies.
    let copies = config.source.said == Some(ChangesFrom::Replication);
    FOLLOWERS + u32::from(config.bus.is_some()) + u32::from(copies)
}

/// How long the database may take until it is connected to.
const CONNECTING: Duration = Duration::from_secs(15);

/// How long the database's connections have to say goodbye.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a database can't be served, on one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is the database.
    #[error("the database can't be used: {reason}")]
    Database {
        /// What is wrong with it.
        reason: String,
        /// Whether that is only that it can't be reached now.
        is_away: bool,
        /// Whether somebody was there.
        was_answered: bool,
    },
    /// It is the address.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// It is what a setting names.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// It is the pooler before the database.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// It is the standby beside it.
    #[error(transparent)]
    Replica(ReplicaError),
    /// It is where changes are to come from.
    #[error(transparent)]
    Source(SourceError),
}

impl StartError {
    /// Whether it is only that the database can't be reached now.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Database { is_away: true, .. }
                | Self::Pooler(PoolerError::Way { is_away: true, .. })
        )
    }

    /// Whether it is that, and somebody was there to say so.
    pub fn was_answered(&self) -> bool {
        let Self::Database { was_answered, .. } = self else {
            return false;
        };
        self.is_away() && *was_answered
    }
}

impl From<sqlx::Error> for StartError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database {
            reason: reason(&error),
            is_away: is_away(&error),
            was_answered: was_answered(&error),
        }
    }
}

impl From<SourceError> for StartError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Database(error) => error.into(),
            other => Self::Source(other),
        }
    }
}

impl From<MigrateError> for StartError {
    fn from(error: MigrateError) -> Self {
        match &error {
            MigrateError::Database(source) => Self::Database {
                reason: format!("{error}: {}", reason(source)),
                is_away: is_away(source),
                was_answered: was_answered(source),
            },
            _ => Self::Database {
                reason: error.to_string(),
                is_away: false,
                was_answered: true,
            },
        }
    }
}

/// What the driver says, on one line. None of these errors is about a row.
pub fn reason(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Brings the database to what this version needs, and returns how many versions further that
/// is.
///
/// # Errors
/// If it can't be reached or does not allow it.
pub async fn prepare(database: &PgConnectOptions) -> Result<usize, StartError> {
    let database = session(database.clone());
    let connecting = tokio::time::timeout(CONNECTING, database.connect());
    // Of one that does not answer nothing is heard but silence.
    let silence = |_| sqlx::Error::Io(ErrorKind::TimedOut.into());
    let mut connection = connecting.await.map_err(silence)??;
    let applied = migrate(&mut connection).await?;
    let _ = tokio::time::timeout(CLOSING, connection.close()).await;
    Ok(applied)
}

/// The live queries of one database, without a server.
#[derive(Debug)]
pub struct LiveParts {
    /// What tables there are.
    pub catalog: Arc<Catalog>,
    /// For reading them.
    pub readers: Readers,
    /// The live queries.
    pub live: Live,
    /// Which history of the database they follow.
    pub epoch: Arc<AtomicU64>,
    /// Follows the log.
    pub follower: TailHandle,
    copying: Option<Copying>,
    hub: JoinHandle<()>,
    tail: JoinHandle<()>,
}

impl LiveParts {
    /// Starts to follow a database that has been [prepared](prepare), with so many
    /// connections for reading rows, and tells `traces` what it is at.
    ///
    /// # Errors
    /// If it can't be reached.
    pub async fn start(
        database: &PgConnectOptions,
        config: &Config,
        connections: u32,
        traces: &Traces,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        // Nothing is in the log that was not copied there.
        let copying = copying(database, config, stop.clone()).await?;
        let ways = (database, None);
        let parts = Self::start_with(database, ways, config, connections, traces, stop.clone());
        Ok(parts.await?.with(copying, database, config, stop))
    }

    /// The same, with rows read another `way` than the log is, or of a standby.
    async fn start_with(
        database: &PgConnectOptions,
        (way, replica): (&PgConnectOptions, Option<Replica>),
        config: &Config,
        connections: u32,
        traces: &Traces,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let pool = readers(bounded(way.clone(), config.list_bytes), connections);
        let readers = Readers::from(pool.clone()).beside(replica);
        let catalog = Arc::new(Catalog::new(pool));
        let started = tail::start(TailOptions {
            database: session(database.clone()),
            read_bound: config.read_bytes as usize,
            bus: config.bus.clone().map(|address| BusOptions {
                address,
                part: Part::Server,
            }),
            traces: traces.clone(),
        })
        .await?;
        let figures = Arc::new(Figures::default());
        let (following, followed) = watch::channel(Following(true));
        let epoch = Arc::new(AtomicU64::new(started.epoch));
        let follower = started.handle.clone();
        let (hub, commands, receiver) = Hub::new(HubParts {
            catalog: Arc::clone(&catalog),
            readers: readers.clone(),
            tail: started.handle,
            epoch: Arc::clone(&epoch),
            version: started.version,
            following,
            figures: Arc::clone(&figures),
            traces: traces.clone(),
        });
        Ok(Self {
            catalog,
            readers,
            live: Live::new(commands, followed, figures),
            epoch,
            follower,
            copying: None,
            hub: tokio::spawn(hub.run(receiver, started.events, stop)),
            tail: started.task,
        })
    }

    /// With what copies from the write-ahead log, or will once changes come from there.
    fn with(
        mut self,
        copying: Option<Copying>,
        database: &PgConnectOptions,
        config: &Config,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let wanted = self.follower.is_replicated();
        let later = || Copying::start_once(wanted, copier_options(database, config), stop);
        self.copying = Some(copying.unwrap_or_else(later));
        self
    }

    /// How copying from the write-ahead log does, where changes come from there.
    pub fn copying(&self) -> Option<Arc<Standing>> {
        let copying = self.copying.as_ref()?;
        Some(Arc::clone(copying.standing()))
    }

    /// Waits for the parts to end, after `stop` has said so.
    pub async fn end(self) {
        let _ = tokio::time::timeout(CLOSING, self.hub).await;
        let mut tail = self.tail;
        // It ends with the hub; on a bus it tells others.
        let ending = async {
            if tokio::time::timeout(CLOSING, &mut tail).await.is_err() {
                tail.abort();
            }
        };
        let closing = async {
            match self.readers.replica() {
                Some(replica) => {
                    tokio::join!(self.readers.ours().close(), replica.close());
                }
                None => self.readers.ours().close().await,
            }
        };
        let closing = tokio::time::timeout(CLOSING, closing);
        let _ = tokio::join!(ending, closing);
    }
}

/// Has changes of a database that has been [prepared](prepare) come from where the settings say, if
/// they do.
///
/// # Errors
/// Why they do not.
pub async fn settle_source(
    database: &PgConnectOptions,
    said: Option<ChangesFrom>,
) -> Result<Settled, StartError> {
    Ok(source::settle(database, said).await?)
}

fn copier_options(database: &PgConnectOptions, config: &Config) -> CopierOptions {
    CopierOptions {
        database: session(database.clone()),
        slot_max: config.source.slot_max,
    }
}

/// Sees to it that changes are copied from the write-ahead log, where they come from there. What is
/// tried again after this goes on beside it, so that nothing is decoded twice.
async fn copying(
    database: &PgConnectOptions,
    config: &Config,
    stop: watch::Receiver<bool>,
) -> Result<Option<Copying>, StartError> {
    let options = copier_options(database, config);
    let connecting = tokio::time::timeout(CONNECTING, options.database.connect());
    let silence = |_| sqlx::Error::Io(ErrorKind::TimedOut.into());
    let mut connection = connecting.await.map_err(silence)??;
    let present = source::present(&mut connection).await?;
    let _ = tokio::time::timeout(CLOSING, connection.close()).await;
    if present == ChangesFrom::Triggers {
        return Ok(None);
    }
    let copying = Copying::start(options, stop);
    let ready = copying.standing().ready().await;
    let Err(reason) = ready else {
        return Ok(Some(copying));
    };
    copying.give_up(&session(database.clone())).await;
    Err(StartError::Database {
        reason: format!("changes can't be copied from the write-ahead log: {reason}"),
        is_away: false,
        was_answered: true,
    })
}

/// Reads the log of a database that has been [prepared](prepare) for the servers on a bus, until
/// the shutdown. `begun` is told once it is read.
///
/// # Errors
/// If the database can't be reached, or is away for too long.
pub async fn lead(
    database: &PgConnectOptions,
    address: Address,
    config: &Config,
    mut shutdown: Shutdown,
    begun: impl FnOnce(),
) -> Result<(), StartError> {
    let settling = patiently(|| settle_source(database, config.source.said));
    let Some(settled) = unless_stopped(&shutdown, settling).await else {
        return Ok(());
    };
    let Settled { here, .. } = settled?;
    let starting = patiently(|| copying(database, config, shutdown.receiver()));
    let Some(copying) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let copying = copying?;
    let (traces, exporting) = start_traces(config);
    let options = TailOptions {
        database: session(database.clone()),
        read_bound: config.read_bytes as usize,
        bus: Some(BusOptions {
            address,
            part: Part::Leader,
        }),
        traces,
    };
    let starting = patiently(|| async { Ok(tail::start(options.clone()).await?) });
    let Some(started) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let mut started = started?;
    drop(here);
    // It copies until this returns.
    let _copying = copying.unwrap_or_else(|| {
        let wanted = started.handle.is_replicated();
        let options = copier_options(database, config);
        Copying::start_once(wanted, options, shutdown.receiver())
    });
    begun();
    loop {
        tokio::select! {
            () = shutdown.wait() => break,
            // What is told here is told to others too, who are all whom it is for.
            event = started.events.recv() => if event.is_none() { break },
        }
    }
    drop(started.events);
    if tokio::time::timeout(CLOSING * 3, &mut started.task)
        .await
        .is_err()
    {
        started.task.abort();
    }
    exporting.end().await;
    Ok(())
}

fn start_traces(config: &Config) -> (Traces, Exporting) {
    let traces = config.traces.as_ref();
    if traces.is_some_and(|to| to.collector.is_overheard() && !to.headers.is_empty()) {
        tracing::warn!(
            "the collector of traces is reached without encryption: whoever is between sees what \
             OTEL_EXPORTER_OTLP_HEADERS says"
        );
    }
    Traces::start(traces)
}

/// Serves a database that has been [prepared](prepare), until the shutdown and the end of
/// what is under way. Clients are refused until all is there to answer them; then `listening` is
/// told.
///
/// # Errors
/// If the database can't be reached, or is away for too long; if somebody else listens at the
/// address.
pub async fn serve(
    config: &Config,
    database: &PgConnectOptions,
    socket: BoundSocket,
    shutdown: Shutdown,
    listening: impl FnOnce(),
) -> Result<(), StartError> {
    let entrance = &config.entrance;
    let tls = entrance.tls.as_ref();
    let tls = tls.map(|files| Tls::start(files, shutdown.clone()));
    let tls = tls.transpose()?;
    let openid = config.openid.as_ref().map(OpenId::new).transpose()?;
    let address = socket.address();
    let delivers = Delivers::new(&config.watching, entrance.address(address))?;
    let (traces, exporting) = start_traces(config);
    let pooled = match &config.pooler {
        None => None,
        Some(pooler) => {
            let starting = patiently(|| async { Ok(pooler.start_beside(database).await?) });
            let Some(pooled) = unless_stopped(&shutdown, starting).await else {
                return Ok(());
            };
            Some(pooled?)
        }
    };
    // What needs no session goes this way.
    let way = pooled.as_ref().map_or(database, Pooled::options);
    let starting = patiently(|| replica_of(config, database));
    let Some(replica) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let replica = replica?;
    let settling = patiently(|| settle_source(database, config.source.said));
    let Some(settled) = unless_stopped(&shutdown, settling).await else {
        return Ok(());
    };
    let Settled { here, .. } = settled?;
    // What requests are answered by goes on until those under way have been.
    let (answered, at_last) = watch::channel(false);
    let starting = patiently(|| copying(database, config, at_last.clone()));
    let Some(copying) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let copying = copying?;
    let starting = patiently(|| {
        let stop = at_last.clone();
        let ways = (way, replica.clone());
        LiveParts::start_with(database, ways, config, config.connections, &traces, stop)
    });
    let Some(parts) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let parts = parts?.with(copying, database, config, at_last.clone());
    // The log is followed, which shows as well that a server is here.
    drop(here);
    let housekeeping = housekeepers(way.clone());
    let starting = patiently(|| limits(config, &housekeeping));
    let Some(limits) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let limits = limits?;
    let retention = tokio::spawn(retention::run(
        housekeeping.clone(),
        config.retention,
        shutdown.receiver(),
    ));
    let tidying = tokio::spawn(audit::tidy::run(
        housekeeping.clone(),
        config.audit_retention,
        shutdown.receiver(),
    ));
    let notifying = tokio::spawn(notification::tidy::run(
        housekeeping.clone(),
        config.notification_retention,
        shutdown.receiver(),
    ));
    let feeding = tokio::spawn(feed::tidy::run(housekeeping.clone(), shutdown.receiver()));
    let editors = editors(bounded(way.clone(), config.list_bytes), WRITERS);
    let accounts = Accounts::with_roles(
        pool::accounts(way.clone()),
        config.auth == Auth::On,
        config.database_roles.clone(),
    );
    let mut accounting = Vec::new();
    if accounts.is_required() {
        let (database, stop) = (session(database.clone()), at_last.clone());
        accounting.push(tokio::spawn(auth::follow::run(
            accounts.clone(),
            limits.clone(),
            database,
            stop.clone(),
        )));
        accounting.push(tokio::spawn(across::run(
            limits.clone(),
            housekeeping.clone(),
            stop.clone(),
        )));
        let pool = accounts.pool().clone();
        accounting.push(tokio::spawn(auth::tidy::run(pool, stop)));
        tokio::task::spawn_blocking(auth::password::prepare);
    }
    let state = state(
        config,
        &parts,
        editors.clone(),
        housekeeping.clone(),
        accounts.clone(),
        limits,
        openid,
        delivers.clone(),
        &shutdown,
        traces,
    );
    let watchers = pool::watchers(way.clone());
    let mut watching = Vec::new();
    // Nobody has an account where nobody has to sign in, so nobody is told anything.
    if accounts.is_required() {
        let parts = watching::Parts {
            catalog: Arc::clone(&parts.catalog),
            readers: parts.readers.clone(),
            accounts: accounts.clone(),
            pool: watchers.clone(),
            tail: parts.follower.clone(),
            watching: state.watching.clone(),
        };
        let evaluator = Evaluator::new(parts);
        watching.push(tokio::spawn(watching::run(evaluator, shutdown.receiver())));
        watching.push(tokio::spawn(delivery::run(
            watchers.clone(),
            delivers,
            state.watching.clone(),
            shutdown.receiver(),
        )));
    }
    let showing = tokio::spawn(presence::run(
        state.presence.clone(),
        housekeeping.clone(),
        shutdown.receiver(),
    ));
    let (running, ended) = oneshot::channel::<()>();
    let telling = operations::Parts {
        live: parts.live.clone(),
        tail: parts.follower.clone(),
        shutdown: state.shutdown.clone(),
    };
    let mut telling = tokio::spawn(operations::run(
        telling,
        housekeeping.clone(),
        address,
        ended,
    ));
    // As many again as may follow live queries, for those who only ask.
    let entered = Way {
        connections: config.max_clients as usize * 2,
        tls,
        proxies: Arc::new(entrance.proxies.clone()),
    };
    let clients = state.clients.clone();
    let sessions = async move { clients.empty().await };
    let is_without_site = state.build.is_empty();
    let listened = match socket.listen() {
        Ok(listener) => {
            if is_without_site {
                tracing::warn!(
                    site = %config.site,
                    "the site's files are not there: pages come without style and script"
                );
            }
            listening();
            listen::serve(listener, router(state), entered, shutdown, sessions).await;
            Ok(())
        }
        Err(taken) => Err(taken.into()),
    };
    answered.send_replace(true);
    retention.abort();
    tidying.abort();
    notifying.abort();
    feeding.abort();
    showing.abort();
    for task in watching {
        // What it is at is done whole or not at all.
        task.abort();
    }
    // What it was at is gone before it is.
    drop(running);
    let leaving = async {
        if tokio::time::timeout(CLOSING * 2, &mut telling)
            .await
            .is_err()
        {
            telling.abort();
        }
    };
    let writing_down = async {
        if accounts.is_required() {
            let _ = tokio::time::timeout(CLOSING, accounts.write_down()).await;
        }
    };
    // Side by side: each may wait for a database that does not answer.
    tokio::join!(leaving, writing_down, parts.end());
    for task in accounting {
        task.abort();
    }
    let closing = async {
        tokio::join!(
            housekeeping.close(),
            editors.close(),
            watchers.close(),
            accounts.pool().close()
        )
    };
    let closing = tokio::time::timeout(CLOSING, closing);
    let _ = tokio::join!(closing, exporting.end());
    listened
}

/// The standby from which lists may be read, if it is one of the database. It need not be there.
async fn replica_of(
    config: &Config,
    database: &PgConnectOptions,
) -> Result<Option<Replica>, StartError> {
    let Some(options) = &config.replica else {
        return Ok(None);
    };
    match replica::compare(options, database).await {
        Ok(Follows::Closely | Follows::Behind) => {}
        Ok(Follows::Nobody) => tracing::warn!(
            "ROWCAST_REPLICA_URL leads to no standby, so lists are read from the primary"
        ),
        Ok(Follows::Another) => tracing::warn!(
            "ROWCAST_REPLICA_URL leads to a standby that does not say that it receives the primary's \
             timeline, so lists are read from the primary: see rowcast doctor"
        ),
        Err(ReplicaError::Primary(error)) => return Err(error.into()),
        Err(error @ (ReplicaError::Different | ReplicaError::Role)) => {
            return Err(StartError::Replica(error));
        }
        Err(error @ ReplicaError::Away(_)) => {
            tracing::warn!(%error, "lists are read from the primary meanwhile");
        }
    }
    let options = bounded((**options).clone(), config.list_bytes);
    Ok(Some(Replica::new(options, config.connections)))
}

/// How much is counted, together with the other servers of the database.
async fn limits(config: &Config, housekeeping: &PgPool) -> Result<Limits, StartError> {
    if config.auth == Auth::Off {
        return Ok(Limits::default());
    }
    let limits = Limits::new(config.entrance.rates);
    let secret: Vec<u8> = sqlx::query_scalar("SELECT bus_secret FROM rowcast.state")
        .fetch_one(housekeeping)
        .await?;
    Ok(match Across::new(&secret) {
        Some(across) => limits.sharing(across),
        None => limits,
    })
}

#[expect(clippy::too_many_arguments, reason = "each is a part of it")]
fn state(
    config: &Config,
    parts: &LiveParts,
    writers: PgPool,
    housekeeping: PgPool,
    accounts: Accounts,
    limits: Limits,
    openid: Option<OpenId>,
    delivers: Delivers,
    shutdown: &Shutdown,
    traces: Traces,
) -> AppState {
    AppState {
        catalog: Arc::clone(&parts.catalog),
        readers: parts.readers.clone(),
        live: parts.live.clone(),
        tail: parts.follower.clone(),
        copying: parts.copying(),
        epoch: Arc::clone(&parts.epoch),
        build: config.site.build(),
        metrics: Arc::new(Metrics::default()),
        site: site_options(),
        files: config.site.clone(),
        shutdown: shutdown.clone(),
        clients: Room::of(config.max_clients),
        exports: Room::of(EXPORTS),
        writers,
        long_writes: Room::of(LONG_WRITES),
        bodies: Arc::new(Semaphore::new(
            BODIES.max(2 * config.import_bytes as usize) / body::UNIT,
        )),
        list_bytes: config.list_bytes,
        scans: Turns::new(SCANS, 1),
        reading: Turns::new(
            Semaphore::MAX_PERMITS,
            config.connections.div_ceil(4).max(2) as usize,
        ),
        images: Turns::new(IMAGES, IMAGES / 2),
        housekeeping,
        presence: Presence::new(config.max_clients as usize),
        import_bytes: config.import_bytes,
        notification_days: config.notification_retention.as_secs() / 86_400,
        accounts,
        openid: openid.map(Arc::new),
        origins: Arc::new(config.entrance.origins.clone()),
        delivers,
        watching: Watching::default(),
        limits,
        traces,
    }
}
