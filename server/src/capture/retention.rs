//! Removing changes that are older than they have to be kept.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;

/// How often old changes are looked for.
const INTERVAL: Duration = Duration::from_secs(60);

/// How many rows of the log are removed at once: few enough for a short transaction.
const BATCH: i32 = 5_000;

/// Removes what is older than `kept`, until `stop` says so. A database that can't be reached
/// is tried again at the next turn.
pub async fn run(pool: PgPool, kept: Duration, mut stop: watch::Receiver<bool>) {
    let mut is_told = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        loop {
            match purge(&pool, kept).await {
                Ok(removed) if removed >= i64::from(BATCH) => is_told = false,
                Ok(_) => {
                    is_told = false;
                    break;
                }
                Err(error) => {
                    // Where that lasts the log grows without end; to say it once is enough.
                    let reason = crate::error::sqlstate(&error);
                    if is_told {
                        tracing::debug!(reason, "old changes are still not removed");
                    } else {
                        tracing::warn!(reason, "old changes can't be removed from the change log");
                    }
                    is_told = true;
                    break;
                }
            }
        }
    }
}

/// Removes one batch and says how many rows it had.
pub async fn purge(pool: &PgPool, kept: Duration) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT rowcast.purge(make_interval(secs => $1), $2)::int8")
        .bind(kept.as_secs_f64())
        .bind(BATCH)
        .fetch_one(pool)
        .await
}
