//! Removing what is about tables that are gone.

use sqlx::PgPool;

/// How many are removed at once: few enough for a short transaction.
const BATCH: i32 = 500;

/// Removes comments about rows of tables that are gone.
///
/// # Errors
/// The database's.
pub async fn tidy(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut removed = 1_i64;
    while removed > 0 {
        removed = sqlx::query_scalar("SELECT rowcast.tidy_comments($1)")
            .bind(BATCH)
            .fetch_one(pool)
            .await?;
    }
    Ok(())
}
