//! What people write to each other: channels, and the posts in them.
//!
//! It is rows of tables of ours that are live like any: whoever shows them follows them by live queries,
//! and of those tables everybody sees the rows of the channels that they are in
//! ([`Theirs`](crate::database::catalog::Theirs)). They are written by what is here and by
//! `rowcast.post` in SQL, in the transaction of whoever calls that, so the change log delivers what was
//! committed, once. Who is told of a post is said by the database, in the transaction that writes it.

mod channel;
mod image;
mod manage;
mod post;
mod read;
pub mod tidy;
mod typing;

pub use self::{
    channel::{Channel, Kind, find, list},
    image::{IMAGE_BYTES, Image, add as add_image, image},
    manage::{
        Altered, Member, New as NewChannel, alter, create, members, remove_member, set_member,
    },
    post::{Added, add, delete, edit, mark_read, react, send, set_muted},
    read::{Around, Page, Post, SHOWN, page, post, search},
    typing::say as say_typing,
};

use rowcast_protocol::ApiError;
use sqlx::postgres::PgDatabaseError;

use crate::{
    auth::{AccountId, Identity},
    error::write_error,
};

/// Whoever takes part in the feed: it is for accounts.
///
/// # Errors
/// `no_account` of somebody who has none.
pub fn participant(identity: &Identity) -> Result<(AccountId, &str), ApiError> {
    identity.signed_in().ok_or_else(|| {
        ApiError::new(
            "no_account",
            "who has no account is in no channel",
            "sign in; where nobody has to (ROWCAST_AUTH=off) there is no feed",
        )
    })
}

/// There is no such channel, or they are not in it: the two answer alike.
pub fn unknown_channel() -> ApiError {
    ApiError::new(
        "unknown_channel",
        "there is no such channel",
        "GET /api/channels lists those that you are in",
    )
}

/// There is no such post, or it is not theirs: the two answer alike.
pub fn unknown_post() -> ApiError {
    ApiError::new(
        "unknown_post",
        "there is no such post of yours",
        "it may have been deleted meanwhile",
    )
}

/// The functions of the database say in fixed words what is wrong.
fn refused(error: &sqlx::Error) -> ApiError {
    let known = error.as_database_error().and_then(|error| {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        match error.code() {
            "P0002" => Some(unknown_channel()),
            "RC403" => Some(ApiError::new(
                "not_allowed",
                error.message(),
                error.hint().unwrap_or_default(),
            )),
            "22023" => Some(ApiError::new(
                "invalid_post",
                error.message(),
                error.hint().unwrap_or_default(),
            )),
            _ => None,
        }
    });
    known.unwrap_or_else(|| write_error(error))
}
