//! What people write to each other about rows: a thread for each row of a table with a key.
//!
//! It is rows of tables of ours that are live like any. Who reads them is who sees the row that they are
//! about, so they are asked for by naming rows of a table, and that is refused where those are not seen
//! ([`restrict`]). What was seen once may not be any more, so of what is followed it is asked again before
//! anything is sent ([`Guard`]).

mod asked;
mod guard;
mod read;
mod thread;
pub mod tidy;
mod write;

pub use self::{
    asked::{MAX_KEYS, restrict},
    guard::{Guard, Guards},
    read::{Comment, Page, SHOWN, own_body, page},
    thread::Thread,
    write::{Written, add, clear, delete, edit, may_delete_others},
};

use rowcast_protocol::ApiError;
use sqlx::postgres::PgDatabaseError;

use crate::{
    auth::{AccountId, Identity},
    error::write_error,
};

/// Whoever has to do with comments: that is for accounts.
///
/// # Errors
/// `no_account` of somebody who has none.
pub fn participant(identity: &Identity) -> Result<(AccountId, &str), ApiError> {
    identity.signed_in().ok_or_else(|| {
        ApiError::new(
            "no_account",
            "comments are read and written by accounts",
            "sign in; where nobody has to (ROWCAST_AUTH=off) there are none",
        )
    })
}

/// There is no such row, or they don't see it: the two answer alike.
pub fn unknown_row(table: &str) -> ApiError {
    ApiError::new(
        "unknown_row",
        format!("there is no such row in {table}"),
        "it may have been deleted meanwhile",
    )
}

/// There is no such comment, or it is not theirs, or they don't see its row: those answer alike.
pub fn unknown_comment() -> ApiError {
    ApiError::new(
        "unknown_comment",
        "there is no such comment of yours",
        "it may have been deleted meanwhile",
    )
}

/// The functions of the database say in fixed words what is wrong.
fn refused(error: &sqlx::Error) -> ApiError {
    let known = error.as_database_error().and_then(|error| {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        (error.code() == "22023").then(|| {
            ApiError::new(
                "invalid_comment",
                error.message(),
                error.hint().unwrap_or_default(),
            )
        })
    });
    known.unwrap_or_else(|| write_error(error))
}
