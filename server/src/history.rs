//! A row's past, from the change log.
//!
//! The log has no index by row, for whoever writes would pay for it. So it is read backward,
//! a bounded part after the other, until enough was found or time is up; the answer says from
//! where to go on. PostgreSQL picks the entries that hold the bytes of the row's key, and what
//! they say of the row is decided here.

pub mod address;
mod change;
mod key;
mod scan;

use std::time::{Duration, Instant};

use rowcast_protocol::{ApiError, TableKind};
use sqlx::{PgPool, Row, postgres::types::Oid};

pub use self::change::{Change, ChangedRow, Kind};
use self::{change::changes_of, scan::Position};
use crate::{
    database::catalog::TableMeta,
    error::{internal, read_error},
    live::not_live,
};

/// How many changes one answer has that doesn't say.
pub const DEFAULT_LIMIT: usize = 50;

/// The most that one answer has.
pub const MAX_LIMIT: usize = 200;

/// How long the log is searched for one answer.
const TIME: Duration = Duration::from_secs(3);

/// So many bytes of values end an answer.
const BYTES: usize = 8 << 20;

/// A part of a row's past.
#[derive(Debug)]
pub struct History {
    /// The changes, the newest first.
    pub changes: Vec<Change>,
    /// From when on every change is in the log: microseconds since 1970.
    pub since: i64,
    /// From where to go on; `None` at the log's beginning.
    pub next: Option<String>,
}

/// Reads the past of the row with that key: at most `limit` changes, those before `before`,
/// which is the `next` of another answer.
///
/// # Errors
/// `no_history` for what is no table with a key; `not_live`; `invalid_key`; `invalid_before`;
/// those of a read.
pub async fn read(
    pool: &PgPool,
    table: &TableMeta,
    key: &[String],
    limit: usize,
    before: Option<&str>,
) -> Result<History, ApiError> {
    if table.table.kind != TableKind::Table || !table.has_key() {
        return Err(ApiError::new(
            "no_history",
            format!("{} is no table with a key", table.table.path()),
            "of a view, ask for the rows of the tables that it reads",
        ));
    }
    // What a row was does not tell whose it was then.
    if let Some(limits) = &table.limits
        && limits.keeps_rows_back()
    {
        return Err(ApiError::new(
            "not_allowed",
            "a row's past is for those who may read all rows of the table",
            "",
        ));
    }
    let mut position = match before {
        None => Position::END,
        Some(text) => text.parse().map_err(|_| {
            ApiError::new(
                "invalid_before",
                format!("before={text:.40?} is of no answer of ours"),
                "before= takes the \"next\" of an answer",
            )
        })?,
    };
    let failed = |error: sqlx::Error| read_error(&error, &table.table.path());
    let since = since(pool, table).await.map_err(failed)?;
    let since = since.ok_or_else(|| not_live(&table.table.path()))?;
    let key = key::look_up(pool, table, key).await?;
    let begun = Instant::now();
    let mut changes: Vec<Change> = Vec::new();
    let next = loop {
        let part = scan::backward(pool, table, &key, position)
            .await
            .map_err(failed)?;
        let mut found = changes_of(&part.entries, table, &key);
        if let Some(limits) = &table.limits {
            found.retain_mut(|change| change.hide(&limits.hidden));
        }
        // What earlier answers have told of the newest transaction.
        let of_newest = found.iter().take_while(|change| change.xid == position.xid);
        let told = of_newest.count().min(position.told);
        found.drain(..told);
        let size: usize = changes.iter().map(Change::size).sum();
        let room = room(&found, limit - changes.len(), BYTES.saturating_sub(size));
        let is_full = room < found.len();
        found.truncate(room);
        changes.append(&mut found);
        if is_full {
            break Some(past_last(&changes, Position { told, ..position }));
        }
        match part.reached {
            None => break None,
            Some(reached) => position = reached,
        }
        if changes.len() >= limit || begun.elapsed() >= TIME {
            break Some(position);
        }
    };
    Ok(History {
        changes,
        since,
        next: next.map(|next| next.to_string()),
    })
}

/// Past the last of these changes, ahead of which some were told at `position`.
fn past_last(changes: &[Change], position: Position) -> Position {
    let Some(last) = changes.last() else {
        return position;
    };
    let of_it = changes.iter().filter(|change| change.xid == last.xid);
    let earlier = if position.xid == last.xid {
        position.told
    } else {
        0
    };
    Position {
        xid: last.xid,
        told: of_it.count() + earlier,
    }
}

/// How many of these an answer takes that has room for so many, and for so many bytes. The
/// first one always fits where there is room for any.
fn room(found: &[Change], limit: usize, bytes: usize) -> usize {
    let mut size = 0;
    let fitting = found.iter().take(limit).take_while(|change| {
        let before = size;
        size += change.size();
        before == 0 || size <= bytes
    });
    fitting.count()
}

/// From when on every change of the table is in the log; `None` if none is logged now.
async fn since(pool: &PgPool, table: &TableMeta) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (extract(epoch FROM greatest(w.since, s.purged_until)) * 1000000)::int8 \
           FROM rowcast.watched w, rowcast.state s WHERE w.relation = $1",
    )
    .bind(Oid(table.oid))
    .fetch_optional(pool)
    .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// A log that is not as this version writes it.
fn unreadable() -> ApiError {
    tracing::error!("the change log holds something that this version does not write");
    internal()
}
