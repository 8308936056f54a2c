//! Making rules, changing them, and what their owners are shown of them.

use std::sync::Arc;

use rowcast_protocol::ApiError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use super::{
    delivery::target::Target,
    evaluator::may_tell_others,
    rule::Kind,
    seen::{Condition, unsuitable},
    shape::made_of,
    tell::{Delivery, SENDER},
};
use crate::{
    auth::{AccountId, Identity, secret::Secret, token::lasting},
    database::catalog::TableMeta,
    error::{read_error, write_error},
    permission::may_know_view,
    state::AppState,
    views::{self, Person, SavedView},
};

/// The most rules of one account.
pub const MOST: i64 = 100;

/// The longest time for which hits are told together, in seconds.
pub const LONGEST_GROUP: i32 = 86_400;

/// The shortest of a rule that tells others, in seconds.
const SHORTEST_FOR_ROLES: i32 = 60;

/// How many tests of a rule are sent within a minute.
const TESTS: i64 = 6;

/// How many deliveries are listed.
pub const LISTED: i64 = 100;

/// A rule to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// What people call it; empty: as its view is called, or the table.
    #[serde(default)]
    pub name: String,
    /// The table.
    pub table: String,
    /// Which of its rows, in the grammar of queries.
    #[serde(default)]
    pub query: String,
    /// The saved view whose rows these are, instead.
    #[serde(default)]
    pub view: Option<i64>,
    /// `enters`, `leaves`, `changes` or `total`.
    pub kind: String,
    /// Whose value changes, or is summed up.
    #[serde(default)]
    pub column: Option<String>,
    /// What a total crosses.
    #[serde(default)]
    pub bound: Option<String>,
    /// Which way: `above` or `below`.
    #[serde(default)]
    pub direction: Option<String>,
    /// Whose accounts are told instead of whoever makes it.
    #[serde(default)]
    pub role: Option<String>,
    /// For how long what follows is told with what was first.
    #[serde(default)]
    pub group_seconds: Option<i32>,
    /// For how long there is to be such a rule: `7d`, or `never`.
    #[serde(default)]
    pub expires: Option<String>,
    /// Whether e-mail is sent, too.
    #[serde(default)]
    pub mail: bool,
    /// Where hits are sent, too.
    #[serde(default)]
    pub webhook: Option<String>,
}

/// What becomes of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Another name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is paused.
    #[serde(default)]
    pub paused: Option<bool>,
    /// For how long from now there is to be such a rule.
    #[serde(default)]
    pub expires: Option<String>,
    /// For how long hits are told together.
    #[serde(default)]
    pub group_seconds: Option<i32>,
    /// Whether e-mail is sent.
    #[serde(default)]
    pub mail: Option<bool>,
    /// Where hits are sent; `Some(None)`: nowhere.
    #[serde(default, deserialize_with = "given")]
    pub webhook: Option<Option<String>>,
}

/// Tells `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A rule that was made or changed.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Names it.
    pub id: i64,
    /// What signs what is sent to a new receiver: it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

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

