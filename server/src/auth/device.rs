//! Browsers that have signed in to an account before.

use std::time::Duration;

use rowcast_protocol::ApiError;
use sqlx::PgPool;

use super::{
    account::failed,
    identity::AccountId,
    secret::{Digest, Secret},
};

/// How long a browser is known that is not heard of.
pub const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The most browsers of an account; the one longest unheard of makes room.
const MAX: i64 = 50;

/// Makes a browser known by the secret it has, or else by a new one that it is to keep.
///
/// # Errors
/// Those of a write.
pub async fn remember(
    pool: &PgPool,
    account: AccountId,
    device: Option<Digest>,
) -> Result<Option<Secret>, ApiError> {
    if let Some(device) = device {
        let sql =
            "UPDATE rowcast.device SET seen_at = now() WHERE token_hash = $1 AND account = $2";
        let known = sqlx::query(sql)
            .bind(&device.bytes()[..])
            .bind(account.0)
            .execute(pool)
            .await
            .map_err(|error| failed(&error))?;
        if known.rows_affected() > 0 {
            return Ok(None);
        }
    }
    let secret = Secret::new();
    let write = async {
        sqlx::query(
            "DELETE FROM rowcast.device WHERE token_hash IN (SELECT d.token_hash \
               FROM rowcast.device d WHERE d.account = $1 ORDER BY d.seen_at DESC OFFSET $2)",
        )
        .bind(account.0)
        .bind(MAX - 1)
        .execute(pool)
        .await?;
        sqlx::query("INSERT INTO rowcast.device (token_hash, account) VALUES ($1, $2)")
            .bind(&secret.digest().bytes()[..])
            .bind(account.0)
            .execute(pool)
            .await
    };
    write.await.map_err(|error| failed(&error))?;
    Ok(Some(secret))
}

/// Removes those that are known no more.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.device WHERE seen_at < now() - make_interval(secs => $1)")
        .bind(KEPT.as_secs_f64())
        .execute(pool)
        .await?;
    Ok(())
}
