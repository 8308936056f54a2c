//! Who may say what others may do with a table.

use rowcast_protocol::{ApiError, Table};

use super::{
    Seen,
    path::path,
    store::{By, Subject},
};
use crate::{
    auth::{Identity, rights::require_administrator},
    database::impersonation::DatabaseUser,
    error::unknown_table,
};

/// Lets those who manage any table see to permissions.
///
/// # Errors
/// `not_allowed`.
pub fn require_manager(identity: &Identity) -> Result<(), ApiError> {
    match identity.may_manage_account() && identity.rights.manage_anything() {
        true => Ok(()),
        false => require_administrator(identity),
    }
}

/// The tables, by [`path`], of which somebody may say what others may do with them.
///
/// # Errors
/// `not_allowed`; `database_unavailable`.
pub async fn managed(seen: Seen<'_>, identity: &Identity) -> Result<Vec<String>, ApiError> {
    require_manager(identity)?;
    let is_administrator = identity.is_administrator();
    let readable = match &identity.database {
        _ if is_administrator => None,
        DatabaseUser::Server => None,
        DatabaseUser::Nobody => return Ok(Vec::new()),
        DatabaseUser::Role(of) => Some(seen.catalog().readable(&of.role).await?),
    };
    let is_theirs = |table: &Table| {
        let is_whole = readable.as_ref().is_none_or(|readable| {
            let of = readable.get(&(table.schema.clone(), table.name.clone()));
            of.is_some_and(|of| !of.is_secured && of.unreadable.is_empty())
        });
        is_administrator || is_whole && identity.rights.manage(&path(&table.schema, &table.name))
    };
    let tables = seen.catalog().tables().await?;
    Ok(tables
        .iter()
        .filter(|table| is_theirs(table))
        .map(|table| path(&table.schema, &table.name))
        .collect())
}

/// By whose right somebody may say what others may do with this, which they asked for by `name`.
///
/// # Errors
/// `not_allowed`; `unknown_table`, of one that they may not read as of one that there is not;
/// `database_unavailable`.
pub async fn right_over(
    seen: Seen<'_>,
    identity: &Identity,
    subject: &Subject,
    name: &str,
) -> Result<By, ApiError> {
    require_manager(identity)?;
    if identity.is_administrator() {
        return Ok(By::Administrator);
    }
    match subject {
        Subject::EveryTable => Err(not_managed(name)),
        Subject::Gone(_) => Err(unknown_table(name)),
        Subject::Table(table) => {
            let seen = seen.known(std::sync::Arc::clone(table), name).await?;
            // Who says what others see reads all of it, also as the database has it.
            let keeps_back = seen
                .rules
                .as_ref()
                .is_some_and(|rules| rules.is_secured || !rules.unreadable.is_empty());
            if keeps_back {
                return Err(not_managed(name));
            }
            match identity.rights.manage(&subject.path()) && !table.is_ours() {
                true => Ok(By::Manager),
                false => Err(not_managed(name)),
            }
        }
    }
}

fn not_managed(name: &str) -> ApiError {
    ApiError::new(
        "not_allowed",
        format!("what others may do with {name} is not for you to say"),
        "an administrator may allow it",
    )
}
