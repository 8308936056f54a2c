//! Servers of one database, told apart there by the roles that they connect as.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

use sqlx::PgConnection;

use crate::cluster::Database;

/// The database as a role of its own.
pub async fn url_of(database: &Database, name: &str) -> String {
    let role = format!("{}/{name}", database.name);
    database
        .execute(&format!("CREATE ROLE \"{role}\" SUPERUSER LOGIN"))
        .await;
    let role = role.replace('/', "%2F");
    database.url.replace("postgres@", &format!("{role}@"))
}

/// The name of who reads the log for all: who holds the lock for it.
///
/// # Errors
/// If the database can't be asked.
pub async fn leader_name(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT split_part(a.usename, '/', 2) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
          WHERE locktype = 'advisory' AND objid = 4 AND granted \
            AND classid = rowcast.awake_class()::int8::oid AND datname = current_database()",
    )
    .fetch_optional(connection)
    .await
}
