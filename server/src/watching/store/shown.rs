//! What owners of rules are shown of them.

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{PgPool, Row, postgres::PgRow};

use super::checks::unknown;
use crate::{
    auth::{AccountId, Identity},
    error::read_error,
    state::AppState,
    watching::{
        evaluator::may_tell_others,
        look::is_passing,
        rule::Kind,
        seen::{Condition, unsuitable},
    },
};

/// How many deliveries are listed.
pub const LISTED: i64 = 100;

/// A rule, as its owner is shown it.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Names it.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The table.
    pub table: String,
    /// Which of its rows.
    pub query: String,
    /// What is told.
    pub kind: String,
    /// Of which column.
    pub column: Option<String>,
    /// What a total crosses.
    pub bound: Option<String>,
    /// Which way.
    pub direction: Option<String>,
    /// Who is told, if not its owner.
    pub role: Option<String>,
    /// For how long hits are told together.
    pub group_seconds: i32,
    /// Whether e-mail is sent.
    pub mail: bool,
    /// The host that hits are sent to.
    pub webhook: Option<String>,
    /// Whether it is paused.
    pub paused: bool,
    /// Until when there is such a rule.
    pub expires_at: Option<String>,
    /// Whether that is over.
    pub expired: bool,
    /// How many rows have hit it.
    pub hits: i64,
    /// When the last did.
    pub last_hit_at: Option<String>,
    /// What it may have missed.
    pub missed: Option<String>,
    /// When it last did.
    pub missed_at: Option<String>,
    /// Why it tells nothing now.
    pub problem: Option<String>,
}

/// Something that was sent, or is to be.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// By which its receiver knows it.
    pub id: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// Where to, as far as that is no secret.
    pub target: String,
    /// What it says.
    pub title: String,
    /// `waiting`, `done` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it came to be.
    pub created_at: String,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// When it was done, or given up.
    pub done_at: Option<String>,
}

/// Somebody's own rules, the oldest first, with why some of them tell nothing.
///
/// # Errors
/// Those of a read.
pub async fn list(
    state: &AppState,
    identity: &Identity,
    owner: AccountId,
) -> Result<Vec<Listed>, ApiError> {
    let rows = sqlx::query(
        "SELECT r.id, r.name, r.table_path, r.query, r.kind, r.column_name, r.bound::text, \
                r.direction, r.role, r.group_seconds, r.mail, \
                (SELECT substring(w.url from '^[a-z]+://([^/?#]*)') FROM rowcast.webhook w WHERE w.rule = r.id), \
                r.paused_at IS NOT NULL, to_jsonb(r.expires_at) #>> '{}', \
                coalesce(r.expires_at <= now(), false), r.hits, to_jsonb(r.last_hit_at) #>> '{}', \
                r.missed, to_jsonb(r.missed_at) #>> '{}' \
           FROM rowcast.watch_rule r WHERE r.account = $1 ORDER BY r.id",
    )
    .bind(owner.0)
    .fetch_all(&state.housekeeping)
    .await;
    let listed: Result<Vec<Listed>, _> = rows.and_then(|rows| rows.iter().map(listed).collect());
    let mut listed = listed.map_err(|error| read_error(&error, "rowcast.watch_rule"))?;
    for rule in &mut listed {
        rule.problem = problem(state, identity, rule).await;
    }
    Ok(listed)
}

async fn problem(state: &AppState, identity: &Identity, rule: &Listed) -> Option<String> {
    let kind = Kind::of(
        &rule.kind,
        rule.column.clone(),
        rule.bound.clone(),
        rule.direction.as_deref(),
    )?;
    let seen = state.seen(identity);
    let looked = async {
        let table = state.catalog.table(&rule.table).await?;
        if rule.role.is_some() && !may_tell_others(identity, &table) {
            return Err(unsuitable(
                "what others are told of this table is not for you to say any more",
            ));
        }
        Condition::new(seen, state.readers.ours(), &table, &rule.query, &kind).await
    };
    let error = looked.await.err()?;
    (!is_passing(&error)).then_some(error.message)
}

/// What was sent of a rule of somebody's own, the newest first.
///
/// # Errors
/// `unknown_watch`; those of a read.
pub async fn deliveries(pool: &PgPool, owner: AccountId, id: i64) -> Result<Vec<Sent>, ApiError> {
    let read = async {
        let own: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM rowcast.watch_rule r WHERE r.id = $1 AND r.account = $2)",
        )
        .bind(id)
        .bind(owner.0)
        .fetch_one(pool)
        .await?;
        if !own {
            return Ok(None);
        }
        // Of a rule that tells several, each has their own.
        let rows = sqlx::query(
            "SELECT d.token::text, d.channel, d.target, d.content ->> 'title', d.state, d.attempts, \
                    d.last_error, to_jsonb(d.created_at) #>> '{}', \
                    CASE WHEN d.state = 'waiting' THEN to_jsonb(d.next_at) #>> '{}' END, \
                    to_jsonb(d.done_at) #>> '{}' \
               FROM rowcast.delivery d WHERE d.rule = $1 AND d.account = $2 \
              ORDER BY d.id DESC LIMIT $3",
        )
        .bind(id)
        .bind(owner.0)
        .bind(LISTED)
        .fetch_all(pool)
        .await?;
        rows.iter()
            .map(sent)
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    };
    let read: Result<_, sqlx::Error> = read.await;
    read.map_err(|error| read_error(&error, "rowcast.delivery"))?
        .ok_or_else(unknown)
}

fn listed(row: &PgRow) -> Result<Listed, sqlx::Error> {
    Ok(Listed {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        table: row.try_get(2)?,
        query: row.try_get(3)?,
        kind: row.try_get(4)?,
        column: row.try_get(5)?,
        bound: row.try_get(6)?,
        direction: row.try_get(7)?,
        role: row.try_get(8)?,
        group_seconds: row.try_get(9)?,
        mail: row.try_get(10)?,
        webhook: row.try_get(11)?,
        paused: row.try_get(12)?,
        expires_at: row.try_get(13)?,
        expired: row.try_get(14)?,
        hits: row.try_get(15)?,
        last_hit_at: row.try_get(16)?,
        missed: row.try_get(17)?,
        missed_at: row.try_get(18)?,
        problem: None,
    })
}

fn sent(row: &PgRow) -> Result<Sent, sqlx::Error> {
    Ok(Sent {
        id: row.try_get(0)?,
        channel: row.try_get(1)?,
        target: row.try_get(2)?,
        title: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
        state: row.try_get(4)?,
        attempts: row.try_get(5)?,
        error: row.try_get(6)?,
        created_at: row.try_get(7)?,
        next_at: row.try_get(8)?,
        done_at: row.try_get(9)?,
    })
}
