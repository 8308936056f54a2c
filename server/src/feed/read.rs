//! Reading posts for a page that is sent whole. Where scripts run, live queries go on from there.

use rowcast_protocol::ApiError;
use sqlx::{PgPool, Row, postgres::PgRow};

use super::unknown_post;
use crate::{
    auth::{AccountId, Identity},
    error::read_error,
};

/// How many are on a page.
pub const SHOWN: i64 = 50;

/// How many of those are before the one that a page is about.
const BEFORE: i64 = 15;

/// How many are found by words.
const FOUND: i64 = 50;

/// A post, as a page lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Names it.
    pub id: i64,
    /// The channel's name.
    pub channel: String,
    /// Who wrote it; `None`: a program.
    pub author: Option<i64>,
    /// What they were called.
    pub author_name: String,
    /// In Markdown; empty: it was deleted.
    pub body: String,
    /// What it answers: its number, who wrote it and what.
    pub reply_to: Option<(i64, String, String)>,
    /// The reactions, as JSON.
    pub reactions: String,
    /// Those of them that the reader's own are among.
    pub own_reactions: Vec<String>,
    /// When.
    pub at: String,
    /// Whether it says something else than at first.
    pub is_edited: bool,
    /// Whether it is gone.
    pub is_deleted: bool,
}

/// Some posts of a channel, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// They.
    pub posts: Vec<Post>,
    /// How many there are before them.
    pub offset: i64,
    /// How many there are in all.
    pub total: i64,
}

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// The last.
    Newest,
    /// Those before the post of that number.
    Before(i64),
    /// Those that begin with the post of that number, or the next.
    From(i64),
    /// Those around it.
    Post(i64),
}

const COLUMNS: &str = "p.id, c.name, p.author, p.author_name, p.body, \
    r.id, r.author_name, left(r.body, 160), p.reactions, \
    ARRAY(SELECT o.emoji FROM rowcast.reaction o WHERE o.post = p.id AND o.account = $1), \
    to_jsonb(p.at) #>> '{}', p.edited_at IS NOT NULL, p.deleted_at IS NOT NULL";

const FROM: &str = "rowcast.post p JOIN rowcast.channel c ON c.id = p.channel \
    LEFT JOIN rowcast.post r ON r.id = p.reply_to AND r.channel = p.channel";

/// Some posts of a channel, as `reader` sees them, who is in it.
///
/// # Errors
/// Those of a read.
pub async fn page(
    pool: &PgPool,
    channel: i64,
    reader: AccountId,
    around: Around,
) -> Result<Page, ApiError> {
    let (test, order) = match around {
        Around::Newest => ("p.id > $3", "DESC"),
        Around::Before(_) => ("p.id < $3", "DESC"),
        Around::From(_) => ("p.id >= $3", "ASC"),
        Around::Post(_) => (
            "p.id >= coalesce((SELECT min(b.id) FROM (SELECT b.id FROM rowcast.post b \
                WHERE b.channel = $2 AND b.id < $3 ORDER BY b.id DESC LIMIT $5) AS b), 0)",
            "ASC",
        ),
    };
    let id = match around {
        Around::Newest => 0,
        Around::Before(id) | Around::From(id) | Around::Post(id) => id,
    };
    let sql = format!(
        "WITH chosen AS MATERIALIZED ( \
             SELECT p.id FROM rowcast.post p WHERE p.channel = $2 AND {test} AND $5 >= 0 \
              ORDER BY p.id {order} LIMIT $4) \
         SELECT {COLUMNS}, \
                (SELECT count(*) FROM rowcast.post b WHERE b.channel = $2 AND b.id < (SELECT min(id) FROM chosen)), \
                (SELECT count(*) FROM rowcast.post b WHERE b.channel = $2) \
           FROM {FROM} WHERE p.id IN (SELECT id FROM chosen) ORDER BY p.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(reader.0)
        .bind(channel)
        .bind(id)
        .bind(SHOWN)
        .bind(BEFORE)
        .fetch_all(pool)
        .await;
    let page = rows.and_then(|rows| {
        let (offset, total) = match rows.first() {
            Some(row) => (row.try_get(13)?, row.try_get(14)?),
            None => (0, 0),
        };
        Ok(Page {
            posts: rows.iter().map(post_of).collect::<Result<_, _>>()?,
            offset,
            total,
        })
    });
    page.map_err(|error| read_error(&error, "rowcast.post"))
}

/// One post of a channel.
///
/// # Errors
/// `unknown_post`; those of a read.
pub async fn post(
    pool: &PgPool,
    channel: i64,
    reader: AccountId,
    id: i64,
) -> Result<Post, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE p.channel = $2 AND p.id = $3");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(reader.0)
        .bind(channel)
        .bind(id)
        .fetch_optional(pool)
        .await;
    let found = row.and_then(|row| row.map(|row| post_of(&row)).transpose());
    found
        .map_err(|error| read_error(&error, "rowcast.post"))?
        .ok_or_else(unknown_post)
}

/// The newest posts that contain all of these words, in the channels that somebody is in; in one of
/// them alone, if it is named.
///
/// # Errors
/// `no_account`; those of a read.
pub async fn search(
    pool: &PgPool,
    identity: &Identity,
    channel: Option<i64>,
    words: &str,
) -> Result<Vec<Post>, ApiError> {
    let (reader, _) = super::participant(identity)?;
    let patterns: Vec<String> = words.split_whitespace().take(10).map(containing).collect();
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} \
          WHERE (NOT p.is_private OR EXISTS (SELECT FROM rowcast.channel_member m \
                                              WHERE m.channel = p.channel AND m.account = $1)) \
            AND ($2::int8 IS NULL OR p.channel = $2) AND p.body ILIKE ALL ($3) \
          ORDER BY p.id DESC LIMIT $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(reader.0)
        .bind(channel)
        .bind(patterns)
        .bind(FOUND)
        .fetch_all(pool)
        .await;
    let posts = rows.and_then(|rows| rows.iter().map(post_of).collect());
    posts.map_err(|error| read_error(&error, "rowcast.post"))
}

/// The pattern of what contains a word.
fn containing(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn post_of(row: &PgRow) -> Result<Post, sqlx::Error> {
    let answered: (Option<i64>, Option<String>, Option<String>) =
        (row.try_get(5)?, row.try_get(6)?, row.try_get(7)?);
    Ok(Post {
        id: row.try_get(0)?,
        channel: row.try_get(1)?,
        author: row.try_get(2)?,
        author_name: row.try_get(3)?,
        body: row.try_get(4)?,
        reply_to: match answered {
            (Some(id), Some(author), Some(body)) => Some((id, author, body)),
            _ => None,
        },
        reactions: row.try_get(8)?,
        own_reactions: row.try_get(9)?,
        at: row.try_get(10)?,
        is_edited: row.try_get(11)?,
        is_deleted: row.try_get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_no_pattern() {
        assert_eq!(containing("50%_a\\"), "%50\\%\\_a\\\\%");
    }
}
