//! Sessions: what a browser has from signing in until it ends.

use std::{net::IpAddr, time::Duration};

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{PgPool, Row, postgres::PgRow};

use super::{
    account::failed,
    identity::AccountId,
    secret::{Digest, Secret},
};

/// After what time without a sign of a browser its session ends. A page that is open is one.
pub const IDLE: Duration = Duration::from_secs(7 * 86_400);

/// After what time it ends, whatever was done meanwhile.
pub const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The most sessions of an account; the one longest unused makes room.
const MAX: i64 = 100;

/// How much of what a browser calls itself is kept, in characters.
const USER_AGENT: usize = 300;

/// What is known of a browser.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Its address.
    pub address: IpAddr,
    /// What it calls itself.
    pub user_agent: String,
}

/// A session, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Names it.
    pub id: i64,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    pub created_at: String,
    /// When it was last used, to the minute.
    pub seen_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Where it began.
    pub address: Option<String>,
}

/// Begins a session; `provider`: by which one, if by any.
///
/// # Errors
/// Those of a write.
pub async fn begin(
    pool: &PgPool,
    account: AccountId,
    browser: &Browser,
    provider: Option<&str>,
) -> Result<Secret, ApiError> {
    let secret = Secret::new();
    let printable = browser.user_agent.chars().filter(|c| !c.is_control());
    let user_agent: String = printable.take(USER_AGENT).collect();
    let write = async {
        let mut transaction = pool.begin().await?;
        sqlx::query(
            "DELETE FROM rowcast.session WHERE id IN (SELECT s.id FROM rowcast.session s \
              WHERE s.account = $1 ORDER BY s.seen_at DESC, s.id DESC OFFSET $2)",
        )
        .bind(account.0)
        .bind(MAX - 1)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO rowcast.session (account, token_hash, expires_at, user_agent, address, \
                                          provider) \
             VALUES ($1, $2, now() + make_interval(secs => $3), $4, $5::inet, $6)",
        )
        .bind(account.0)
        .bind(&secret.digest().bytes()[..])
        .bind(LIFETIME.as_secs_f64())
        .bind(user_agent)
        .bind(browser.address.to_string())
        .bind(provider)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    };
    write.await.map_err(|error: sqlx::Error| failed(&error))?;
    Ok(secret)
}

/// Gives the session of that number another secret: whoever knew the one that it had is out.
///
/// # Errors
/// Those of a write.
pub async fn renew(pool: &PgPool, account: AccountId, id: i64) -> Result<Secret, ApiError> {
    let secret = Secret::new();
    sqlx::query("UPDATE rowcast.session SET token_hash = $1 WHERE id = $2 AND account = $3")
        .bind(&secret.digest().bytes()[..])
        .bind(id)
        .bind(account.0)
        .execute(pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(secret)
}

/// Ends a session; of whom, if there was one.
///
/// # Errors
/// Those of a write.
pub async fn end(pool: &PgPool, session: Digest) -> Result<Option<AccountId>, ApiError> {
    let account: Option<i64> =
        sqlx::query_scalar("DELETE FROM rowcast.session WHERE token_hash = $1 RETURNING account")
            .bind(&session.bytes()[..])
            .fetch_optional(pool)
            .await
            .map_err(|error| failed(&error))?;
    Ok(account.map(AccountId))
}

/// Ends the session of that number, of this account.
///
/// # Errors
/// `unknown_session`; those of a write.
pub async fn revoke(pool: &PgPool, account: AccountId, id: i64) -> Result<(), ApiError> {
    let ended = sqlx::query("DELETE FROM rowcast.session WHERE account = $1 AND id = $2")
        .bind(account.0)
        .bind(id)
        .execute(pool)
        .await
        .map_err(|error| failed(&error))?;
    match ended.rows_affected() {
        0 => Err(ApiError::new(
            "unknown_session",
            "there is no such session",
            "it may have ended meanwhile",
        )),
        _ => Ok(()),
    }
}

/// Ends all sessions of an account but that of this number, and says how many.
///
/// # Errors
/// Those of a write.
pub async fn revoke_others(
    pool: &PgPool,
    account: AccountId,
    keep: Option<i64>,
) -> Result<u64, ApiError> {
    let sql = "DELETE FROM rowcast.session WHERE account = $1 AND id IS DISTINCT FROM $2";
    let ended = sqlx::query(sql)
        .bind(account.0)
        .bind(keep)
        .execute(pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(ended.rows_affected())
}

/// An account's sessions, the one last used first.
///
/// # Errors
/// Those of a read.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    current: Option<i64>,
) -> Result<Vec<Session>, ApiError> {
    let rows = sqlx::query(
        "SELECT s.id, s.id IS NOT DISTINCT FROM $2, to_jsonb(s.created_at) #>> '{}', \
                to_jsonb(s.seen_at) #>> '{}', to_jsonb(s.expires_at) #>> '{}', s.user_agent, \
                host(s.address) \
           FROM rowcast.session s \
          WHERE s.account = $1 AND s.expires_at > now() \
            AND s.seen_at + make_interval(secs => $3) > now() \
          ORDER BY s.id IS NOT DISTINCT FROM $2 DESC, s.seen_at DESC, s.id DESC",
    )
    .bind(account.0)
    .bind(current)
    .bind(IDLE.as_secs_f64())
    .fetch_all(pool)
    .await;
    let sessions = rows.and_then(|rows| rows.iter().map(session).collect::<Result<_, _>>());
    sessions.map_err(|error| failed(&error))
}

/// Removes those that have ended.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM rowcast.session s WHERE s.expires_at < now() \
             OR s.seen_at + make_interval(secs => $1) < now()",
    )
    .bind(IDLE.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

fn session(row: &PgRow) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.try_get(0)?,
        current: row.try_get(1)?,
        created_at: row.try_get(2)?,
        seen_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
        user_agent: row.try_get(5)?,
        address: row.try_get(6)?,
    })
}
