//! Saved views: a table's query under a name, for everybody or for one person.
//!
//! They are rows of `rowcast.saved_view`, which is live like any table: who shows a list of
//! them follows it by a live query. A view is its account's: nobody else changes it but
//! administrators, and one that is not for everybody nobody else sees. Without accounts an owner
//! is a name that somebody gave, so a view that has one is not offered to others, and no secret.

mod checked;
mod person;

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::PgRow};

use self::person::Kept;
pub use self::{
    checked::{Edit, NewView},
    person::Person,
};
use crate::error::{read_error, write_error};

/// How many views a table has at the most for everybody, and for each person.
pub const MAX_VIEWS: i64 = 200;

/// How often a view is made the default that others make one at the same time.
const ATTEMPTS: u32 = 5;

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedView {
    /// Names it.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Whose it is; `None`: everybody's.
    pub owner: Option<String>,
    /// Whether the table opens with it, for its owner or for all.
    pub default: bool,
    /// The query of the page's address.
    pub query: String,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

const COLUMNS: &str = "v.id, v.name, v.owner, v.is_default, v.query, \
     to_jsonb(v.created_at) #>> '{}', to_jsonb(v.updated_at) #>> '{}'";

/// Whether a view is somebody's, by their name `$2` and their account `$3`. One that is nobody's
/// account's, saved before there were any, is whose it says.
const IS_THEIRS: &str = "CASE WHEN $3::int8 IS NULL THEN v.owner = $2 \
     ELSE v.account = $3 OR v.account IS NULL AND v.owner = $2 END";

/// A table's views for everybody and those of one person, by name.
///
/// # Errors
/// Those of a read.
pub async fn list(pool: &PgPool, table: &str, person: &Person) -> Result<Vec<SavedView>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.saved_view v \
          WHERE v.table_path = $1 AND (v.owner IS NULL OR {IS_THEIRS}) \
          ORDER BY v.owner NULLS FIRST, v.name, v.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(person.name())
        .bind(person.account())
        .fetch_all(pool)
        .await;
    let views = rows.and_then(|rows| rows.iter().map(view).collect::<Result<Vec<_>, _>>());
    views.map_err(|error| read_error(&error, table))
}

/// Of a table's views the one numbered `id` and the defaults, for everybody or for one person.
///
/// # Errors
/// Those of a read.
pub async fn of_page(
    pool: &PgPool,
    table: &str,
    person: &Person,
    id: Option<i64>,
) -> Result<Vec<SavedView>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.saved_view v \
          WHERE v.table_path = $1 AND (v.owner IS NULL OR {IS_THEIRS}) \
            AND (v.is_default OR v.id = $4) \
          ORDER BY v.name, v.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(person.name())
        .bind(person.account())
        .bind(id)
        .fetch_all(pool)
        .await;
    let views = rows.and_then(|rows| rows.iter().map(view).collect::<Result<Vec<_>, _>>());
    views.map_err(|error| read_error(&error, table))
}

/// The view of that number, if it is one of the table.
///
/// # Errors
/// `unknown_view`; those of a read.
pub async fn find(pool: &PgPool, table: &str, id: i64) -> Result<SavedView, ApiError> {
    let sql =
        format!("SELECT {COLUMNS} FROM rowcast.saved_view v WHERE v.table_path = $1 AND v.id = $2");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(id)
        .fetch_optional(pool)
        .await;
    let found = row.and_then(|row| row.as_ref().map(view).transpose());
    found
        .map_err(|error| read_error(&error, table))?
        .ok_or_else(|| unknown_view(id))
}

