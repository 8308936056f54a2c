//! Where a database's changes come from, and having that be what a server is set to.
//!
//! It is one thing for a database: whoever follows the log finds out by itself. So it is changed
//! only while nobody follows, or servers of two minds would have each other begin anew for ever.

mod obstacle;

use std::{io::ErrorKind, time::Duration};

use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

pub use self::obstacle::{Obstacle, in_the_way, obstacles};
use super::copier::slot;
use crate::{config::ChangesFrom, database::pool::session};

/// How long the database may take until it is connected to.
const CONNECTING: Duration = Duration::from_secs(15);

/// How long those who follow have to end: one that was told to stop may take as long.
const OTHERS: Duration = Duration::from_secs(10);

/// For how long it is tried, where tables are busy.
const BUSY: Duration = Duration::from_secs(60);

/// For how long whoever starts at the same time is waited for.
const TURN: Duration = Duration::from_secs(30);

/// How often.
const BEAT: Duration = Duration::from_millis(250);

/// Why changes do not come from where they are to.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Others follow, who are of another mind.
    #[error(
        "ROWCAST_SOURCE is {wanted}, but servers run whose changes come from {present}: allowed is \
         to stop all servers of this database first, or to set it to {present}"
    )]
    Others {
        /// What is wanted.
        wanted: ChangesFrom,
        /// What is so.
        present: ChangesFrom,
    },
    /// Somebody else has been at it for long.
    #[error(
        "another server or rowcast migrate has been changing where changes come from for 30 s: \
         allowed is to wait until it has ended, or to end it"
    )]
    Turn,
    /// The write-ahead log can't be used.
    #[error("ROWCAST_SOURCE is replication, but {}", told(.0))]
    Unfit(Vec<Obstacle>),
    /// This role may not change it.
    #[error(
        "changes are to come from {wanted} (ROWCAST_SOURCE), and this role may not change that \
         ({reason}): run rowcast migrate with this setting as the role that set Rowcast up and owns \
         the tables"
    )]
    Rights {
        /// What is wanted.
        wanted: ChangesFrom,
        /// What the database says.
        reason: String,
    },
    /// Tables were busy for too long.
    #[error(
        "changes are to come from {wanted} (ROWCAST_SOURCE), and live tables are too busy to be \
         changed: end long transactions on them, and try again"
    )]
    Busy {
        /// What is wanted.
        wanted: ChangesFrom,
    },
}

fn told(obstacles: &[Obstacle]) -> String {
    let each = obstacles
        .iter()
        .map(|obstacle| format!("{obstacle} (to mend it: {})", obstacle.fix()));
    each.collect::<Vec<_>>().join("; ")
}

/// Where changes come from, settled.
#[derive(Debug)]
pub struct Settled {
    /// Whether they came from somewhere else before.
    pub is_other: bool,
    /// Holds a lock that has nobody change it again: to be held until the log is followed, which
    /// has the same seen.
    pub here: Here,
}

