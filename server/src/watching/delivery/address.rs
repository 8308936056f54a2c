//! Where an account gets e-mail: an address of which its reader has said so, by a link.

use lettre::Address;
use rowcast_protocol::ApiError;
use sqlx::PgPool;

use crate::{
    auth::{
        AccountId,
        secret::{Digest, Secret},
    },
    error::{read_error, write_error},
    state::AppState,
    watching::{seen::unsuitable, store::no_mail},
};

/// How soon another letter may be asked for, in seconds.
const APART: f64 = 60.0;

/// How many letters an account has sent within a day.
const LETTERS: i32 = 5;

/// For how long the link holds.
const HOLDS: &str = "1 day";

/// The address of an account, and whether it is confirmed.
///
/// # Errors
/// Those of a read.
pub async fn of(pool: &PgPool, account: AccountId) -> Result<Option<(String, bool)>, ApiError> {
    sqlx::query_as(
        "SELECT m.address, m.confirmed_at IS NOT NULL FROM rowcast.account_mail m \
          WHERE m.account = $1 AND m.address IS NOT NULL",
    )
    .bind(account.0)
    .fetch_optional(pool)
    .await
    .map_err(|error| read_error(&error, "rowcast.account_mail"))
}

/// Sends a letter to an address, by which whoever reads it says that it is the account's. Until then
/// nothing else is sent there. An empty one is none.
///
/// # Errors
/// `invalid_watch`; those of a write.
pub async fn ask(state: &AppState, account: AccountId, address: &str) -> Result<(), ApiError> {
    let pool = &state.housekeeping;
    let address = address.trim();
    if address.is_empty() {
        // What counts the letters stays.
        sqlx::query(
            "UPDATE rowcast.account_mail \
                SET address = NULL, confirmed_at = NULL, token_hash = NULL WHERE account = $1",
        )
        .bind(account.0)
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
        return Ok(());
    }
    let mail = state.delivers.mail().ok_or_else(no_mail)?;
    if address.len() > 254 || address.parse::<Address>().is_err() {
        return Err(unsuitable("that is no address of e-mail"));
    }
    let secret = Secret::new();
    let kept = sqlx::query(
        "INSERT INTO rowcast.account_mail AS m (account, address, token_hash) VALUES ($1, $2, $3) \
         ON CONFLICT (account) DO UPDATE \
            SET address = excluded.address, token_hash = excluded.token_hash, \
                confirmed_at = NULL, asked_at = now(), \
                letters = CASE WHEN m.letters_since < now() - interval '1 day' THEN 1 \
                               ELSE m.letters + 1 END, \
                letters_since = CASE WHEN m.letters_since < now() - interval '1 day' THEN now() \
                                     ELSE m.letters_since END \
          WHERE m.asked_at < now() - make_interval(secs => $4) \
            AND (m.letters < $5 OR m.letters_since < now() - interval '1 day')",
    )
    .bind(account.0)
    .bind(address)
    .bind(&secret.digest().bytes()[..])
    .bind(APART)
    .bind(LETTERS)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    if kept.rows_affected() == 0 {
        return Err(ApiError::new(
            "too_many_requests",
            "a letter was sent a moment ago, or several within a day",
            "wait a minute; a day after the fifth",
        ));
    }
    let body = format!(
        "Somebody who uses Rowcast at {} wants to get e-mail at this address.\n\n\
         If that was you, open this within a day, where you are signed in:\n{}/watches/confirm?token={}\n\n\
         If it was not, do nothing.\n",
        state.delivers.origin(),
        state.delivers.origin(),
        secret.reveal(),
    );
    let name = Secret::new();
    let sent = mail
        .write(address, "Is this your address?", body, name.reveal())
        .await;
    sent.map_err(|why| unsuitable(&format!("the letter could not be sent: {why}")))
}

/// Whoever has the letter says that the address is the account's.
///
/// # Errors
/// `invalid_watch` if it is not what the account was sent, or not any more; those of a write.
pub async fn confirm(pool: &PgPool, account: AccountId, token: &str) -> Result<(), ApiError> {
    let refused = || unsuitable("that link holds no more, or is of another account");
    let digest = Digest::of_secret(token).ok_or_else(refused)?;
    let sql = format!(
        "UPDATE rowcast.account_mail SET confirmed_at = now(), token_hash = NULL \
          WHERE account = $1 AND token_hash = $2 AND asked_at > now() - interval '{HOLDS}'"
    );
    let confirmed = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account.0)
        .bind(&digest.bytes()[..])
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
    match confirmed.rows_affected() {
        0 => Err(refused()),
        _ => Ok(()),
    }
}
