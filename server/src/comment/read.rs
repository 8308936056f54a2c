//! Reading a thread for a page that is sent whole. Where scripts run, a live query goes on from there.

use rowcast_protocol::ApiError;
use sqlx::{PgPool, Row, postgres::PgRow};

use super::Thread;
use crate::error::read_error;

/// How many of a thread are on a page: the newest.
pub const SHOWN: i64 = 200;

/// A comment, as a page lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Names it.
    pub id: i64,
    /// Who wrote it.
    pub author: i64,
    /// What they were called.
    pub author_name: String,
    /// In Markdown; empty: it was deleted.
    pub body: String,
    /// When.
    pub at: String,
    /// Whether it says something else than at first.
    pub is_edited: bool,
    /// Whether it is gone.
    pub is_deleted: bool,
}

/// Some comments of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// They, in the order in which they were written.
    pub comments: Vec<Comment>,
    /// Whether there are some before them.
    pub has_earlier: bool,
    /// Whether there are some behind them.
    pub has_later: bool,
}

/// The newest comments of a thread, or those before the one of that number.
///
/// # Errors
/// Those of a read.
pub async fn page(pool: &PgPool, thread: &Thread, before: Option<i64>) -> Result<Page, ApiError> {
    let rows = sqlx::query(
        "WITH of_it AS (SELECT t.id FROM rowcast.comment_table t \
                          WHERE t.relation = $1::int8::oid::regclass) \
         SELECT c.id, c.author, c.author_name, c.body, to_jsonb(c.at) #>> '{}', \
                c.edited_at IS NOT NULL, c.deleted_at IS NOT NULL, \
                EXISTS (SELECT FROM rowcast.comment o \
                         WHERE o.table_id = c.table_id AND o.key = $2 AND o.id >= $4) \
           FROM rowcast.comment c WHERE c.table_id = (SELECT id FROM of_it) AND c.key = $2 AND c.id < $4 \
          ORDER BY c.id DESC LIMIT $3",
    )
    .bind(i64::from(thread.table.oid))
    .bind(&thread.key)
    .bind(SHOWN + 1)
    .bind(before.unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await;
    let found = rows.and_then(|rows| {
        let shown = rows.iter().take(SHOWN as usize).rev();
        Ok(Page {
            has_earlier: rows.len() > SHOWN as usize,
            has_later: rows.first().map_or(Ok(false), |row| row.try_get(7))?,
            comments: shown.map(read).collect::<Result<_, _>>()?,
        })
    });
    found.map_err(|error| read_error(&error, "rowcast.comment"))
}

/// What a comment of a thread says now that its author is to change; `None`: there is no such one of theirs.
///
/// # Errors
/// Those of a read.
pub async fn own_body(
    pool: &PgPool,
    thread: &Thread,
    id: i64,
    author: i64,
) -> Result<Option<String>, ApiError> {
    sqlx::query_scalar(
        "SELECT c.body FROM rowcast.comment c JOIN rowcast.comment_table t ON t.id = c.table_id \
          WHERE c.id = $1 AND c.author = $2 AND c.key = $3 AND c.deleted_at IS NULL \
            AND t.relation = $4::int8::oid::regclass",
    )
    .bind(id)
    .bind(author)
    .bind(&thread.key)
    .bind(i64::from(thread.table.oid))
    .fetch_optional(pool)
    .await
    .map_err(|error| read_error(&error, "rowcast.comment"))
}

fn read(row: &PgRow) -> Result<Comment, sqlx::Error> {
    Ok(Comment {
        id: row.try_get(0)?,
        author: row.try_get(1)?,
        author_name: row.try_get(2)?,
        body: row.try_get(3)?,
        at: row.try_get(4)?,
        is_edited: row.try_get(5)?,
        is_deleted: row.try_get(6)?,
    })
}
