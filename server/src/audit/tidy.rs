//! Keeping the audit log up to date and in bounds.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};

use crate::error::sqlstate;

/// How often what is counted is told, in the entries about it.
const OFTEN: Duration = Duration::from_secs(60);

/// How often old entries are looked for: every so many turns.
const TURNS: u32 = 60;

/// How many are removed at once: few enough for a short transaction.
const BATCH: i32 = 5_000;

/// Tells what is counted, and removes entries that are older than `kept`, until `stop` says so.
pub async fn run(pool: PgPool, kept: Duration, mut stop: watch::Receiver<bool>) {
    for turn in (0..TURNS).cycle() {
        let done = async {
            count(&pool).await?;
            match turn {
                0 => forget(&pool, kept).await,
                _ => Ok(()),
            }
        };
        if let Err(error) = done.await {
            let reason = sqlstate(&error);
            tracing::warn!(reason, "the audit log could not be tidied");
        }
        tokio::select! {
            () = sleep(OFTEN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Tells what is counted.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT rowcast.tell_counts()")
        .execute(pool)
        .await?;
    Ok(())
}

/// Removes what is older.
///
/// # Errors
/// The database's.
pub async fn forget(pool: &PgPool, kept: Duration) -> Result<(), sqlx::Error> {
    let mut removed = i64::from(BATCH);
    while removed >= i64::from(BATCH) {
        removed = sqlx::query_scalar("SELECT rowcast.forget_audit(make_interval(secs => $1), $2)")
            .bind(kept.as_secs_f64())
            .bind(BATCH)
            .fetch_one(pool)
            .await?;
    }
    Ok(())
}
