//! Removing what has ended.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};

use super::{device, link, linked, lockout, session, token};
use crate::error::sqlstate;

/// How often.
const OFTEN: Duration = Duration::from_secs(3600);

/// Removes ended sessions, revoked tokens, used links and forgotten attempts, until `stop` says so. They are
/// void whether or not they are there.
pub async fn run(pool: PgPool, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(OFTEN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let tidied = async {
            session::forget(&pool).await?;
            link::forget(&pool).await?;
            token::forget(&pool).await?;
            device::forget(&pool).await?;
            linked::forget(&pool).await?;
            lockout::forget(&pool).await
        };
        if let Err(error) = tidied.await {
            tracing::debug!(reason = sqlstate(&error), "what has ended was not removed");
        }
    }
}
