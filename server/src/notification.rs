//! What people are told, and wait to read.
//!
//! It is rows of `rowcast.notification`, which is live like any table: whoever shows them follows
//! them by a live query, and of that table everybody sees the rows of their own account alone,
//! administrators too. It is written by what is here and by `rowcast.notify` in SQL, in the
//! transaction of whoever calls that, so the change log delivers what was committed, once.

mod kept;
mod send;
pub mod tidy;

pub use self::{
    kept::{
        Kept, Quiet, Settings, count_unread, delete, list, mark, mark_read, set_quiet, settings,
    },
    send::{New, send},
};

use rowcast_protocol::ApiError;

use crate::auth::{AccountId, Identity};

/// The most notifications that are marked at once.
pub const MARKED: usize = 1000;

/// Whose notifications a request is about.
///
/// # Errors
/// `no_account` of somebody who has none.
pub fn reader(identity: &Identity) -> Result<AccountId, ApiError> {
    identity.account.ok_or_else(|| {
        ApiError::new(
            "no_account",
            "who has no account is not told anything",
            "sign in; where nobody has to (ROWCAST_AUTH=off) there are no notifications",
        )
    })
}
