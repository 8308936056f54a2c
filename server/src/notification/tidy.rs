//! Keeping notifications in bounds.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};

use crate::error::sqlstate;

/// How often.
const OFTEN: Duration = Duration::from_secs(600);

/// How many of an account are kept.
pub const KEPT: i32 = 1000;

/// How many are removed at once: few enough for a short transaction.
const BATCH: i32 = 5_000;

/// Removes what was read longer ago than `kept` and what is too much, until `stop` says so.
pub async fn run(pool: PgPool, kept: Duration, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(OFTEN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = forget(&pool, kept, KEPT).await {
            let reason = sqlstate(&error);
            tracing::warn!(reason, "notifications could not be tidied");
        }
    }
}

/// Removes what was read longer ago than `kept`, and of accounts with more than `most` the
/// oldest, those first that were read.
///
/// # Errors
/// The database's.
pub async fn forget(pool: &PgPool, kept: Duration, most: i32) -> Result<(), sqlx::Error> {
    let mut removed = i64::from(BATCH);
    while removed >= i64::from(BATCH) {
        removed = sqlx::query_scalar(
            "SELECT rowcast.forget_notifications(make_interval(secs => $1), $2, $3)",
        )
        .bind(kept.as_secs_f64())
        .bind(most)
        .bind(BATCH)
        .fetch_one(pool)
        .await?;
    }
    Ok(())
}
