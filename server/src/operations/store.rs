//! The rows about servers.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;

use crate::live::cost::Busy;

/// Whether somebody has followed the rows a moment ago, on whichever server.
pub(super) async fn is_followed(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM rowcast.server s \
                         WHERE s.followed_at > clock_timestamp() - interval '15 s')",
    )
    .fetch_one(pool)
    .await
}

/// Writes what a server is at, and returns its number; `number`: the one that it has.
pub(super) async fn tell(
    pool: &PgPool,
    number: Option<i64>,
    figures: &Value,
    queries: &[Busy],
) -> Result<i64, sqlx::Error> {
    // A text without what PostgreSQL can't hold in one.
    let queries = serde_json::to_string(queries).unwrap_or_else(|_| "[]".to_owned());
    sqlx::query_scalar("SELECT rowcast.tell_server($1, $2::text::jsonb, $3::text::jsonb)")
        .bind(number)
        .bind(figures.to_string())
        .bind(queries)
        .fetch_one(pool)
        .await
}

/// Says of other servers than that of this number that they are silent, where they were not heard of for so
/// long: one that speaks again says what it is itself.
pub(super) async fn mark_silent(
    pool: &PgPool,
    number: Option<i64>,
    after: Duration,
) -> Result<(), sqlx::Error> {
    // Nobody waits for one that was stopped while it wrote.
    sqlx::query(
        "UPDATE rowcast.server s SET state = 'silent' \
          WHERE s.id IN (SELECT o.id FROM rowcast.server o \
                          WHERE o.seen_at < clock_timestamp() - make_interval(secs => $2) \
                            AND o.state <> 'silent' AND o.id IS DISTINCT FROM $1 \
                            FOR UPDATE SKIP LOCKED)",
    )
    .bind(number)
    .bind(after.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes away what was said by servers of the same name before the one of this number began: those were
/// not ended but killed.
pub(super) async fn replace(pool: &PgPool, number: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM rowcast.server s \
          WHERE s.id IN (SELECT o.id FROM rowcast.server o \
                           JOIN rowcast.server n ON n.name = o.name AND n.id = $1 \
                          WHERE o.id < n.id AND o.seen_at <= n.started_at \
                            FOR UPDATE OF o SKIP LOCKED)",
    )
    .bind(number)
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes a server's rows away.
pub(super) async fn leave(pool: &PgPool, number: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.server WHERE id = $1")
        .bind(number)
        .execute(pool)
        .await?;
    Ok(())
}
