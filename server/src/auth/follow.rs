//! Hearing of accounts that change, whoever changes them; and, as it is heard the same way, of who
//! asks much of other servers.
//!
//! The database tells it by a notification, at commit. While none can be heard, every request
//! asks the database anew; and what came before is read again afterwards, so that nothing is
//! missed.

use std::time::Duration;

use futures::FutureExt;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{identity::AccountId, known::Accounts};
use crate::limit::{Limits, across};

/// What is listened to.
const CHANNEL: &str = "rowcast_accounts";

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may be idle before it is asked whether it still is one.
const LIVENESS: Duration = Duration::from_secs(30);

/// The pause before the database is tried again, at first and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Follows the accounts of a database until `stop` says so.
pub async fn run(
    accounts: Accounts,
    limits: Limits,
    database: PgConnectOptions,
    mut stop: watch::Receiver<bool>,
) {
    tokio::select! {
        () = follow(&accounts, &limits, database) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn follow(accounts: &Accounts, limits: &Limits, database: PgConnectOptions) {
    let mut pause = PAUSES.0;
    loop {
        if let Ok(mut listener) = listen(&database).await {
            pause = PAUSES.0;
            accounts.set_told(true).await;
            while heard(accounts, limits, &mut listener).await.is_ok() {}
            accounts.set_told(false).await;
        }
        let retry = sleep(pause);
        tokio::pin!(retry);
        loop {
            tokio::select! {
                () = &mut retry => break,
                () = due(accounts) => accounts.keep_up().await,
            }
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn listen(database: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(database.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    // What was told between two connections is known of neither.
    listener.eager_reconnect(false);
    listener.listen_all([CHANNEL, across::CHANNEL]).await?;
    Ok(listener)
}

/// Waits for the next thing to do, and does it.
///
/// # Errors
/// If the connection was lost.
async fn heard(
    accounts: &Accounts,
    limits: &Limits,
    listener: &mut PgListener,
) -> Result<(), sqlx::Error> {
    let first = tokio::select! {
        first = listener.try_recv() => first?.ok_or(sqlx::Error::WorkerCrashed)?,
        () = due(accounts) => {
            accounts.keep_up().await;
            return Ok(());
        }
        // Nobody is let in by what is remembered for longer than this if the connection is dead.
        () = sleep(LIVENESS) => {
            let sign = sqlx::query("SELECT").execute(listener);
            timeout(PATIENCE, sign).await.map_err(|_| sqlx::Error::WorkerCrashed)??;
            return Ok(());
        }
    };
    let mut changed = Vec::new();
    let mut next = Some(first);
    while let Some(told) = next {
        match told.channel() {
            CHANNEL => changed.push(account(told.payload())),
            _ => limits.heard(told.payload()),
        }
        next = match listener.try_recv().now_or_never() {
            Some(told) => Some(told?.ok_or(sqlx::Error::WorkerCrashed)?),
            None => None,
        };
    }
    changed.sort_unstable();
    changed.dedup();
    // Without an account, it is about all of them; that sorts first.
    if changed.first() == Some(&None) {
        changed.truncate(1);
    }
    for account in changed {
        accounts.changed(account).await;
    }
    Ok(())
}

/// Waits until the accounts have something to do.
async fn due(accounts: &Accounts) {
    loop {
        let due = accounts.due();
        tokio::select! {
            () = async {
                match due {
                    Some(due) => sleep_until(due.max(Instant::now())).await,
                    None => std::future::pending().await,
                }
            } => return,
            () = accounts.news() => {}
        }
    }
}

fn account(payload: &str) -> Option<AccountId> {
    payload.parse().ok().map(AccountId)
}