/// That somebody is here who will follow the log; as long as this lives.
#[derive(Debug)]
pub struct Here(#[expect(dead_code, reason = "it holds a lock")] PgConnection);

/// Has changes come from where they are to. If nothing is `said` they come from where they did.
///
/// # Errors
/// Why they do not.
pub async fn settle(
    database: &PgConnectOptions,
    said: Option<ChangesFrom>,
) -> Result<Settled, SourceError> {
    let options = session(database.clone());
    let connecting = timeout(CONNECTING, options.connect());
    let silence = |_| sqlx::Error::Io(ErrorKind::TimedOut.into());
    let mut connection = connecting.await.map_err(silence)??;
    take_turn(&mut connection).await?;
    let present = present(&mut connection).await?;
    let wanted = said.unwrap_or(present);
    if said == Some(ChangesFrom::Replication) {
        let mut obstacles = obstacles(&mut connection).await?;
        // Before anything is changed that this would be in the way of.
        if obstacles.is_empty() && present != wanted {
            obstacles.extend(in_the_way(&mut connection, &options).await?);
        }
        if !obstacles.is_empty() {
            return Err(SourceError::Unfit(obstacles));
        }
    }
    if present != wanted {
        until_alone(&mut connection, wanted, present).await?;
        switch(&mut connection, wanted).await?;
        tracing::info!(
            from = wanted.name(),
            "changes come from somewhere else than before: every list is read again"
        );
    }
    if wanted == ChangesFrom::Triggers {
        drop_slot(&mut connection).await?;
    }
    // Nobody is in between who would not see this one.
    sqlx::query(
        "SELECT pg_catalog.pg_advisory_lock_shared(rowcast.awake_class(), 8), \
                pg_catalog.pg_advisory_unlock(rowcast.awake_class(), 7)",
    )
    .execute(&mut connection)
    .await?;
    Ok(Settled {
        is_other: present != wanted,
        here: Here(connection),
    })
}

/// One after the other.
async fn take_turn(connection: &mut PgConnection) -> Result<(), SourceError> {
    let until = Instant::now() + TURN;
    loop {
        let is_ours: bool =
            sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 7)")
                .fetch_one(&mut *connection)
                .await?;
        if is_ours {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(SourceError::Turn);
        }
        sleep(BEAT).await;
    }
}

/// Where they come from.
///
/// # Errors
/// Those of the database.
pub async fn present(connection: &mut PgConnection) -> Result<ChangesFrom, sqlx::Error> {
    let is_replicated: bool = sqlx::query_scalar("SELECT rowcast.is_replicated()")
        .fetch_one(connection)
        .await?;
    Ok(match is_replicated {
        true => ChangesFrom::Replication,
        false => ChangesFrom::Triggers,
    })
}

/// Waits until nobody follows the log, copies to it, or is about to.
async fn until_alone(
    connection: &mut PgConnection,
    wanted: ChangesFrom,
    present: ChangesFrom,
) -> Result<(), SourceError> {
    let until = Instant::now() + OTHERS;
    loop {
        let is_accompanied: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks \
              WHERE locktype = 'advisory' AND classid = rowcast.awake_class()::int8::oid \
                AND objid IN (3::oid, 6::oid, 8::oid) AND objsubid = 2 AND granted \
                AND database = (SELECT oid FROM pg_catalog.pg_database \
                                 WHERE datname = pg_catalog.current_database()))",
        )
        .fetch_one(&mut *connection)
        .await?;
        if !is_accompanied {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(SourceError::Others { wanted, present });
        }
        sleep(BEAT).await;
    }
}

/// Changes it. Each table is locked against writers for a moment.
async fn switch(connection: &mut PgConnection, wanted: ChangesFrom) -> Result<(), SourceError> {
    let until = Instant::now() + BUSY;
    loop {
        let error = match sqlx::query("SELECT rowcast.set_source($1)")
            .bind(wanted.name())
            .execute(&mut *connection)
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some("42501") => {
                let reason = crate::serve::reason(&error);
                return Err(SourceError::Rights { wanted, reason });
            }
            // A lock that was not had in time, and a deadlock.
            Some("55P03" | "40P01") if Instant::now() < until => sleep(BEAT).await,
            Some("55P03" | "40P01") => return Err(SourceError::Busy { wanted }),
            _ => return Err(error.into()),
        }
    }
}

/// A slot that nobody reads would have the write-ahead log kept for ever.
async fn drop_slot(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let slot = slot::name(connection).await?;
    match slot::remove(connection, &slot).await {
        Err(error @ sqlx::Error::Database(_)) => {
            tracing::error!(
                slot,
                reason = crate::serve::reason(&error),
                "the replication slot that is not used any more can't be dropped, and the \
                 write-ahead log is kept for it: SELECT pg_drop_replication_slot as a role that \
                 may"
            );
            Ok(())
        }
        removed => removed,
    }
}