/// Makes a rule.
///
/// # Errors
/// `invalid_watch`, `unknown_table`, `unknown_view`, `not_live` and the grammar's; `not_allowed` for
/// others; `too_many_watches`; those of a write.
pub async fn create(
    state: &AppState,
    identity: &Identity,
    owner: AccountId,
    new: NewRule,
) -> Result<Made, ApiError> {
    let seen = state.seen(identity);
    let table = seen.table(&new.table).await?;
    let path = table.table.path();
    let (mut query, mut name) = (new.query.clone(), new.name.clone());
    if let Some(view) = new.view {
        let found = view_of(state, identity, &table, view).await?;
        query = found.query;
        name = if name.trim().is_empty() {
            found.name
        } else {
            name
        };
    }
    let name = if name.trim().is_empty() {
        path.clone()
    } else {
        name
    };
    let name = checked_name(&name)?;
    let query = query.strip_prefix('?').unwrap_or(&query).to_owned();
    if query.len() > rowcast_protocol::query::MAX_TEXT || query.contains(char::is_control) {
        return Err(unsuitable(
            "the query is too long, or holds control characters",
        ));
    }
    let bound = new.bound.as_deref().map(checked_bound).transpose()?;
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let direction = set(&new.direction);
    let kind = Kind::of(
        &new.kind,
        set(&new.column),
        bound.clone(),
        direction.as_deref(),
    );
    let kind = kind.ok_or_else(|| {
        unsuitable("it is enters or leaves; changes with a column; or total with a bound and a direction, above or below, of a column or of the number of rows")
    })?;
    // As it is in the catalog: what is kept from whom is asked of each.
    let known = state.catalog.by_oid(table.oid).await?;
    Condition::new(seen, state.readers.ours(), &known, &query, &kind).await?;
    let role = set(&new.role);
    // A program's token makes no rule for others.
    let may_tell = identity.may_manage_account() && may_tell_others(identity, &known);
    if role.is_some() && !may_tell {
        return Err(not_for_programs());
    }
    let group = checked_group(new.group_seconds.unwrap_or(300))?;
    if role.is_some() && group < SHORTEST_FOR_ROLES {
        return Err(too_soon());
    }
    let lasts = new
        .expires
        .as_deref()
        .map(checked_time)
        .transpose()?
        .flatten();
    let hook = set(&new.webhook);
    let hook = hook.map(|url| state.delivers.checked(&url)).transpose()?;
    if new.mail && !state.delivers.has_mail() {
        return Err(no_mail());
    }
    let secret = hook.is_some().then(Secret::new);
    let made = async {
        let mut transaction = state.housekeeping.begin().await?;
        // Two at a time would each find room for one more.
        sqlx::query("SELECT pg_advisory_xact_lock(1919907683, 19)")
            .execute(&mut *transaction)
            .await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO rowcast.watch_rule (account, role, name, table_path, query, kind, \
                 column_name, bound, direction, group_seconds, expires_at, mail, relations) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9, $10, \
                    now() + make_interval(secs => $11), $12, $14 \
              WHERE (SELECT count(*) FROM rowcast.watch_rule o WHERE o.account = $1) < $13 \
                AND ($2 IS NULL OR $2 = 'member' OR EXISTS (SELECT FROM rowcast.role r WHERE r.name = $2)) \
             RETURNING id",
        )
        .bind(owner.0)
        .bind(&role)
        .bind(&name)
        .bind(&path)
        .bind(&query)
        .bind(kind.word())
        .bind(set(&new.column))
        .bind(&bound)
        .bind(&direction)
        .bind(group)
        .bind(lasts)
        .bind(new.mail)
        .bind(MOST)
        .bind(made_of(&known))
        .fetch_optional(&mut *transaction)
        .await?;
        if let (Some(id), Some(hook), Some(secret)) = (id, &hook, &secret) {
            set_hook(&mut transaction, id, hook, secret).await?;
        }
        transaction.commit().await?;
        Ok(id)
    };
    let made = made
        .await
        .map_err(|error: sqlx::Error| write_error(&error))?;
    let Some(id) = made else {
        return Err(ApiError::new(
            "too_many_watches",
            format!("you have {MOST} watch rules, or there is no such role"),
            "remove one that is not needed any more",
        ));
    };
    state.watching.changed.notify_one();
    Ok(Made {
        id,
        secret: secret.map(|secret| secret.reveal().to_owned()),
    })
}

/// A saved view that somebody may know of.
///
/// # Errors
/// `unknown_view`; those of a read.
pub async fn view_of(
    state: &AppState,
    identity: &Identity,
    table: &Arc<TableMeta>,
    id: i64,
) -> Result<SavedView, ApiError> {
    let person = Person::of(identity, None);
    let views = views::list(state.readers.ours(), &table.table.path(), &person).await?;
    let found = views.into_iter().find(|known| known.id == id);
    let found = found.ok_or_else(|| views::unknown_view(id))?;
    let seen = state.seen(identity);
    match may_know_view(seen, table, &found.query, found.owner.is_none()).await {
        true => Ok(found),
        false => Err(views::unknown_view(id)),
    }
}

