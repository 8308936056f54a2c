//! A running server: the tail, the hub, the connections to clients, and their end.

mod error;
mod lead;
mod parts;

use std::{io::ErrorKind, sync::Arc, time::Duration};

use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::{Semaphore, oneshot, watch};

use self::parts::copying;
pub use self::{
    error::{StartError, reason},
    lead::lead,
    parts::{LiveParts, settle_source},
};
use crate::{
    audit,
    auth::{self, Accounts, openid::OpenId},
    body,
    capture::{migrate::migrate, retention, source::Settled},
    config::{Auth, ChangesFrom, Config},
    database::{
        pool::{self, editors, housekeepers, session},
        pooler::Pooled,
        replica::{self, Follows, Replica, ReplicaError},
    },
    feed,
    limit::{
        Limits, Room, Turns,
        across::{self, Across},
    },
    listen::{self, BoundSocket, Tls, Way},
    metrics::Metrics,
    notification, operations,
    presence::{self, Presence},
    query::slice::bounded,
    router::router,
    routes::pages::site_options,
    shutdown::Shutdown,
    starting::{patiently, unless_stopped},
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

/// Brings the database to what this version needs, and returns how many versions further that
/// is.
///
/// # Errors
/// If it can't be reached or does not allow it.
pub async fn prepare(database: &PgConnectOptions) -> Result<usize, StartError> {
    let mut connection = connect(database).await?;
    let applied = migrate(&mut connection).await?;
    let _ = tokio::time::timeout(CLOSING, connection.close()).await;
    Ok(applied)
}

async fn connect(database: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let database = session(database.clone());
    let connecting = tokio::time::timeout(CONNECTING, database.connect());
    // Of one that does not answer nothing is heard but silence.
    let silence = |_| sqlx::Error::Io(ErrorKind::TimedOut.into());
    connecting.await.map_err(silence)?
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
    // What each is at is done whole or not at all, so it ends wherever it is.
    let mut beside = vec![
        tokio::spawn(retention::run(
            housekeeping.clone(),
            config.retention,
            shutdown.receiver(),
        )),
        tokio::spawn(audit::tidy::run(
            housekeeping.clone(),
            config.audit_retention,
            shutdown.receiver(),
        )),
        tokio::spawn(notification::tidy::run(
            housekeeping.clone(),
            config.notification_retention,
            shutdown.receiver(),
        )),
        tokio::spawn(feed::tidy::run(housekeeping.clone(), shutdown.receiver())),
    ];
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
        beside.push(tokio::spawn(watching::run(evaluator, shutdown.receiver())));
        beside.push(tokio::spawn(delivery::run(
            watchers.clone(),
            delivers,
            state.watching.clone(),
            shutdown.receiver(),
        )));
    }
    beside.push(tokio::spawn(presence::run(
        state.presence.clone(),
        housekeeping.clone(),
        shutdown.receiver(),
    )));
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
    for task in beside {
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
