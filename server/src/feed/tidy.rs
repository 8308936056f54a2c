//! Keeping the feed in bounds.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};

use crate::error::sqlstate;

/// How often.
const OFTEN: Duration = Duration::from_secs(600);

/// How many rows are removed at once: few enough for a short transaction.
const BATCH: i32 = 500;

/// Removes who was writing, and images that no post came to show, until `stop` says so.
pub async fn run(pool: PgPool, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(OFTEN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = tidy(&pool).await {
            let reason = sqlstate(&error);
            tracing::warn!(reason, "the feed could not be tidied");
        }
    }
}

/// Removes what does not hold any more.
///
/// # Errors
/// The database's.
pub async fn tidy(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut removed = i64::from(BATCH);
    while removed >= i64::from(BATCH) {
        removed = sqlx::query_scalar("SELECT rowcast.tidy_feed($1)")
            .bind(BATCH)
            .fetch_one(pool)
            .await?;
    }
    Ok(())
}
