//! The slot, which keeps the write-ahead log for the copier, and where copying begins.

use std::time::Duration;

use sqlx::{PgConnection, Row};
use tokio::time::sleep;

/// How often it is looked whether those have ended who ran when the slot was made.
const BEAT: Duration = Duration::from_millis(50);

/// How often it is looked whether somebody has let go of the slot.
const TRIES: u32 = 100;

/// The slot's name: slots are a cluster's, so the database is a part of it.
pub async fn name(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT 'rowcast_' || oid FROM pg_catalog.pg_database \
          WHERE datname = pg_catalog.current_database()",
    )
    .fetch_one(connection)
    .await
}

/// Whether the slot goes on from where was copied last: it is there, and has all that came since.
pub async fn leads_on(connection: &mut PgConnection, slot: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM rowcast.copied c, pg_catalog.pg_replication_slots s \
                         WHERE s.slot_name = $1 AND s.database = pg_catalog.current_database() \
                           AND s.plugin = 'pgoutput' AND s.wal_status IS DISTINCT FROM 'lost' \
                           AND c.lsn IS NOT NULL AND c.version IS NOT NULL)",
    )
    .bind(slot)
    .fetch_one(connection)
    .await
}

/// Whether changes come from the write-ahead log.
pub async fn is_wanted(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT rowcast.is_replicated()")
        .fetch_one(connection)
        .await
}

/// Whether somebody reads the slot.
pub async fn is_read(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s \
                         JOIN pg_catalog.pg_database d ON d.datname = s.database \
                         WHERE s.slot_name = 'rowcast_' || d.oid AND s.active \
                           AND d.datname = pg_catalog.current_database())",
    )
    .fetch_one(connection)
    .await
}

/// Makes the slot anew, and with it another history: what was committed since the old one's last
/// is in no log.
///
/// # Errors
/// Those of the database, such as that it keeps no log that can be decoded, that there is no place
/// for a slot, or that this role may not make one.
pub async fn make(connection: &mut PgConnection, slot: &str) -> Result<(), sqlx::Error> {
    remove(connection, slot).await?;
    // It takes as long as the longest transaction that runs, and nobody waits for it here.
    sqlx::query(
        "SELECT pg_catalog.set_config('statement_timeout', '0', false), \
                        pg_catalog.set_config('lock_timeout', '0', false)",
    )
    .execute(&mut *connection)
    .await?;
    // From here on it is known of nothing that it was copied.
    sqlx::query("UPDATE rowcast.copied SET lsn = NULL, version = NULL")
        .execute(&mut *connection)
        .await?;
    let made: String = sqlx::query_scalar(
        "SELECT lsn::text FROM pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')",
    )
    .bind(slot)
    .fetch_one(&mut *connection)
    .await?;
    // One whose commit was written before the slot begins may not be shown yet by any snapshot:
    // neither would tell of it.
    let all: String = sqlx::query_scalar(
        "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text",
    )
    .fetch_one(&mut *connection)
    .await?;
    loop {
        let have_ended: bool = sqlx::query_scalar(
            "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) >= $1::text::xid8",
        )
        .bind(&all)
        .fetch_one(&mut *connection)
        .await?;
        if have_ended {
            break;
        }
        sleep(BEAT).await;
    }
    sqlx::query("SELECT rowcast.begin_copying($1::text::pg_lsn)")
        .bind(made)
        .execute(&mut *connection)
        .await?;
    sqlx::query("RESET statement_timeout")
        .execute(&mut *connection)
        .await?;
    sqlx::query("RESET lock_timeout")
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops the slot, so that nothing is kept for it. One that somebody reads is taken from them.
///
/// # Errors
/// Those of the database.
pub async fn remove(connection: &mut PgConnection, slot: &str) -> Result<(), sqlx::Error> {
    if free(connection, slot).await? {
        sqlx::query("SELECT pg_catalog.pg_drop_replication_slot($1)")
            .bind(slot)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Has nobody read the slot, and says whether there is one.
///
/// # Errors
/// Those of the database.
pub async fn free(connection: &mut PgConnection, slot: &str) -> Result<bool, sqlx::Error> {
    for attempt in 0..TRIES {
        let found = sqlx::query(
            "SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
        )
        .bind(slot)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(found) = found else {
            return Ok(false);
        };
        let Some(pid) = found.try_get::<Option<i32>, _>(0)? else {
            return Ok(true);
        };
        if attempt == 0 {
            sqlx::query("SELECT pg_catalog.pg_terminate_backend($1)")
                .bind(pid)
                .execute(&mut *connection)
                .await?;
        }
        sleep(BEAT).await;
    }
    Err(sqlx::Error::PoolTimedOut)
}

/// How many bytes of the write-ahead log are kept for it.
pub async fn retained(connection: &mut PgConnection, slot: &str) -> Result<u64, sqlx::Error> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT coalesce((SELECT pg_catalog.pg_wal_lsn_diff( \
             pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::int8 \
           FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1), 0)",
    )
    .bind(slot)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
