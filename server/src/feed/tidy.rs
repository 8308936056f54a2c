//! Keeping the feed and comments in bounds.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};

use crate::{comment, error::sqlstate};

/// How often.
const OFTEN: Duration = Duration::from_secs(600);

/// How many rows are removed at once: few enough for a short transaction.
const BATCH: i32 = 500;

/// Removes who was writing, images that no post came to show, and comments on what is gone, until `stop` says so.
pub async fn run(pool: PgPool, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(OFTEN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let tidied = async {
            tidy(&pool).await?;
            comment::tidy::tidy(&pool).await
        };
        if let Err(error) = tidied.await {
            let reason = sqlstate(&error);
            tracing::warn!(reason, "what people wrote could not be tidied");
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
