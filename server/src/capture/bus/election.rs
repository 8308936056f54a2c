//! Who leads: whoever holds a lock of the database, of our class the 4th.

use sqlx::{AssertSqlSafe, PgConnection};

/// Tries to become who leads, for as long as the connection is there.
pub async fn stand(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 4)")
        .fetch_one(connection)
        .await
}

/// Leads no more.
pub async fn step_down(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_unlock(rowcast.awake_class(), 4)")
        .execute(connection)
        .await?;
    Ok(())
}

/// Who holds the lock, in this database.
const HOLDER: &str = "FROM pg_catalog.pg_locks \
     WHERE locktype = 'advisory' AND classid = rowcast.awake_class()::int8::oid \
       AND objid = 4::oid AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted \
       AND database = (SELECT oid FROM pg_catalog.pg_database \
                        WHERE datname = pg_catalog.current_database())";

/// The database's number of the session of whoever leads.
pub async fn leader(connection: &mut PgConnection) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT pid {HOLDER}")))
        .fetch_optional(connection)
        .await
}

/// Ends the session of one who leads, if they still do, and has not been heard of: a program that
/// is stopped, or one whose way to the stream is cut.
pub async fn depose(connection: &mut PgConnection, leader: i32) -> Result<(), sqlx::Error> {
    let end = format!("SELECT pg_catalog.pg_terminate_backend(pid) {HOLDER} AND pid = $1");
    sqlx::query(AssertSqlSafe(end))
        .bind(leader)
        .execute(connection)
        .await?;
    Ok(())
}