async fn set_hook(
    connection: &mut PgConnection,
    rule: i64,
    target: &Target,
    secret: &Secret,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rowcast.webhook AS w (rule, url, secret) VALUES ($1, $2, $3) \
         ON CONFLICT (rule) DO UPDATE SET url = excluded.url, secret = excluded.secret",
    )
    .bind(rule)
    .bind(target.as_str())
    .bind(secret.reveal())
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes a rule of somebody's own.
///
/// # Errors
/// `unknown_watch`, `invalid_watch`; `not_allowed` for what others are told; those of a write.
pub async fn alter(
    state: &AppState,
    identity: &Identity,
    owner: AccountId,
    id: i64,
    edit: Edit,
) -> Result<Made, ApiError> {
    let name = edit.name.as_deref().map(checked_name).transpose()?;
    let group = edit.group_seconds.map(checked_group).transpose()?;
    let lasts = edit.expires.as_deref().map(checked_time).transpose()?;
    let hook = match &edit.webhook {
        Some(Some(url)) if !url.is_empty() => Some(Some(state.delivers.checked(url)?)),
        Some(_) => Some(None),
        None => None,
    };
    if edit.mail == Some(true) && !state.delivers.has_mail() {
        return Err(no_mail());
    }
    let secret = matches!(hook, Some(Some(_))).then(Secret::new);
    let tells_others = may_change(&state.housekeeping, identity, owner, id).await?;
    if tells_others && group.is_some_and(|group| group < SHORTEST_FOR_ROLES) {
        return Err(too_soon());
    }
    let altered = async {
        let mut transaction = state.housekeeping.begin().await?;
        let altered = sqlx::query(
            "UPDATE rowcast.watch_rule r \
                SET name = coalesce($3, r.name), \
                    group_seconds = coalesce($4, r.group_seconds), \
                    mail = coalesce($5, r.mail), \
                    expires_at = CASE WHEN $6 THEN now() + make_interval(secs => $7) ELSE r.expires_at END, \
                    paused_at = CASE WHEN $8 IS NULL THEN r.paused_at WHEN $8 THEN coalesce(r.paused_at, now()) END, \
                    updated_at = now() \
              WHERE r.id = $1 AND r.account = $2",
        )
        .bind(id)
        .bind(owner.0)
        .bind(&name)
        .bind(group)
        .bind(edit.mail)
        .bind(lasts.is_some())
        .bind(lasts.flatten())
        .bind(edit.paused)
        .execute(&mut *transaction)
        .await?;
        if altered.rows_affected() > 0 {
            match (&hook, &secret) {
                (Some(Some(hook)), Some(secret)) => {
                    set_hook(&mut transaction, id, hook, secret).await?;
                }
                (Some(None), _) => {
                    sqlx::query("DELETE FROM rowcast.webhook WHERE rule = $1")
                        .bind(id)
                        .execute(&mut *transaction)
                        .await?;
                }
                _ => {}
            }
        }
        transaction.commit().await?;
        Ok(altered.rows_affected())
    };
    let altered = altered
        .await
        .map_err(|error: sqlx::Error| write_error(&error))?;
    known(altered)?;
    state.watching.changed.notify_one();
    Ok(Made {
        id,
        secret: secret.map(|secret| secret.reveal().to_owned()),
    })
}

/// Removes a rule of somebody's own, with what waits to be sent of it.
///
/// # Errors
/// `unknown_watch`; `not_allowed` for what others are told; those of a write.
pub async fn delete(
    pool: &PgPool,
    identity: &Identity,
    owner: AccountId,
    id: i64,
) -> Result<(), ApiError> {
    may_change(pool, identity, owner, id).await?;
    let deleted = sqlx::query("DELETE FROM rowcast.watch_rule WHERE id = $1 AND account = $2")
        .bind(id)
        .bind(owner.0)
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
    known(deleted.rows_affected())
}

/// Whether a rule of somebody's own tells others: a program's token does not change one that does.
async fn may_change(
    pool: &PgPool,
    identity: &Identity,
    owner: AccountId,
    id: i64,
) -> Result<bool, ApiError> {
    let tells_others: Option<bool> = sqlx::query_scalar(
        "SELECT r.role IS NOT NULL FROM rowcast.watch_rule r WHERE r.id = $1 AND r.account = $2",
    )
    .bind(id)
    .bind(owner.0)
    .fetch_optional(pool)
    .await
    .map_err(|error| read_error(&error, "rowcast.watch_rule"))?;
    let tells_others = tells_others.ok_or_else(unknown)?;
    match tells_others && !identity.may_manage_account() {
        true => Err(not_for_programs()),
        false => Ok(tells_others),
    }
}

fn not_for_programs() -> ApiError {
    ApiError::new(
        "not_allowed",
        "what others are told of this table is not for you to say",
        "who manages the table may, and administrators, in a session or with a token of the scope \
         admin; leave out role for yourself",
    )
}

