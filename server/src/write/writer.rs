//! A connection for writing, for as long as a request lasts.

use rowcast_protocol::ApiError;
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

use super::refusal::Refusal;
use crate::{
    error::{Fault, database_unavailable, fault, internal},
    traces,
};

/// A connection of the pool. One that is not [finished](Writer::finish) with is closed, for
/// the request was dropped in the midst of a statement: what it has not committed is rolled
/// back, and nothing of it waits on in the pool.
#[derive(Debug)]
pub struct Writer(Option<PoolConnection<Postgres>>);

impl Writer {
    /// Takes one.
    ///
    /// # Errors
    /// `too_busy` if all are in use for too long; `database_unavailable`.
    pub async fn acquire(pool: &PgPool) -> Result<Self, Refusal> {
        match traces::during("wait for a connection", pool.acquire()).await {
            Ok(connection) => Ok(Self(Some(connection))),
            Err(sqlx::Error::PoolTimedOut) => Err(ApiError::new(
                "too_busy",
                "as many writes are under way as the server makes at once",
                "try again in a moment",
            )
            .into()),
            Err(error) if fault(&error) == Fault::Unavailable => Err(database_unavailable().into()),
            Err(_) => Err(internal().into()),
        }
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut PgConnection {
        // Only `finish` and `drop` take it, and both end the writer.
        #[allow(clippy::expect_used, reason = "it is there until the writer ends")]
        self.0.as_mut().expect("a connection until the end")
    }

    /// Gives it back, with no statement under way and no transaction open.
    pub fn finish(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
