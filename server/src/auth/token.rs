//! API tokens: what programs prove themselves by.

use std::time::Duration;

use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow};

use super::{
    account::failed,
    identity::{AccountId, Scope},
    secret::Secret,
};

/// The most tokens of an account.
const MAX: i64 = 100;

/// The most characters of a token's name.
const NAME_LONGEST: usize = 100;

/// A token, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Names it.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// How far it reaches.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends; `None`: never.
    pub expires_at: Option<String>,
    /// When it was last used, to the minute; `None`: never.
    pub last_used_at: Option<String>,
}

/// What a token is to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// How far it is to reach.
    pub scopes: Vec<String>,
    /// For how long: `30d`; `never`, or nothing, is for ever.
    #[serde(default)]
    pub expires: Option<String>,
}

const COLUMNS: &str = "t.id, t.name, t.scopes, to_jsonb(t.created_at) #>> '{}', \
     to_jsonb(t.expires_at) #>> '{}', to_jsonb(t.last_used_at) #>> '{}'";

/// Makes a token, and its secret, which nobody can be told again.
///
/// # Errors
/// `invalid_token`, `name_taken`, `too_many_tokens`; those of a write.
pub async fn create(
    pool: &PgPool,
    account: AccountId,
    new: &NewToken,
) -> Result<(Token, Secret), ApiError> {
    let (name, scopes, lasts) = check(new)?;
    let secret = Secret::for_token();
    let sql = format!(
        "INSERT INTO rowcast.token AS t (account, name, token_hash, scopes, expires_at) \
         SELECT $1, $2, $3, $4, now() + make_interval(secs => $5) \
          WHERE (SELECT count(*) FROM rowcast.token k WHERE k.account = $1 \
                    AND k.revoked_at IS NULL) < $6 \
         RETURNING {COLUMNS}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account.0)
        .bind(name)
        .bind(&secret.digest().bytes()[..])
        .bind(scopes)
        .bind(lasts.map(|lasts| lasts.as_secs_f64()))
        .bind(MAX)
        .fetch_optional(pool)
        .await;
    let token = row.and_then(|row| row.as_ref().map(token).transpose());
    match token {
        Ok(Some(token)) => Ok((token, secret)),
        Ok(None) => Err(ApiError::new(
            "too_many_tokens",
            format!("the account has {MAX} tokens"),
            "revoke one that is not used any more",
        )),
        Err(error) => Err(refused(&error)),
    }
}

/// An account's tokens that were not revoked, by name.
///
/// # Errors
/// Those of a read.
pub async fn list(pool: &PgPool, account: AccountId) -> Result<Vec<Token>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.token t \
          WHERE t.account = $1 AND t.revoked_at IS NULL ORDER BY t.name"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account.0)
        .fetch_all(pool)
        .await;
    let tokens = rows.and_then(|rows| rows.iter().map(token).collect::<Result<_, _>>());
    tokens.map_err(|error| failed(&error))
}

/// Revokes the token of that number, of this account.
///
/// # Errors
/// `unknown_token`; those of a write.
pub async fn revoke(pool: &PgPool, account: AccountId, id: i64) -> Result<(), ApiError> {
    let revoked = sqlx::query(
        "UPDATE rowcast.token SET revoked_at = now() \
          WHERE account = $1 AND id = $2 AND revoked_at IS NULL",
    )
    .bind(account.0)
    .bind(id)
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    match revoked.rows_affected() {
        0 => Err(ApiError::new(
            "unknown_token",
            "there is no such token",
            "it may have been revoked meanwhile",
        )),
        _ => Ok(()),
    }
}

/// Removes tokens that were revoked long ago: the audit log knows of them.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.token t WHERE t.revoked_at < now() - interval '1 day'")
        .execute(pool)
        .await?;
    Ok(())
}

/// For how long: a number and `s`, `m`, `h` or `d`, a minute to ten years; `never` is `None`.
///
/// # Errors
/// `invalid_token`.
pub fn lasting(text: &str) -> Result<Option<Duration>, ApiError> {
    let text = text.trim();
    if text == "never" {
        return Ok(None);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 0,
    };
    let seconds = digits.parse::<u64>().unwrap_or(0).saturating_mul(unit);
    match seconds {
        60..=315_360_000 => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(invalid(
            "the time that it lasts is none",
            "a number and s, m, h or d, from 1m to 3650d, or never",
        )),
    }
}

fn check(new: &NewToken) -> Result<(&str, Vec<&'static str>, Option<Duration>), ApiError> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME_LONGEST || name.contains(char::is_control) {
        return Err(invalid("its name is none", "1 to 100 characters"));
    }
    let mut widest = None;
    for scope in &new.scopes {
        let scope = Scope::named(scope)
            .ok_or_else(|| invalid("it has a scope that there is not", "read, write or admin"))?;
        widest = widest.max(Some(scope));
    }
    let widest = widest.ok_or_else(|| invalid("it has no scope", "read, write or admin"))?;
    let scopes = Scope::ALL.into_iter().filter(|scope| *scope <= widest);
    let lasts = new.expires.as_deref().map_or(Ok(None), lasting)?;
    Ok((name, scopes.map(Scope::name).collect(), lasts))
}

fn invalid(why: &str, hint: &str) -> ApiError {
    ApiError::new(
        "invalid_token",
        format!("that token can't be made: {why}"),
        hint,
    )
}

fn refused(error: &sqlx::Error) -> ApiError {
    let constraint = error
        .as_database_error()
        .and_then(|error| error.constraint());
    match constraint {
        Some("token_name") => ApiError::new(
            "name_taken",
            "there is a token of that name already",
            "choose another name, or revoke that one",
        ),
        _ => failed(error),
    }
}

fn token(row: &PgRow) -> Result<Token, sqlx::Error> {
    Ok(Token {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scopes: row.try_get(2)?,
        created_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
        last_used_at: row.try_get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, scopes: &[&str], expires: Option<&str>) -> NewToken {
        NewToken {
            name: name.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires: expires.map(str::to_owned),
        }
    }

    #[test]
    fn a_scope_includes_those_below_it() {
        let scopes = |scopes: &[&str]| check(&new("ci", scopes, None)).map(|(_, scopes, _)| scopes);
        assert_eq!(scopes(&["read"]), Ok(vec!["read"]));
        assert_eq!(scopes(&["write"]), Ok(vec!["read", "write"]));
        assert_eq!(
            scopes(&["admin", "read"]),
            Ok(vec!["read", "write", "admin"])
        );
        assert!(scopes(&[]).is_err() && scopes(&["root"]).is_err());
    }

    #[test]
    fn a_token_has_a_name_and_an_end_or_none() {
        assert!(check(&new("  ", &["read"], None)).is_err());
        assert!(check(&new(&"é".repeat(101), &["read"], None)).is_err());
        assert!(check(&new("a\nb", &["read"], None)).is_err());
        assert!(check(&new(&"é".repeat(100), &["read"], Some("30d"))).is_ok());
        assert_eq!(lasting("30d"), Ok(Some(Duration::from_secs(30 * 86_400))));
        assert_eq!(lasting("never"), Ok(None));
        for wrong in [
            "",
            "30",
            "d",
            "1s",
            "3651d",
            "-1d",
            "1.5h",
            "99999999999999999999d",
        ] {
            assert!(lasting(wrong).is_err(), "{wrong}");
        }
    }
}
