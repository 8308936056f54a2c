//! What an account was told, and what it makes of it.

use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::{
    auth::AccountId,
    error::{read_error, write_error},
};

/// A notification, as a page lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Names it.
    pub id: i64,
    /// What.
    pub title: String,
    /// More of it.
    pub body: String,
    /// Where it leads; empty: nowhere.
    pub link: String,
    /// Who said it.
    pub sender: String,
    /// When.
    pub at: String,
    /// Whether it was read.
    pub is_read: bool,
}

/// From when to when no browser shows notifications by itself, as `22:00`, by its own clock. One
/// that ends before it begins goes past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// From when.
    pub from: String,
    /// To when.
    pub to: String,
}

/// How an account wants to be told, and how much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// How many it has not read.
    pub unread: i64,
    /// Its quiet hours, if any.
    pub quiet: Option<Quiet>,
    /// How many were removed that it had not read, since it last marked several as read.
    pub lost: i64,
}

impl Quiet {
    /// The same with times that are some.
    ///
    /// # Errors
    /// `invalid_quiet_hours`.
    pub fn check(self) -> Result<Self, ApiError> {
        let is_time = |text: &str| {
            let (hours, minutes) = text.split_once(':').unwrap_or_default();
            let number = |text: &str, below: u8| {
                let is_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                is_digits && text.parse::<u8>().is_ok_and(|number| number < below)
            };
            number(hours, 24) && number(minutes, 60)
        };
        if is_time(&self.from) && is_time(&self.to) && self.from != self.to {
            return Ok(self);
        }
        Err(ApiError::new(
            "invalid_quiet_hours",
            "the quiet hours are none",
            "two different times, such as 22:00 and 07:00",
        ))
    }
}

/// An account's notifications before the one of that number, the newest first.
///
/// # Errors
/// Those of a read.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Kept>, ApiError> {
    let rows = sqlx::query(
        "SELECT n.id, n.title, n.body, n.link, n.sender, to_jsonb(n.at) #>> '{}', \
                n.read_at IS NOT NULL \
           FROM rowcast.notification n \
          WHERE n.account = $1 AND n.id < coalesce($2, 9223372036854775807) \
          ORDER BY n.id DESC LIMIT $3",
    )
    .bind(account.0)
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await;
    let kept = rows.and_then(|rows| rows.iter().map(kept).collect());
    kept.map_err(|error| read_error(&error, "rowcast.notification"))
}

/// How many an account has not read; of more than `most` that many.
///
/// # Errors
/// Those of a read.
pub async fn count_unread(pool: &PgPool, account: AccountId, most: i64) -> Result<i64, ApiError> {
    sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT FROM rowcast.notification n \
                                WHERE n.account = $1 AND n.read_at IS NULL LIMIT $2) AS unread",
    )
    .bind(account.0)
    .bind(most)
    .fetch_one(pool)
    .await
    .map_err(|error| read_error(&error, "rowcast.notification"))
}

/// How an account wants to be told.
///
/// # Errors
/// Those of a read.
pub async fn settings(pool: &PgPool, account: AccountId) -> Result<Settings, ApiError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM rowcast.notification n \
                  WHERE n.account = $1 AND n.read_at IS NULL), \
                to_char(s.quiet_from, 'HH24:MI'), to_char(s.quiet_to, 'HH24:MI'), \
                coalesce(s.lost, 0) \
           FROM (VALUES ($1)) AS whose (account) \
           LEFT JOIN rowcast.notification_setting s USING (account)",
    )
    .bind(account.0)
    .fetch_one(pool)
    .await;
    let settings = row.and_then(|row| {
        let (from, to): (Option<String>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Settings {
            unread: row.try_get(0)?,
            quiet: from.zip(to).map(|(from, to)| Quiet { from, to }),
            lost: row.try_get(3)?,
        })
    });
    settings.map_err(|error| read_error(&error, "rowcast.notification"))
}