/// Tells a rule's owner, by every way that the rule tells, that this is a test.
///
/// # Errors
/// `unknown_watch`, `too_many_requests`; those of a write.
pub async fn test(state: &AppState, owner: AccountId, id: i64) -> Result<(), ApiError> {
    let tested = async {
        let mut transaction = state.housekeeping.begin().await?;
        let row = sqlx::query(
            "SELECT r.name, r.table_path, r.kind, \
                    (SELECT m.address FROM rowcast.account_mail m \
                      WHERE r.mail AND m.account = r.account AND m.confirmed_at IS NOT NULL), \
                    (SELECT substring(w.url from '^[a-z]+://([^/?#]*)') FROM rowcast.webhook w WHERE w.rule = r.id) \
               FROM rowcast.watch_rule r WHERE r.id = $1 AND r.account = $2",
        )
        .bind(id)
        .bind(owner.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(Err(unknown()));
        };
        let lately: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM rowcast.delivery d \
              WHERE d.rule = $1 AND d.content ? 'test' AND d.created_at > now() - interval '1 min'",
        )
        .bind(id)
        .fetch_one(&mut *transaction)
        .await?;
        if lately >= TESTS {
            return Ok(Err(ApiError::new(
                "too_many_requests",
                "the rule was tested several times within a minute",
                "try again in a minute",
            )));
        }
        let (name, table, kind): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let title = format!("{name}: this is a test");
        let body = "Nothing happened: somebody tried out this rule.";
        sqlx::query(
            "INSERT INTO rowcast.notification (account, title, body, link, sender) \
             VALUES ($1, $2, $3, '/watches', $4)",
        )
        .bind(owner.0)
        .bind(&title)
        .bind(body)
        .bind(SENDER)
        .execute(&mut *transaction)
        .await?;
        let content = json!({
            "test": true, "rule": {"id": id, "name": name, "kind": kind}, "table": table,
            "title": title, "body": body, "link": "/watches", "rows": 0,
        });
        let mail: Option<String> = row.try_get(3)?;
        let hook: Option<String> = row.try_get(4)?;
        for (channel, target) in [("mail", mail), ("webhook", hook)] {
            if let Some(target) = target {
                let delivery = Delivery {
                    rule: id,
                    account: owner.0,
                    channel,
                    target: &target,
                    wait: 0.0,
                    merges: false,
                };
                delivery.queue(&mut transaction, &content, 0).await?;
            }
        }
        transaction.commit().await?;
        Ok(Ok(()))
    };
    tested
        .await
        .map_err(|error: sqlx::Error| write_error(&error))??;
    state.watching.queued.notify_one();
    Ok(())
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
    (!super::look::is_passing(&error)).then_some(error.message)
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

fn checked_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let fits = (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control);
    match fits {
        true => Ok(name.to_owned()),
        false => Err(unsuitable(
            "its name is none: 1 to 100 characters on one line",
        )),
    }
}

fn checked_group(seconds: i32) -> Result<i32, ApiError> {
    match seconds {
        0..=LONGEST_GROUP => Ok(seconds),
        _ => Err(unsuitable("hits are told together for 0 to 86400 seconds")),
    }
}

fn too_soon() -> ApiError {
    unsuitable("what a role is told is told together for 60 seconds at least")
}

/// In seconds; `None`: for ever.
fn checked_time(text: &str) -> Result<Option<f64>, ApiError> {
    let lasts = lasting(text).map_err(|_| {
        unsuitable(
            "the time that it lasts is none: a number and s, m, h or d, such as 7d; or never",
        )
    })?;
    Ok(lasts.map(|lasts| lasts.as_secs_f64()))
}

/// A number as it is written in SQL.
fn checked_bound(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match is_number(whole) && is_number(part) && text.len() <= 60 {
        true => Ok(text.to_owned()),
        false => Err(unsuitable("its bound is no number, such as 100 or -0.5")),
    }
}

/// E-mail can't be sent from here.
pub fn no_mail() -> ApiError {
    ApiError::new(
        "invalid_watch",
        "this server sends no e-mail",
        "ROWCAST_SMTP_URL and ROWCAST_MAIL_FROM say by which server and as whom",
    )
}

fn unknown() -> ApiError {
    ApiError::new(
        "unknown_watch",
        "you have no such watch rule",
        "it may have been removed meanwhile",
    )
}

fn known(rows: u64) -> Result<(), ApiError> {
    match rows {
        0 => Err(unknown()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_number_that_sql_reads() {
        for right in ["0", "-1", "10.50", "100000000000000000000"] {
            assert_eq!(checked_bound(right).as_deref(), Ok(right));
        }
        for wrong in ["", "-", "1.", ".5", "1e3", "NaN", "1; x", "--1", "１"] {
            assert!(checked_bound(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn null_is_told_from_nothing() {
        let edit = |json: &str| serde_json::from_str::<Edit>(json).expect("an edit");
        assert_eq!(edit("{}").webhook, None);
        assert_eq!(edit(r#"{"webhook":null}"#).webhook, Some(None));
        assert!(serde_json::from_str::<Edit>(r#"{"x":1}"#).is_err());
    }
}
