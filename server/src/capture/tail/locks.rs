//! The advisory locks by which writers and tails know of each other.
//!
//! Of our class, 1 is held by the tail that is awake: writers then skip the bell. 3 is held,
//! shared, by every tail as long as it listens: where nobody does the bell is silent.

use sqlx::{PgConnection, postgres::PgListener};

/// Tries to take the awake lock. It also fails in the moment in which a writer tests it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 1)")
        .fetch_one(connection)
        .await
}

/// Lets go of it.
pub(super) async fn unlock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_unlock(rowcast.awake_class(), 1)")
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether another tail holds it.
pub(super) async fn is_another_awake(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT NOT (pg_catalog.pg_try_advisory_lock_shared(rowcast.awake_class(), 1) \
                     AND pg_catalog.pg_advisory_unlock_shared(rowcast.awake_class(), 1))",
    )
    .fetch_one(connection)
    .await
}

/// Ends a session of ours that still holds the awake lock though its connection is lost: the
/// database may hear of that hours later, and until then no bell would ring.
pub(super) async fn evict(connection: &mut PgConnection, session: i32) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_locks \
          WHERE locktype = 'advisory' AND classid = rowcast.awake_class()::int8::oid \
            AND objid = 1::oid AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted \
            AND database = (SELECT oid FROM pg_catalog.pg_database \
                             WHERE datname = pg_catalog.current_database()) \
            AND pid = $1",
    )
    .bind(session)
    .execute(connection)
    .await?;
    Ok(())
}

/// Has the bell ring, and other tails see that this one is there, as long as the connection is.
pub(super) async fn attend(bell: &mut PgListener) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_lock_shared(rowcast.awake_class(), 3)")
        .execute(bell)
        .await?;
    Ok(())
}

/// Whether other tails of this database are there.
pub(super) async fn is_accompanied(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) > 1 FROM pg_catalog.pg_locks \
          WHERE locktype = 'advisory' AND classid = rowcast.awake_class()::int8::oid \
            AND objid = 3::oid AND objsubid = 2 AND mode = 'ShareLock' AND granted \
            AND database = (SELECT oid FROM pg_catalog.pg_database \
                             WHERE datname = pg_catalog.current_database())",
    )
    .fetch_one(connection)
    .await
}
