//! A tail's connections.

use std::time::Duration;

use futures::FutureExt;
use sqlx::{
    PgConnection,
    postgres::{PgListener, PgNotification},
};
use tokio::time::timeout;

use super::{CHANNEL, TailOptions, locks, others};
use crate::capture::session;

/// How long nothing may be heard of what was asked before the connection counts as lost.
const TIMEOUT: Duration = Duration::from_secs(90);

/// The same of a question that takes the database no time.
const SIGN_TIMEOUT: Duration = Duration::from_secs(15);

/// One connection reads and holds the awake lock, one hears the bell.
pub(super) struct Connection {
    pub log: PgConnection,
    pub bell: Bell,
    /// The database's number of the session that reads.
    pub session: i32,
}

impl Connection {
    pub async fn open(options: &TailOptions) -> Result<Self, sqlx::Error> {
        let mut log = session::connect(&options.database).await?;
        let session = sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()")
            .fetch_one(&mut log)
            .await?;
        let bell = Bell::open(options, session).await?;
        Ok(Self { log, bell, session })
    }
}

/// What is heard of the bell.
pub(super) struct Bell {
    listener: PgListener,
    /// The session that reads, whose own rings are for others.
    session: i32,
}

/// What one heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    /// Another tail rang, which is awake: writers may not.
    pub by_awake: bool,
}

impl Bell {
    async fn open(options: &TailOptions, session: i32) -> Result<Self, sqlx::Error> {
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options.database.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        // Another connection would hold no lock, and nobody would know what it missed.
        listener.eager_reconnect(false);
        locks::attend(&mut listener).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self { listener, session })
    }

    /// Waits for the bell, not for that which this tail rings for others. What has rung meanwhile is answered by the same read, so that bells
    /// that came faster than the log was read do not keep it busy afterwards. Nothing is lost
    /// if this is dropped.
    ///
    /// # Errors
    /// If the connection was lost, and with it whatever it would have told.
    pub async fn ring(&mut self) -> Result<Rung, sqlx::Error> {
        let own = self.session.cast_unsigned();
        let first = loop {
            let first = heard(self.listener.try_recv().await?)?;
            if first.process_id() != own {
                break first;
            }
        };
        let mut by_awake = is_by_awake(&first);
        while let Some(next) = self.listener.try_recv().now_or_never() {
            let next = heard(next?)?;
            by_awake |= is_by_awake(&next) && next.process_id() != own;
        }
        Ok(Rung { by_awake })
    }

    /// Whether the connection is still one: an end of which nobody was told shows only so.
    pub async fn check(&mut self) -> Result<(), sqlx::Error> {
        let sign = sqlx::query("SELECT").execute(&mut self.listener);
        timeout(SIGN_TIMEOUT, sign).await.map_err(|_| lost())??;
        Ok(())
    }
}

fn heard(notification: Option<PgNotification>) -> Result<PgNotification, sqlx::Error> {
    notification.ok_or_else(lost)
}

fn is_by_awake(notification: &PgNotification) -> bool {
    notification.payload() == others::AWAKE
}

/// A connection that was lost.
pub(super) fn lost() -> sqlx::Error {
    sqlx::Error::WorkerCrashed
}

/// What the database answers, if it does in time.
pub(super) async fn within<T, E>(answer: impl Future<Output = Result<T, E>>) -> Result<T, E>
where
    E: From<sqlx::Error>,
{
    timeout(TIMEOUT, answer).await.map_err(|_| lost())?
}
