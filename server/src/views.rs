//! Saved views: a table's query under a name, for everybody or for one person.
//!
//! They are rows of `rowcast.saved_view`, which is live like any table: who shows a list of
//! them follows it by a live query. Until there are accounts an owner is a name that somebody
//! gave, so a view that has one is not offered to others, and no secret.

mod checked;

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::PgRow};

pub use self::checked::{Edit, NewView};
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

/// A table's views for everybody and those of one person, by name.
///
/// # Errors
/// Those of a read.
pub async fn list(
    pool: &PgPool,
    table: &str,
    owner: Option<&str>,
) -> Result<Vec<SavedView>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.saved_view v \
          WHERE v.table_path = $1 AND (v.owner IS NULL OR v.owner = $2) \
          ORDER BY v.owner NULLS FIRST, v.name, v.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(owner)
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
    owner: Option<&str>,
    id: Option<i64>,
) -> Result<Vec<SavedView>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.saved_view v \
          WHERE v.table_path = $1 AND (v.owner IS NULL OR v.owner = $2) \
            AND (v.is_default OR v.id = $3) \
          ORDER BY v.name, v.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(table)
        .bind(owner)
        .bind(id)
        .fetch_all(pool)
        .await;
    let views = rows.and_then(|rows| rows.iter().map(view).collect::<Result<Vec<_>, _>>());
    views.map_err(|error| read_error(&error, table))
}

/// Saves a view.
///
/// # Errors
/// `name_taken`, `too_many_views`; those of a write.
pub async fn create(pool: &PgPool, table: &str, new: &NewView) -> Result<SavedView, ApiError> {
    let mut attempt = 1;
    loop {
        match insert(pool, table, new).await {
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
/// `unknown_view`, `name_taken`; those of a write.
pub async fn alter(
    pool: &PgPool,
    table: &str,
    id: i64,
    edit: &Edit,
) -> Result<SavedView, ApiError> {
    let mut attempt = 1;
    loop {
        match update(pool, table, id, edit).await {
            Ok(Some(view)) => return Ok(view),
            Ok(None) => return Err(unknown_view(id)),
            Err(error) if is_about(&error, "_default") && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// Deletes a view.
///
/// # Errors
/// `unknown_view`; those of a write.
pub async fn delete(pool: &PgPool, table: &str, id: i64) -> Result<(), ApiError> {
    let deleted = sqlx::query("DELETE FROM rowcast.saved_view WHERE id = $1 AND table_path = $2")
        .bind(id)
        .bind(table)
        .execute(pool)
        .await
        .map_err(|error| failed(&error))?;
    if deleted.rows_affected() == 0 {
        return Err(unknown_view(id));
    }
    Ok(())
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
    new: &NewView,
) -> Result<Option<SavedView>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if new.default {
        clear_default(&mut transaction, table, new.owner.as_deref(), None).await?;
    }
    let sql = format!(
        "INSERT INTO rowcast.saved_view AS v (table_path, name, owner, is_default, query) \
         SELECT $1, $2, $3, $4, $5 \
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

/// `None` if there is no such view.
async fn update(
    pool: &PgPool,
    table: &str,
    id: i64,
    edit: &Edit,
) -> Result<Option<SavedView>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let found: Option<(Option<String>, bool)> = sqlx::query_as(
        "SELECT v.owner, v.is_default FROM rowcast.saved_view v \
          WHERE v.id = $1 AND v.table_path = $2 FOR UPDATE",
    )
    .bind(id)
    .bind(table)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((owner, was_default)) = found else {
        return Ok(None);
    };
    let (owner, moves) = match &edit.owner {
        Some(new) => (new, *new != owner),
        None => (&owner, false),
    };
    let default = edit.default.unwrap_or(was_default && !moves);
    if default {
        clear_default(&mut transaction, table, owner.as_deref(), Some(id)).await?;
    }
    let sql = format!(
        "UPDATE rowcast.saved_view AS v SET name = coalesce($2, v.name), owner = $3, \
             is_default = $4, query = coalesce($5, v.query), updated_at = now() \
          WHERE v.id = $1 RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .bind(&edit.name)
        .bind(owner)
        .bind(default)
        .bind(&edit.query)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    view(&row).map(Some)
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
