//! Writing posts, and what is done with them.

use rowcast_protocol::ApiError;
use serde::Deserialize;
use sqlx::PgPool;

use super::{Channel, refused, unknown_post};
use crate::{auth::AccountId, error::write_error};

/// What is posted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// In Markdown.
    pub body: String,
    /// The post that it answers.
    #[serde(default)]
    pub reply_to: Option<i64>,
}

/// Posts into a channel, and says the post's number. Whoever posts has read what was there.
///
/// # Errors
/// `not_allowed`, `invalid_post`, `unknown_channel`; those of a write.
pub async fn add(
    pool: &PgPool,
    channel: &Channel,
    (author, name): (AccountId, &str),
    new: &Added,
) -> Result<i64, ApiError> {
    if !channel.may_post {
        return Err(ApiError::new(
            "not_allowed",
            match channel.archived {
                true => "the channel is archived: nobody posts in it any more",
                false => "only some may post in this channel",
            },
            "an administrator may allow it",
        ));
    }
    sqlx::query_scalar("SELECT rowcast.put_post($1, $2, $3, $4, $5, $6)")
        .bind(channel.id)
        .bind(author.0)
        .bind(name)
        .bind(&new.body)
        .bind(new.reply_to)
        .bind(rowcast_app::feed::named_in(&new.body))
        .fetch_one(pool)
        .await
        .map_err(|error| refused(&error))
}

/// Posts into a channel as a program, and notes that; says the post's number.
///
/// # Errors
/// `unknown_channel`, `invalid_post`; those of a write.
pub async fn send(pool: &PgPool, sender: &str, channel: &str, body: &str) -> Result<i64, ApiError> {
    sqlx::query_scalar(
        "WITH sent AS MATERIALIZED ( \
             SELECT rowcast.put_post(coalesce((SELECT c.id FROM rowcast.channel c \
                                                WHERE c.name = lower(btrim($2))), 0), NULL, $1, $3, NULL, $4) AS id), \
              noted AS MATERIALIZED ( \
                  SELECT rowcast.note('post_sent', details => jsonb_build_object('post', s.id)) AS entry \
                    FROM sent s) \
         SELECT s.id FROM sent s, noted n WHERE n.entry IS NOT NULL",
    )
    .bind(sender)
    .bind(channel)
    .bind(body)
    .bind(rowcast_app::feed::named_in(body))
    .fetch_one(pool)
    .await
    .map_err(|error| refused(&error))
}

/// Changes what somebody wrote.
///
/// # Errors
/// `unknown_post`, `invalid_post`; those of a write.
pub async fn edit(pool: &PgPool, author: AccountId, id: i64, body: &str) -> Result<(), ApiError> {
    let done = sqlx::query_scalar("SELECT rowcast.edit_post($1, $2, $3, $4)")
        .bind(id)
        .bind(author.0)
        .bind(body)
        .bind(rowcast_app::feed::named_in(body))
        .fetch_one(pool)
        .await;
    known(done)
}

/// Takes away what somebody wrote; its place stays.
///
/// # Errors
/// `unknown_post`; those of a write.
pub async fn delete(pool: &PgPool, author: AccountId, id: i64) -> Result<(), ApiError> {
    let done = sqlx::query_scalar("SELECT rowcast.delete_post($1, $2)")
        .bind(id)
        .bind(author.0)
        .fetch_one(pool)
        .await;
    known(done)
}

/// Adds somebody's reaction to a post, or takes it away.
///
/// # Errors
/// `unknown_post`, `invalid_reaction`; those of a write.
pub async fn react(
    pool: &PgPool,
    account: AccountId,
    id: i64,
    emoji: &str,
    wanted: bool,
) -> Result<(), ApiError> {
    if !rowcast_app::feed::EMOJI.contains(&emoji) {
        return Err(ApiError::new(
            "invalid_reaction",
            "that is no reaction",
            format!("one of {}", rowcast_app::feed::EMOJI.join(" ")),
        ));
    }
    let done = sqlx::query_scalar("SELECT rowcast.react($1, $2, $3, $4)")
        .bind(id)
        .bind(account.0)
        .bind(emoji)
        .bind(wanted)
        .fetch_one(pool)
        .await;
    known(done)
}

/// Notes that somebody has read a channel up to a post. It does not go back.
///
/// # Errors
/// Those of a write.
pub async fn mark_read(
    pool: &PgPool,
    channel: &Channel,
    account: AccountId,
    to: i64,
) -> Result<(), ApiError> {
    // No further than there are posts: what comes has not been read.
    sqlx::query(
        "INSERT INTO rowcast.channel_member AS m (channel, account, read_to) \
         SELECT $1::int8, $2::int8, p.id FROM (SELECT max(p.id) AS id FROM rowcast.post p \
                                    WHERE p.channel = $1 AND p.id <= $3) AS p \
          WHERE p.id IS NOT NULL AND rowcast.is_in_channel($2, $1) \
         ON CONFLICT (channel, account) DO UPDATE SET read_to = excluded.read_to \
          WHERE m.read_to < excluded.read_to",
    )
    .bind(channel.id)
    .bind(account.0)
    .bind(to)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    Ok(())
}

/// Sets whether somebody is told of nothing in a channel.
///
/// # Errors
/// Those of a write.
pub async fn set_muted(
    pool: &PgPool,
    channel: &Channel,
    account: AccountId,
    is_muted: bool,
) -> Result<(), ApiError> {
    sqlx::query(
        "INSERT INTO rowcast.channel_member AS m (channel, account, is_muted) \
         SELECT $1::int8, $2::int8, $3::bool WHERE rowcast.is_in_channel($2, $1) \
         ON CONFLICT (channel, account) DO UPDATE SET is_muted = excluded.is_muted \
          WHERE m.is_muted <> excluded.is_muted",
    )
    .bind(channel.id)
    .bind(account.0)
    .bind(is_muted)
    .execute(pool)
    .await
    .map_err(|error| write_error(&error))?;
    Ok(())
}

fn known(done: Result<bool, sqlx::Error>) -> Result<(), ApiError> {
    match done {
        Ok(true) => Ok(()),
        Ok(false) => Err(unknown_post()),
        Err(error) => Err(refused(&error)),
    }
}
