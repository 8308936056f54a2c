//! Who copies: whoever holds a lock of the database, of our class the 6th.

use sqlx::{PgConnection, Row};
use tokio::time::{Instant, sleep};

use super::{
    ANSWERING, Failure, LOOK, RETRY, slot,
    standing::{Standing, State},
    within,
};

/// For how many seconds whoever copies may say nothing to the database, which they do every few
/// ([`LOOK`]) unless they are stopped or cut off from it.
const SILENCE: f64 = 30.0;

/// How many times in a row too much has to be kept until whoever copies is not left to see to it.
const GRACE: u32 = 3;

/// Waits for the place of who copies, which is held for as long as the connection is there.
/// Meanwhile it is seen to that not too much is kept for one who does not copy.
pub async fn take(
    connection: &mut PgConnection,
    slot: &str,
    slot_max: u64,
    standing: &Standing,
) -> Result<(), Failure> {
    let mut look_at = Instant::now() + LOOK;
    let mut beyond = 0;
    loop {
        let asked = sqlx::query(
            "SELECT s.is_replicated, \
                    s.is_replicated AND pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 6), \
                    c.version IS NOT NULL \
               FROM rowcast.copied c, (SELECT rowcast.is_replicated() AS is_replicated) AS s",
        )
        .fetch_one(&mut *connection);
        let row = within(ANSWERING, asked).await?;
        if row.try_get(1)? {
            return Ok(());
        }
        let is_replicated: bool = row.try_get(0)?;
        standing.becomes(State::Waiting {
            is_copied: is_replicated && row.try_get(2)?,
        });
        if Instant::now() >= look_at {
            look_at = Instant::now() + LOOK;
            let kept = slot::retained(connection, slot).await?;
            standing.retains(kept);
            beyond = if kept > slot_max { beyond + 1 } else { 0 };
            let looked = look(connection, slot, beyond >= GRACE, is_replicated);
            within(ANSWERING, looked).await?;
        }
        sleep(RETRY).await;
    }
}

/// Looks after the slot of who copies, or does not any more.
async fn look(
    connection: &mut PgConnection,
    slot: &str,
    is_too_much: bool,
    is_replicated: bool,
) -> Result<(), sqlx::Error> {
    if !is_replicated {
        // Changes come from triggers again.
        return slot::remove(connection, slot).await;
    }
    if is_too_much {
        tracing::error!(
            "more of the write-ahead log was kept than ROWCAST_SLOT_MAX allows, by another server: \
             the replication slot is dropped, and every list will be read again"
        );
        slot::remove(connection, slot).await?;
    }
    evict(connection).await
}

/// Ends the session of one who holds the lock and is not heard of any more: a program that is
/// stopped, or a machine that is gone, of which the database may hear hours later.
async fn evict(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let evicted = sqlx::query(
        "SELECT pg_catalog.pg_terminate_backend(l.pid) \
           FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
          WHERE l.locktype = 'advisory' AND l.classid = rowcast.awake_class()::int8::oid \
            AND l.objid = 6::oid AND l.objsubid = 2 AND l.mode = 'ExclusiveLock' AND l.granted \
            AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                               WHERE datname = pg_catalog.current_database()) \
            AND a.state = 'idle' \
            AND a.state_change < pg_catalog.clock_timestamp() - $1 * interval '1 second'",
    )
    .bind(SILENCE)
    .fetch_optional(connection)
    .await;
    match evicted {
        Ok(None) => {}
        Ok(Some(_)) => tracing::warn!(
            "nothing is heard of who copies changes from the write-ahead log: somebody else does it"
        ),
        // One of another role's, for instance: the database finds out, too.
        Err(error @ sqlx::Error::Database(_)) => tracing::warn!(
            reason = crate::error::sqlstate(&error),
            "nothing is heard of who copies changes from the write-ahead log, and this role may not \
             end their session"
        ),
        Err(error) => return Err(error),
    }
    Ok(())
}
