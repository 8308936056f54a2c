//! Who is writing a post at the moment.

use rowcast_protocol::ApiError;
use sqlx::PgPool;

use super::Channel;
use crate::{auth::AccountId, error::write_error};

/// How much time passes at least between two writes of the same, in seconds.
const APART: f64 = 2.0;

/// Says that somebody is writing. What was said a moment ago is not written again.
///
/// # Errors
/// Those of a write.
pub async fn say(
    pool: &PgPool,
    channel: &Channel,
    (account, name): (AccountId, &str),
) -> Result<(), ApiError> {
    sqlx::query(
        "INSERT INTO rowcast.typing AS t (channel, account, is_private, name, at) \
         VALUES ($1, $2, $3, $4, now()) \
         ON CONFLICT (channel, account) DO UPDATE SET name = excluded.name, at = excluded.at \
          WHERE t.at < now() - make_interval(secs => $5)",
    )
    .bind(channel.id)
    .bind(account.0)
    .bind(channel.private)
    .bind(name)
    .bind(APART)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    Ok(())
}
