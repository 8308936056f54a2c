//! A physical standby of the database, which may answer the reads that fill lists.
//!
//! A list belongs to a version: the changes that the log brings are applied to it if the version
//! does not show them. A standby does not tell the version of what it gives:
//! `pg_current_snapshot()` there leaves out which transactions still run. And what it shows may be
//! older than what the log was read up to, or newer than what the primary shows. So the version is
//! made of what both say:
//!
//! 1. The primary says which version `P` it is at, after somebody has asked for the list, and how
//!    far its log of writes goes: every commit that `P` shows is before that.
//! 2. The standby is waited for until it has replayed that much. From then on whatever begins there
//!    shows all that `P` shows.
//! 3. The statement that reads the rows also reads, of the change log, which transactions it sees
//!    that `P` does not show. The version is `P` and these ([`version`]): no other changed a row
//!    that is followed.
//! 4. If there are any, the primary has to show them by now, in the same history. So the version is
//!    between two of the primary's, and a list never goes back, whoever answers its next read.
//!
//! Where any of it fails the primary is asked, which is always right. So it is where changes are copied
//! from the write-ahead log: a standby may show what the log that it has does not yet.

mod barrier;
mod counts;
mod gate;
mod reason;
mod standing;
pub mod version;

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres, Row,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout, timeout_at},
};

use self::{barrier::Barrier, gate::Gate, standing::Standing, version::PgSnapshot};
pub use self::{counts::Counts, reason::Reason};
use super::pool;

/// How long a standby has to reach what the primary shows, with the time to connect to it.
const WAIT: Duration = Duration::from_secs(1);

/// How long one waits for a connection that others have.
const BUSY: Duration = Duration::from_millis(50);

/// How long a read may take: longer than the standby itself lets it.
const READ: Duration = Duration::from_secs(40);

/// The pauses between looking how far it is, at first and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// After how long the primary is asked to send what it has written.
const NUDGE: Duration = Duration::from_millis(20);

/// How long the primary has to show what a standby shows: a commit that waits for a standby is
/// shown there first.
const SHOWN: Duration = Duration::from_millis(250);

/// How long it may take to be looked at when the server starts.
const PATIENCE: Duration = Duration::from_secs(10);

/// A standby. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replica(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    gate: Gate,
    counts: Counts,
}

/// Why a standby can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// It is one of something else.
    #[error(
        "ROWCAST_REPLICA_URL leads to another database than DATABASE_URL: allowed is a physical \
         standby of the same cluster, and the database of the same name"
    )]
    Different,
    /// It is asked as somebody else.
    #[error(
        "ROWCAST_REPLICA_URL signs in as another role than DATABASE_URL: allowed is the same, for \
         policies and views may decide by it what is shown"
    )]
    Role,
    /// It can't be looked at.
    #[error("ROWCAST_REPLICA_URL leads to no database that can be asked: {0}")]
    Away(String),
    /// The primary can't.
    #[error(transparent)]
    Primary(#[from] sqlx::Error),
}

/// What a standby is to its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// It has replayed all that the primary had written.
    Closely,
    /// It follows, and has not replayed all.
    Behind,
    /// It is a primary itself.
    Nobody,
    /// It does not say that it is in the primary's history.
    Another,
}

impl Replica {
    /// The one that is connected to so.
    pub fn new(options: PgConnectOptions, connections: u32) -> Self {
        Self(Arc::new(Shared {
            pool: pool::readers(options, connections),
            places: Arc::new(Semaphore::new(connections as usize)),
            gate: Gate::default(),
            counts: Counts::default(),
        }))
    }

    /// How often it was read from, and how often not.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Ends its connections.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    /// A connection on which whatever begins shows all that `primary` shows now; `None` if the
    /// primary is to be read from, which has been counted.
    pub async fn catch_up(&self, primary: &PgPool) -> Option<CaughtUp> {
        if let Err(reason) = self.0.gate.enter(Instant::now()) {
            self.0.counts.fell_back(reason);
            return None;
        }
        // A primary that can't be asked says so to whoever asks it next.
        let barrier = Barrier::of(primary).await.ok()?;
        if barrier.is_replicated {
            self.fall_back(Reason::Source);
            return None;
        }
        match self.reach(&barrier, primary).await {
            Ok((connection, place)) => Some(CaughtUp {
                replica: self.clone(),
                primary: primary.clone(),
                connection: Some(connection),
                has_answered: false,
                barrier,
                _place: place,
            }),
            Err(reason) => {
                self.fall_back(reason);
                None
            }
        }
    }

