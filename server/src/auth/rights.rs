//! Who may see to which accounts.

use rowcast_protocol::ApiError;

use super::identity::{AccountId, Identity};

/// Lets administrators do what is theirs to do.
///
/// # Errors
/// `not_allowed`.
pub fn require_administrator(identity: &Identity) -> Result<(), ApiError> {
    match identity.is_administrator() {
        true => Ok(()),
        false => Err(ApiError::new(
            "not_allowed",
            "that is for administrators",
            "a token needs the scope admin",
        )),
    }
}

/// Whose account may be changed by its owner's request.
///
/// # Errors
/// `not_allowed`; `no_account` where nobody has one.
pub fn require_own(identity: &Identity) -> Result<AccountId, ApiError> {
    match identity.account {
        Some(account) if identity.may_manage_account() => Ok(account),
        Some(_) => Err(ApiError::new(
            "not_allowed",
            "that needs a session, or a token with the scope admin",
            "",
        )),
        None => Err(ApiError::new(
            "no_account",
            "nobody has to sign in here, so nobody has an account",
            "start the server without ROWCAST_AUTH=off",
        )),
    }
}
