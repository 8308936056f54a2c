//! What roles there are.

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::error::{read_error, sqlstate};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whether it is always there.
    pub built_in: bool,
    /// What it is for.
    pub about: String,
}

/// All roles, by name.
///
/// # Errors
/// `database_unavailable`, `too_slow`.
pub async fn roles(pool: &PgPool) -> Result<Vec<Role>, ApiError> {
    let rows = sqlx::query("SELECT name, is_built_in, about FROM rowcast.role ORDER BY name")
        .fetch_all(pool)
        .await
        .map_err(|error| read_error(&error, ""))?;
    let role = |row: &PgRow| -> Result<Role, sqlx::Error> {
        Ok(Role {
            name: row.try_get(0)?,
            built_in: row.try_get(1)?,
            about: row.try_get(2)?,
        })
    };
    let read = rows.iter().map(role).collect::<Result<_, _>>();
    read.map_err(|error| read_error(&error, ""))
}

/// Makes a role.
///
/// # Errors
/// `invalid_role`, `name_taken`; `database_unavailable`.
pub async fn add_role(pool: &PgPool, name: &str, about: &str) -> Result<Role, ApiError> {
    let done = sqlx::query("INSERT INTO rowcast.role (name, about) VALUES ($1, $2)")
        .bind(name)
        .bind(about)
        .execute(pool)
        .await;
    match done {
        Ok(_) => Ok(Role {
            name: name.to_owned(),
            built_in: false,
            about: about.to_owned(),
        }),
        Err(error) => Err(match &*sqlstate(&error) {
            "23505" => ApiError::new("name_taken", format!("there is a role {name:?}"), ""),
            // A check of the table, or text that can't be kept.
            "23514" | "22021" => ApiError::new(
                "invalid_role",
                "a role's name is made of a to z, digits, - and _, and begins with a letter",
                "at most 63 letters; 500 for what it is about",
            ),
            _ => read_error(&error, ""),
        }),
    }
}

/// Removes a role.
///
/// # Errors
/// `unknown_role`; `invalid_role` for one that is built in; `database_unavailable`.
pub async fn remove_role(pool: &PgPool, name: &str) -> Result<(), ApiError> {
    let done = sqlx::query("DELETE FROM rowcast.role WHERE name = $1 AND NOT is_built_in")
        .bind(name)
        .execute(pool)
        .await
        .map_err(|error| read_error(&error, ""))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    let roles = roles(pool).await?;
    Err(match roles.iter().any(|role| role.name == name) {
        true => ApiError::new("invalid_role", format!("{name:?} is always there"), ""),
        false => unknown_role(name),
    })
}

/// There is no such role.
pub fn unknown_role(role: &str) -> ApiError {
    ApiError::new("unknown_role", format!("there is no role {role:?}"), "")
}
