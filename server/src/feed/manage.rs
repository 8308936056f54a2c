//! Making channels, and saying who is in them: that is for administrators.

use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row};

use super::{Channel, Kind, unknown_channel};
use crate::{
    auth::{AccountId, account::unknown_account},
    error::{read_error, sqlstate, write_error},
};

/// The most channels that there may be.
const MOST: i64 = 1_000;

/// The most characters of a topic.
const TOPIC: usize = 500;

/// A channel to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// As its address has it.
    pub name: String,
    /// Who posts.
    pub kind: Kind,
    /// Whether those alone are in it who are let in.
    #[serde(default)]
    pub private: bool,
    /// What it is about.
    #[serde(default)]
    pub topic: String,
}

/// What a channel becomes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Altered {
    /// What it is about.
    pub topic: Option<String>,
    /// Whether nobody posts any more.
    pub archived: Option<bool>,
}

/// Somebody in a private channel, or who may post in announcements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The account's number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Whether they may post in announcements.
    pub may_post: bool,
}

/// Makes a channel; who makes a private one is in it.
///
/// # Errors
/// `invalid_channel`, `name_taken`, `too_many_channels`; those of a write.
pub async fn create(pool: &PgPool, maker: AccountId, new: &New) -> Result<i64, ApiError> {
    let name = new.name.trim();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_name = (1..=63).contains(&name.len())
        && name.bytes().next().is_some_and(is_plain)
        && name
            .bytes()
            .all(|byte| is_plain(byte) || b"-_".contains(&byte));
    // Its address would be that of something else.
    if !is_name || ["channels", "images", "search"].contains(&name) {
        return Err(invalid(
            "that name can't be taken",
            "1 to 63 lower-case letters, digits, - and _, beginning with a letter or digit",
        ));
    }
    let topic = topic(&new.topic)?;
    let made: Result<Option<i64>, sqlx::Error> = sqlx::query_scalar(
        "WITH made AS ( \
             INSERT INTO rowcast.channel (name, kind, is_private, topic) \
             SELECT $1::text, $2::text, $3::bool, $4::text \
              WHERE (SELECT count(*) FROM rowcast.channel) < $5 RETURNING id), \
         joined AS ( \
             INSERT INTO rowcast.channel_member (channel, account) \
             SELECT id, $6::int8 FROM made WHERE $3::bool RETURNING channel) \
         SELECT id FROM made LEFT JOIN joined ON true",
    )
    .bind(name)
    .bind(new.kind.name())
    .bind(new.private)
    .bind(topic)
    .bind(MOST)
    .bind(maker.0)
    .fetch_optional(pool)
    .await;
    match made {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(ApiError::new(
            "too_many_channels",
            format!("there are {MOST} channels already"),
            "",
        )),
        Err(error) if &*sqlstate(&error) == "23505" => Err(ApiError::new(
            "name_taken",
            format!("there is a channel {name} already"),
            "",
        )),
        Err(error) => Err(write_error(&error)),
    }
}

/// Makes a channel another.
///
/// # Errors
/// `invalid_channel`; those of a write.
pub async fn alter(pool: &PgPool, channel: &Channel, altered: &Altered) -> Result<(), ApiError> {
    let topic = altered.topic.as_deref().map(topic).transpose()?;
    let done = sqlx::query(
        "UPDATE rowcast.channel SET topic = coalesce($2, topic), \
                archived_at = CASE WHEN $3 THEN coalesce(archived_at, now()) \
                                   WHEN NOT $3 THEN NULL ELSE archived_at END \
          WHERE id = $1",
    )
    .bind(channel.id)
    .bind(topic)
    .bind(altered.archived)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    match done.rows_affected() {
        0 => Err(unknown_channel()),
        _ => Ok(()),
    }
}

/// Who is in a private channel, and who may post in announcements, by name.
///
/// # Errors
/// Those of a read.
pub async fn members(pool: &PgPool, channel: &Channel) -> Result<Vec<Member>, ApiError> {
    let rows = sqlx::query(
        "SELECT m.account, a.name, m.may_post \
           FROM rowcast.channel_member m JOIN rowcast.account a ON a.id = m.account \
          WHERE m.channel = $1 AND ($2 OR m.may_post) ORDER BY lower(a.name)",
    )
    .bind(channel.id)
    .bind(channel.private)
    .fetch_all(pool)
    .await;
    let members = rows.and_then(|rows| {
        let read = rows.iter().map(|row| {
            Ok(Member {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                may_post: row.try_get(2)?,
            })
        });
        read.collect()
    });
    members.map_err(|error| read_error(&error, "rowcast.channel_member"))
}

/// Lets somebody in, and says whether they may post in announcements. Returns who that is.
///
/// # Errors
/// `unknown_account`; those of a write.
pub async fn set_member(
    pool: &PgPool,
    channel: &Channel,
    user: &str,
    may_post: bool,
) -> Result<AccountId, ApiError> {
    let account: Option<i64> = sqlx::query_scalar(
        "INSERT INTO rowcast.channel_member AS m (channel, account, may_post, read_to) \
         SELECT $1::int8, a.id, $3::bool, \
                coalesce((SELECT max(p.id) FROM rowcast.post p WHERE p.channel = $1::int8), 0) \
           FROM (SELECT rowcast.account_of($2)) AS a (id) WHERE a.id IS NOT NULL \
         ON CONFLICT (channel, account) DO UPDATE SET may_post = excluded.may_post \
         RETURNING m.account",
    )
    .bind(channel.id)
    .bind(user)
    .bind(may_post)
    .fetch_optional(pool)
    .await
    .map_err(|error| write_error(&error))?;
    account.map(AccountId).ok_or_else(unknown_account)
}

/// Puts somebody out; of a channel that is not private it takes the right to post. Returns who that
/// is.
///
/// # Errors
/// `unknown_account`; those of a write.
pub async fn remove_member(
    pool: &PgPool,
    channel: &Channel,
    user: &str,
) -> Result<AccountId, ApiError> {
    let account: Option<Option<i64>> = sqlx::query_scalar(
        "WITH whose AS (SELECT rowcast.account_of($2) AS id), \
              gone AS (DELETE FROM rowcast.channel_member m USING whose w \
                        WHERE $3 AND m.channel = $1 AND m.account = w.id), \
              kept AS (UPDATE rowcast.channel_member m SET may_post = false FROM whose w \
                        WHERE NOT $3 AND m.channel = $1 AND m.account = w.id AND m.may_post) \
         SELECT id FROM whose",
    )
    .bind(channel.id)
    .bind(user)
    .bind(channel.private)
    .fetch_optional(pool)
    .await
    .map_err(|error| write_error(&error))?;
    account.flatten().map(AccountId).ok_or_else(unknown_account)
}

fn topic(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.chars().count() > TOPIC || text.chars().any(char::is_control) {
        return Err(invalid(
            "the topic is too long, or holds control characters",
            "at most 500 characters on one line",
        ));
    }
    Ok(text)
}

fn invalid(message: &str, hint: &str) -> ApiError {
    ApiError::new("invalid_channel", message, hint)
}
