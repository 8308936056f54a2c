//! Making rules, changing them, and what their owners are shown of them.

mod checks;
mod shown;
mod trial;
mod unfit;

use std::sync::Arc;

use rowcast_protocol::ApiError;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{PgConnection, PgPool};

use self::checks::{
    SHORTEST_FOR_ROLES, checked_bound, checked_group, checked_name, checked_time, known,
    not_for_programs, too_soon, unknown,
};
pub use self::{
    checks::no_mail,
    shown::{LISTED, Listed, Sent, deliveries, list},
    trial::test,
    unfit::{Part, Unfit},
};
use super::{
    delivery::target::Target,
    evaluator::may_tell_others,
    rule::Kind,
    seen::{Condition, unsuitable},
    shape::made_of,
};
use crate::{
    auth::{AccountId, Identity, secret::Secret},
    database::catalog::TableMeta,
    error::{read_error, write_error},
    permission::may_know_view,
    state::AppState,
    views::{self, Person, SavedView},
};

/// The most rules of one account.
pub const MOST: i64 = 100;

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
) -> Result<Made, Unfit> {
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
    let name = checked_name(&name).map_err(|error| Part::Name.unfit(error))?;
    let query = query.strip_prefix('?').unwrap_or(&query).to_owned();
    if query.len() > rowcast_protocol::query::MAX_TEXT || query.contains(char::is_control) {
        return Err(unsuitable("the query is too long, or holds control characters").into());
    }
    let bound = new.bound.as_deref().map(checked_bound).transpose();
    let bound = bound.map_err(|error| Part::Bound.unfit(error))?;
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let direction = set(&new.direction);
    let kind = Kind::of(
        &new.kind,
        set(&new.column),
        bound.clone(),
        direction.as_deref(),
    );
    let kind = kind.ok_or_else(|| {
        let (part, why) = match new.kind.as_str() {
            "changes" => (
                Part::Column,
                "it tells when a value changes, so it needs the column of that value",
            ),
            "total" => (
                Part::Bound,
                "it tells when a total crosses a bound, so it needs the bound and a direction, \
                 above or below",
            ),
            _ => (
                Part::Kind,
                "it tells that a row enters or leaves, that a value changes, or that a total crosses a bound",
            ),
        };
        part.unfit(unsuitable(why))
    })?;
    // As it is in the catalog: what is kept from whom is asked of each.
    let known = state.catalog.by_oid(table.oid).await?;
    let condition = Condition::new(seen, state.readers.ours(), &known, &query, &kind).await;
    condition.map_err(|error| match kind.suits(&known) {
        true => error.into(),
        false => Part::Column.unfit(error),
    })?;
    let role = set(&new.role);
    // A program's token makes no rule for others.
    let may_tell = identity.may_manage_account() && may_tell_others(identity, &known);
    if role.is_some() && !may_tell {
        return Err(Part::Role.unfit(not_for_programs()));
    }
    let group = checked_group(new.group_seconds.unwrap_or(300));
    let group = group.map_err(|error| Part::Group.unfit(error))?;
    if role.is_some() && group < SHORTEST_FOR_ROLES {
        return Err(Part::Group.unfit(too_soon()));
    }
    let lasts = new
        .expires
        .as_deref()
        .map(checked_time)
        .transpose()
        .map_err(|error| Part::Expires.unfit(error))?
        .flatten();
    let hook = set(&new.webhook);
    let hook = hook.map(|url| state.delivers.checked(&url)).transpose();
    let hook = hook.map_err(|error| Part::Webhook.unfit(error))?;
    if new.mail && !state.delivers.has_mail() {
        return Err(Part::Mail.unfit(no_mail()));
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
        let error = ApiError::new(
            "too_many_watches",
            format!("you have {MOST} watch rules, or there is no such role"),
            "remove one that is not needed any more",
        );
        return Err(match role {
            None => error.into(),
            Some(_) => Part::Role.unfit(error),
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_told_from_nothing() {
        let edit = |json: &str| serde_json::from_str::<Edit>(json).expect("an edit");
        assert_eq!(edit("{}").webhook, None);
        assert_eq!(edit(r#"{"webhook":null}"#).webhook, Some(None));
        assert!(serde_json::from_str::<Edit>(r#"{"x":1}"#).is_err());
    }
}