/// Sets when an account is not to be disturbed.
///
/// # Errors
/// Those of a write.
pub async fn set_quiet(
    pool: &PgPool,
    account: AccountId,
    quiet: Option<&Quiet>,
) -> Result<(), ApiError> {
    sqlx::query(
        "INSERT INTO rowcast.notification_setting AS s (account, quiet_from, quiet_to) \
         VALUES ($1, $2::text::time, $3::text::time) \
         ON CONFLICT (account) DO UPDATE \
            SET quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to",
    )
    .bind(account.0)
    .bind(quiet.map(|quiet| &quiet.from))
    .bind(quiet.map(|quiet| &quiet.to))
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    Ok(())
}

/// Marks one of an account's notifications as read or not.
///
/// # Errors
/// `unknown_notification`; those of a write.
pub async fn mark(
    pool: &PgPool,
    account: AccountId,
    id: i64,
    is_read: bool,
) -> Result<(), ApiError> {
    let marked = sqlx::query(
        "UPDATE rowcast.notification n SET read_at = CASE WHEN $3 THEN coalesce(n.read_at, now()) END \
          WHERE n.account = $1 AND n.id = $2",
    )
    .bind(account.0)
    .bind(id)
    .bind(is_read)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    known(marked.rows_affected())
}

/// Marks those of these numbers as read, or all; says how many were not. Who does that is told of
/// what was removed unread.
///
/// # Errors
/// Those of a write.
pub async fn mark_read(
    pool: &PgPool,
    account: AccountId,
    ids: Option<&[i64]>,
) -> Result<u64, ApiError> {
    let marking = async {
        let mut transaction = pool.begin().await?;
        sqlx::query(
            "UPDATE rowcast.notification_setting SET lost = 0 WHERE account = $1 AND lost <> 0",
        )
        .bind(account.0)
        .execute(&mut *transaction)
        .await?;
        // In one order, so that two devices that do it at once don't wait for each other.
        let marked = sqlx::query(
            "UPDATE rowcast.notification n SET read_at = now() \
              WHERE n.id IN (SELECT o.id FROM rowcast.notification o \
                              WHERE o.account = $1 AND o.read_at IS NULL \
                                AND ($2::int8[] IS NULL OR o.id = ANY ($2)) \
                              ORDER BY o.id FOR UPDATE)",
        )
        .bind(account.0)
        .bind(ids)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(marked.rows_affected())
    };
    marking
        .await
        .map_err(|error: sqlx::Error| write_error(&error))
}

/// Removes one of an account's notifications.
///
/// # Errors
/// `unknown_notification`; those of a write.
pub async fn delete(pool: &PgPool, account: AccountId, id: i64) -> Result<(), ApiError> {
    let deleted = sqlx::query("DELETE FROM rowcast.notification WHERE account = $1 AND id = $2")
        .bind(account.0)
        .bind(id)
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
    known(deleted.rows_affected())
}

fn known(rows: u64) -> Result<(), ApiError> {
    match rows {
        0 => Err(ApiError::new(
            "unknown_notification",
            "you have no such notification",
            "it may have been removed meanwhile",
        )),
        _ => Ok(()),
    }
}

fn kept(row: &PgRow) -> Result<Kept, sqlx::Error> {
    Ok(Kept {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        body: row.try_get(2)?,
        link: row.try_get(3)?,
        sender: row.try_get(4)?,
        at: row.try_get(5)?,
        is_read: row.try_get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_are_two_times_of_day() {
        let quiet = |from: &str, to: &str| Quiet {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert!(quiet("22:00", "07:30").check().is_ok());
        assert!(quiet("00:00", "23:59").check().is_ok());
        for (from, to) in [
            ("22:00", "22:00"),
            ("24:00", "07:00"),
            ("22:60", "07:00"),
            ("22", "07:00"),
            ("+2:00", "07:00"),
            ("", ""),
        ] {
            assert!(quiet(from, to).check().is_err(), "{from} {to}");
        }
    }
}