    /// Notes that what it gave is nothing that can be made use of.
    pub fn refused(&self) {
        self.fall_back(Reason::Refused);
    }

    async fn reach(
        &self,
        barrier: &Barrier,
        primary: &PgPool,
    ) -> Result<(PoolConnection<Postgres>, OwnedSemaphorePermit), Reason> {
        let begun = Instant::now();
        let end = begun + WAIT;
        let place = timeout(BUSY, Arc::clone(&self.0.places).acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Err(Reason::Busy);
        };
        let mut pause = PAUSES.0;
        let mut is_nudged = false;
        // Who has answered is there.
        let mut late = Reason::Away;
        let Ok(acquired) = timeout_at(end, self.0.pool.acquire()).await else {
            return Err(Reason::Away);
        };
        let mut connection = acquired.map_err(|error| Reason::of(&error))?;
        loop {
            let asked = timeout_at(end, Standing::of(&mut connection, barrier)).await;
            let standing = match asked {
                Ok(Ok(standing)) => standing,
                // It was idle, and those there were may all have died: others are opened.
                Ok(Err(Reason::Away)) => {
                    drop(connection.detach());
                    let acquired = timeout_at(end, self.0.pool.acquire()).await;
                    let acquired = acquired.map_err(|_| late)?;
                    connection = acquired.map_err(|error| Reason::of(&error))?;
                    continue;
                }
                Ok(Err(reason)) => return Err(reason),
                Err(_) => {
                    // It is in the midst of an answer.
                    drop(connection.detach());
                    return Err(late);
                }
            };
            late = Reason::Behind;
            if standing.check(barrier)? {
                return Ok((connection, place));
            }
            if !is_nudged && begun.elapsed() >= NUDGE {
                is_nudged = true;
                // Where it fails the wait is in vain, and no more.
                let _ = timeout_at(end, nudged(primary)).await;
            }
            if Instant::now() + pause >= end {
                return Err(Reason::Behind);
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn fall_back(&self, reason: Reason) {
        self.0.counts.fell_back(reason);
        self.0.gate.failed(reason, Instant::now());
    }
}

/// A standby that shows all that the primary showed.
#[derive(Debug)]
pub struct CaughtUp {
    replica: Replica,
    primary: PgPool,
    /// There until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    has_answered: bool,
    barrier: Barrier,
    _place: OwnedSemaphorePermit,
}

impl Drop for CaughtUp {
    fn drop(&mut self) {
        // One that still reads for nobody would keep its place in the pool, and not this one.
        if !self.has_answered
            && let Some(connection) = self.connection.take()
        {
            drop(connection.detach());
        }
    }
}

impl CaughtUp {
    /// What is read over the connection to it; `None` where that does not come, which has been
    /// counted: a standby that has gone without a word says nothing for ever.
    pub async fn read<T>(
        &mut self,
        reading: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Option<Result<T, sqlx::Error>> {
        let connection = self.connection.as_mut()?;
        match timeout(READ, reading(connection)).await {
            Ok(read) => {
                self.has_answered = true;
                Some(read)
            }
            Err(_) => {
                self.replica.fall_back(Reason::Away);
                None
            }
        }
    }

    /// Three columns that the statement that reads has to give beside its own, from which
    /// [`CaughtUp::version`] tells what it was that was read.
    pub fn columns_sql(&self, push: impl FnMut(String) -> String) -> String {
        version::columns_sql(&self.barrier.snapshot, push)
    }

    /// The version that was read by a statement with these columns from there on; `None` if the
    /// primary is to be read from.
    pub async fn version(self, row: &PgRow, at: usize) -> Option<PgSnapshot> {
        match self.find_version(row, at).await {
            Ok(version) => {
                self.replica.0.counts.read();
                self.replica.0.gate.succeeded();
                Some(version)
            }
            Err(reason) => {
                self.replica.fall_back(reason);
                None
            }
        }
    }

    async fn find_version(&self, row: &PgRow, at: usize) -> Result<PgSnapshot, Reason> {
        let failed = |error: sqlx::Error| Reason::of(&error);
        let timeline: Option<i64> = row.try_get(at).map_err(failed)?;
        standing::same_timeline(timeline, &self.barrier)?;
        let is_whole: bool = row.try_get(at + 1).map_err(failed)?;
        let seen: Vec<String> = row.try_get(at + 2).map_err(failed)?;
        let seen: Vec<u64> = seen.iter().filter_map(|xid| xid.parse().ok()).collect();
        let version = version::with(&self.barrier.snapshot, &seen);
        let version = version.filter(|_| is_whole).ok_or(Reason::Ahead)?;
        if seen.is_empty() {
            return Ok(version);
        }
        let shown = async {
            loop {
                let now = Barrier::of(&self.primary).await.map_err(failed)?;
                if now.history != self.barrier.history {
                    return Err(Reason::Other);
                }
                if now.snapshot.covers(&version) {
                    return Ok(());
                }
                sleep(PAUSES.0).await;
            }
        };
        match timeout(SHOWN, shown).await {
            Ok(shown) => shown.map(|()| version),
            Err(_) => Err(Reason::Ahead),
        }
    }

    /// Notes that the read failed; whether the primary is to be read from, instead of telling that.
    pub fn failed(&self, error: &sqlx::Error) -> bool {
        // What takes too long there takes too long here, and would be in everybody's way.
        if error
            .as_database_error()
            .and_then(|error| error.code())
            .as_deref()
            == Some("57014")
        {
            self.replica.0.counts.read();
            return false;
        }
        self.replica.fall_back(Reason::of(error));
        true
    }
}

async fn nudged(primary: &PgPool) -> Result<(), sqlx::Error> {
    barrier::nudge(&mut *primary.acquire().await?).await
}

/// Finds out what the standby that is connected to so is to the primary.
///
/// # Errors
/// Which of them can't be asked; that they are of different databases.
pub async fn compare(
    options: &PgConnectOptions,
    primary: &PgConnectOptions,
) -> Result<Follows, ReplicaError> {
    let silence = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    let ours = async {
        let mut connection = pool::session(primary.clone()).connect().await?;
        let barrier = Barrier::on(&mut connection).await?;
        barrier::nudge(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(barrier)
    };
    let barrier = timeout(PATIENCE, ours).await.map_err(silence)??;
    let theirs = async {
        let mut connection = pool::session(options.clone()).connect().await?;
        let end = Instant::now() + WAIT;
        let mut standing = Standing::of(&mut connection, &barrier).await;
        // It has as long as it has before a read.
        while Instant::now() < end
            && let Ok(Ok(false)) = standing.as_ref().map(|standing| standing.check(&barrier))
        {
            sleep(PAUSES.1).await;
            standing = Standing::of(&mut connection, &barrier).await;
        }
        connection.close().await?;
        Ok::<_, sqlx::Error>(standing)
    };
    let standing = match timeout(PATIENCE, theirs).await {
        Ok(Ok(Ok(standing))) => standing,
        Ok(Ok(Err(_))) => return Err(ReplicaError::Away("it does not say what it is".into())),
        Ok(Err(error)) => return Err(ReplicaError::Away(crate::serve::reason(&error))),
        Err(_) => return Err(ReplicaError::Away("it does not answer".into())),
    };
    match standing.check(&barrier) {
        Ok(true) => Ok(Follows::Closely),
        Ok(false) => Ok(Follows::Behind),
        Err(Reason::Promoted) => Ok(Follows::Nobody),
        Err(_) if standing.identity != barrier.identity => Err(ReplicaError::Different),
        Err(_) if standing.role != barrier.role => Err(ReplicaError::Role),
        Err(_) => Ok(Follows::Another),
    }
}
