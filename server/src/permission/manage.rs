//! Who may say what others may do with a table.

use rowcast_protocol::ApiError;

use super::{
    Seen,
    store::{By, Subject},
};
use crate::{
    auth::{Identity, rights::require_administrator},
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
