//! Writing comments, and what is done with them.

use rowcast_protocol::ApiError;
use serde::Deserialize;
use sqlx::{PgPool, Row};

use super::{Thread, participant, refused, unknown_comment};
use crate::{
    auth::{Identity, absent},
    error::read_error,
    history::address::key_values,
    permission::{Seen, path::path},
    state::AppState,
    write::key::encode_segment,
};

/// How many of those who wrote in a thread before are told of what comes: the last ones.
const OTHERS: i64 = 50;

/// What is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// In Markdown.
    pub body: String,
}

/// Writes a comment about a row that whoever writes it sees, and says its number.
///
/// # Errors
/// `no_account`, `invalid_comment`; those of a write.
pub async fn add(
    state: &AppState,
    identity: &Identity,
    thread: &Thread,
    body: &str,
) -> Result<i64, ApiError> {
    let (own, name) = participant(identity)?;
    let others = sqlx::query_scalar(
        "SELECT c.author FROM rowcast.comment c \
          WHERE c.table_id = (SELECT t.id FROM rowcast.comment_table t \
                               WHERE t.relation = $1::int8::oid::regclass) AND c.key = $2 AND c.author <> $3 AND c.deleted_at IS NULL \
          GROUP BY c.author ORDER BY max(c.id) DESC LIMIT $4",
    )
    .bind(i64::from(thread.table.oid))
    .bind(&thread.key)
    .bind(own.0)
    .bind(OTHERS)
    .fetch_all(state.readers.ours())
    .await
    .map_err(|error| read_error(&error, "rowcast.comment"))?;
    let named = named(state.readers.ours(), body).await?;
    let seeing = who_see(state, thread, named.iter().chain(&others)).await?;
    let of_these = |all: &[i64]| -> Vec<i64> {
        let seeing = all.iter().filter(|account| seeing.contains(account));
        seeing.copied().collect()
    };
    let put = "SELECT rowcast.put_comment(rowcast.comment_table($1::int8::oid), $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query_scalar(put)
        .bind(i64::from(thread.table.oid))
        .bind(&thread.key)
        .bind(own.0)
        .bind(name)
        .bind(body)
        .bind(of_these(&named))
        .bind(of_these(&others))
        .bind(thread.name())
        .bind(thread.page())
        .fetch_one(&state.housekeeping)
        .await
        .map_err(|error| refused(&error))
}

