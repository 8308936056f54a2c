//! The rows about servers.

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

/// Takes a server's rows away.
pub(super) async fn leave(pool: &PgPool, number: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.server WHERE id = $1")
        .bind(number)
        .execute(pool)
        .await?;
    Ok(())
}