/// Saves a view.
///
/// # Errors
/// `name_taken`, `too_many_views`; those of a write.
pub async fn create(
    pool: &PgPool,
    table: &str,
    person: &Person,
    new: &NewView,
) -> Result<SavedView, ApiError> {
    let new = &NewView {
        owner: new.owner.as_deref().map(|owner| person.called(owner)),
        ..new.clone()
    };
    let mut attempt = 1;
    loop {
        match insert(pool, table, person, new).await {
            Ok(Some(view)) => return Ok(view),
            Ok(None) => {
                return Err(ApiError::new(
                    "too_many_views",
                    format!("{table} has {MAX_VIEWS} saved views"),
                    "delete one that is not used any more",
                ));
            }
            Err(error) if is_about(&error, "_default") && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// Changes a view. One that gets another owner is no default any more, unless that is asked
/// for.
///
/// # Errors
/// `unknown_view`, also of somebody else's own; `not_allowed` of somebody else's for everybody;
/// `name_taken`; those of a write.
pub async fn alter(
    pool: &PgPool,
    table: &str,
    person: &Person,
    id: i64,
    edit: &Edit,
) -> Result<SavedView, ApiError> {
    let mut attempt = 1;
    loop {
        match update(pool, table, person, id, edit).await {
            Ok(changed) => return changed,
            Err(error) if is_about(&error, "_default") && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// Deletes a view.
///
/// # Errors
/// `unknown_view` and `not_allowed` as [`alter`]; those of a write.
pub async fn delete(pool: &PgPool, table: &str, person: &Person, id: i64) -> Result<(), ApiError> {
    let change = async {
        let mut transaction = pool.begin().await?;
        let found = locked(&mut transaction, table, id).await?;
        if let Err(refused) = found.and_then(|kept| person.require_theirs(&kept, id).map(|()| kept))
        {
            return Ok(Err(refused));
        }
        sqlx::query("DELETE FROM rowcast.saved_view WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    };
    change.await.map_err(|error: sqlx::Error| failed(&error))?
}

/// There is no such view of the table.
pub fn unknown_view(id: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        "unknown_view",
        format!("the table has no saved view {id}"),
        "it may have been deleted meanwhile",
    )
}

/// `None` if there are too many.
async fn insert(
    pool: &PgPool,
    table: &str,
    person: &Person,
    new: &NewView,
) -> Result<Option<SavedView>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if new.default {
        clear_default(&mut transaction, table, new.owner.as_deref(), None).await?;
    }
    let sql = format!(
        "INSERT INTO rowcast.saved_view AS v (table_path, name, owner, is_default, query, account) \
         SELECT $1, $2, $3, $4, $5, $7 \
          WHERE (SELECT count(*) FROM rowcast.saved_view o \
                  WHERE o.table_path = $1 AND o.owner IS NOT DISTINCT FROM $3) < $6 \
         RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(&new.name)
        .bind(&new.owner)
        .bind(new.default)
        .bind(&new.query)
        .bind(MAX_VIEWS)
        .bind(person.account())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else {
        // Nothing is to be left of it, the default that was cleared included.
        transaction.rollback().await?;
        return Ok(None);
    };
    transaction.commit().await?;
    view(&row).map(Some)
}

/// What is kept of whose a view is; locked, so that it stays so.
async fn locked(
    connection: &mut PgConnection,
    table: &str,
    id: i64,
) -> Result<Result<Kept, ApiError>, sqlx::Error> {
    let found: Option<(Option<String>, Option<i64>, bool)> = sqlx::query_as(
        "SELECT v.owner, v.account, v.is_default FROM rowcast.saved_view v \
          WHERE v.id = $1 AND v.table_path = $2 FOR UPDATE",
    )
    .bind(id)
    .bind(table)
    .fetch_optional(connection)
    .await?;
    let kept = found.map(|(owner, account, is_default)| Kept {
        owner,
        account,
        is_default,
    });
    Ok(kept.ok_or_else(|| unknown_view(id)))
}

/// Why it is not changed is within.
async fn update(
    pool: &PgPool,
    table: &str,
    person: &Person,
    id: i64,
    edit: &Edit,
) -> Result<Result<SavedView, ApiError>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let found = locked(&mut transaction, table, id).await?;
    let kept = match found.and_then(|kept| person.require_theirs(&kept, id).map(|()| kept)) {
        Ok(kept) => kept,
        Err(refused) => return Ok(Err(refused)),
    };
    let was_default = kept.is_default;
    let account = person.keeps(&kept);
    let (owner, moves) = match &edit.owner {
        Some(None) => (None, kept.owner.is_some()),
        Some(Some(_)) if kept.owner.is_some() && person.account().is_some() => (kept.owner, false),
        Some(Some(asked)) => {
            let name = match person.account() {
                Some(_) => name_of(&mut transaction, account).await?,
                None => None,
            };
            let asked = Some(name.unwrap_or_else(|| person.called(asked)));
            let moves = asked != kept.owner;
            (asked, moves)
        }
        None => (kept.owner, false),
    };
    // Where nobody has an account, whoever gives a view to a name takes it from what had it.
    let account = account.filter(|_| !moves || person.account().is_some());
    let default = edit.default.unwrap_or(was_default && !moves);
    if default {
        clear_default(&mut transaction, table, owner.as_deref(), Some(id)).await?;
    }
    let sql = format!(
        "UPDATE rowcast.saved_view AS v SET name = coalesce($2, v.name), owner = $3, \
             is_default = $4, query = coalesce($5, v.query), account = $6, updated_at = now() \
          WHERE v.id = $1 RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .bind(&edit.name)
        .bind(owner)
        .bind(default)
        .bind(&edit.query)
        .bind(account)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    view(&row).map(Ok)
}

/// What an account is called, if it is one's.
async fn name_of(
    connection: &mut PgConnection,
    account: Option<i64>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT a.name FROM rowcast.account a WHERE a.id = $1")
        .bind(account)
        .fetch_optional(connection)
        .await
}

/// Has no view but that one be the default, of those for the same people.
async fn clear_default(
    connection: &mut PgConnection,
    table: &str,
    owner: Option<&str>,
    but: Option<i64>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE rowcast.saved_view v SET is_default = false, updated_at = now() \
          WHERE v.table_path = $1 AND v.owner IS NOT DISTINCT FROM $2 AND v.is_default \
            AND v.id IS DISTINCT FROM $3",
    )
    .bind(table)
    .bind(owner)
    .bind(but)
    .execute(connection)
    .await?;
    Ok(())
}

fn view(row: &PgRow) -> Result<SavedView, sqlx::Error> {
    Ok(SavedView {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        owner: row.try_get(2)?,
        default: row.try_get(3)?,
        query: row.try_get(4)?,
        created_at: row.try_get(5)?,
        updated_at: row.try_get(6)?,
    })
}

/// Whether two views would have what one may have, by the name of the index.
fn is_about(error: &sqlx::Error, what: &str) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.constraint())
        .is_some_and(|name| name.starts_with("saved_view_") && name.ends_with(what))
}

fn failed(error: &sqlx::Error) -> ApiError {
    if is_about(error, "_name") {
        return ApiError::new(
            "name_taken",
            "there is a saved view of that name already",
            "choose another name, or change that view",
        );
    }
    write_error(error)
}