/// Changes what somebody wrote, as long as they see the row.
///
/// # Errors
/// `no_account`, `unknown_comment`, `invalid_comment`; those of a write.
pub async fn edit(
    state: &AppState,
    identity: &Identity,
    id: i64,
    body: &str,
) -> Result<Thread, ApiError> {
    let (own, _) = participant(identity)?;
    let (thread, author) = of_comment(state, identity, id).await?;
    if author != own.0 {
        return Err(unknown_comment());
    }
    let named = named(state.readers.ours(), body).await?;
    let seeing = who_see(state, &thread, named.iter()).await?;
    let done = sqlx::query_scalar("SELECT rowcast.edit_comment($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(own.0)
        .bind(body)
        .bind(seeing)
        .bind(thread.name())
        .bind(thread.page())
        .bind(thread.table.table.path())
        .fetch_one(&state.housekeeping)
        .await;
    known(done)?;
    Ok(thread)
}

/// Takes away what somebody wrote, or of others what is about rows of a table that they manage; its
/// place stays. Of their own it may be about a row that they don't see any more: then there is no thread.
///
/// # Errors
/// `no_account`, `unknown_comment`; those of a write.
pub async fn delete(
    state: &AppState,
    identity: &Identity,
    id: i64,
) -> Result<Option<Thread>, ApiError> {
    let (own, _) = participant(identity)?;
    let thread = match of_comment(state, identity, id).await {
        Ok((thread, _)) => Some(thread),
        Err(error) if error.code == "unknown_comment" => None,
        Err(error) => return Err(error),
    };
    let may_delete = |thread: &Thread| may_delete_others(identity, thread);
    let author = (!thread.as_ref().is_some_and(may_delete)).then_some(own.0);
    let done = sqlx::query_scalar("SELECT rowcast.delete_comment($1, $2, $3)")
        .bind(id)
        .bind(author)
        .bind(thread.as_ref().map(|thread| thread.table.table.path()))
        .fetch_one(&state.housekeeping)
        .await;
    known(done)?;
    Ok(thread)
}

/// Removes the whole thread of that address in a table that somebody manages, whether its row is there or not.
///
/// # Errors
/// `no_account`, `unknown_table`, `invalid_key`, `unknown_comment`; those of a write.
pub async fn clear(
    state: &AppState,
    identity: &Identity,
    table: &str,
    key: &str,
) -> Result<(), ApiError> {
    participant(identity)?;
    let table = state.seen(identity).table(table).await?;
    let is_theirs = path(&table.table.schema, &table.table.name);
    if !identity.rights.manage(&is_theirs) {
        return Err(unknown_comment());
    }
    // However it is written.
    let values = key_values(key, table.key.len())?;
    let parts: Vec<String> = values.iter().map(|value| encode_segment(value)).collect();
    let done = sqlx::query_scalar("SELECT rowcast.clear_comments($1::int8::oid, $2, $3) > 0")
        .bind(i64::from(table.oid))
        .bind(parts.join(","))
        .bind(table.table.path())
        .fetch_one(&state.housekeeping)
        .await;
    known(done)
}

/// Whether somebody may take away what others wrote: who says what others may do with the table.
pub fn may_delete_others(identity: &Identity, thread: &Thread) -> bool {
    let table = &thread.table.table;
    identity.rights.manage(&path(&table.schema, &table.name))
}

/// The row that a comment is about, as somebody sees it, and who wrote it.
async fn of_comment(
    state: &AppState,
    identity: &Identity,
    id: i64,
) -> Result<(Thread, i64), ApiError> {
    let row = sqlx::query(
        "SELECT t.relation::oid::int8, c.key, c.author FROM rowcast.comment c \
           JOIN rowcast.comment_table t ON t.id = c.table_id \
          WHERE c.id = $1 AND c.deleted_at IS NULL",
    )
    .bind(id)
    .fetch_optional(state.readers.ours())
    .await;
    let found = row.and_then(|row| {
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
            .transpose()
    });
    let found: Option<(i64, String, i64)> =
        found.map_err(|error| read_error(&error, "rowcast.comment"))?;
    let (relation, key, author) = found.ok_or_else(unknown_comment)?;
    let seen = state.seen(identity);
    let thread = async {
        let table = seen
            .catalog()
            .by_oid(u32::try_from(relation).unwrap_or(0))
            .await?;
        let name = table.table.path();
        let table = seen.known(table, &name).await?;
        Thread::of(seen, table, &key).await
    };
    match thread.await {
        Ok(thread) if thread.key == key => Ok((thread, author)),
        Ok(_) => Err(unknown_comment()),
        Err(error) => Err(match error.code.as_str() {
            "unknown_table" | "unknown_row" | "no_comments" | "invalid_key" => unknown_comment(),
            _ => error,
        }),
    }
}

/// The accounts that a body names.
async fn named(pool: &PgPool, body: &str) -> Result<Vec<i64>, ApiError> {
    let names = rowcast_app::feed::named_in(body);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // It finds a bounded number of them.
    sqlx::query_scalar("SELECT rowcast.mentioned($1)")
        .bind(names)
        .fetch_all(pool)
        .await
        .map_err(|error| read_error(&error, "rowcast.comment"))
}

/// Those of these accounts that see the row by what they may themselves.
async fn who_see(
    state: &AppState,
    thread: &Thread,
    accounts: impl Iterator<Item = &i64>,
) -> Result<Vec<i64>, ApiError> {
    let mut accounts: Vec<i64> = accounts.copied().collect();
    accounts.sort_unstable();
    accounts.dedup();
    if accounts.is_empty() {
        return Ok(accounts);
    }
    let pool = state.readers.ours();
    let identities = absent::identities(pool, state.accounts.database(), &accounts)
        .await
        .map_err(|error| read_error(&error, "rowcast.comment"))?;
    let path = thread.table.table.path();
    let mut seeing = Vec::new();
    for (account, identity) in &identities {
        let seen: Seen<'_> = state.seen(identity);
        let mut found = Thread::find(seen, &path, &thread.key).await;
        // What has nothing to do with what they see may pass.
        if let Err(error) = &found
            && !error.code.starts_with("unknown_")
        {
            found = Thread::find(seen, &path, &thread.key).await;
        }
        match found {
            Ok(theirs) if theirs.table.oid == thread.table.oid => seeing.push(*account),
            // Who can't be asked for is not told: what is written is there all the same.
            _ => {}
        }
    }
    Ok(seeing)
}

fn known(done: Result<bool, sqlx::Error>) -> Result<(), ApiError> {
    match done {
        Ok(true) => Ok(()),
        Ok(false) => Err(unknown_comment()),
        Err(error) => Err(refused(&error)),
    }
}
