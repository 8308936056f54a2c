//! `/api/comments`: what is written about rows. It is read as the table `rowcast.comment`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
    http::Uri,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::json_body;
use crate::{
    auth::Identity,
    comment::{self, Thread, Written, may_delete_others, participant},
    error::HttpError,
    history::address::row_address,
    state::AppState,
};

/// The number of what was made.
#[derive(Debug, Serialize)]
pub struct Made {
    id: i64,
}

/// What somebody may do with the thread about a row.
#[derive(Debug, Serialize)]
pub struct Rights {
    /// Its page.
    page: String,
    /// The key as it is kept.
    key: String,
    /// The account that they write as.
    account: Option<i64>,
    /// Whether they may take away what others wrote.
    may_delete: bool,
}

/// What one may do with the thread about a row that one sees.
///
/// # Errors
/// `unknown_table`, `unknown_row`, `no_comments`, `invalid_key`.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    uri: Uri,
) -> Result<Json<Rights>, HttpError> {
    state.require_database().await?;
    let (table, key) = row_address(uri.path(), "/api/comments/")?;
    let thread = Thread::find(state.seen(&identity), &table, key).await?;
    Ok(Json(Rights {
        page: thread.page(),
        account: identity.account.map(|account| account.0),
        may_delete: identity.account.is_some() && may_delete_others(&identity, &thread),
        key: thread.key,
    }))
}

/// Writes about a row.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_table`, `unknown_row`, `no_comments`, `invalid_key`; those of the
/// body; `invalid_comment`.
pub async fn add(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Made>), HttpError> {
    state.check_origin(&headers)?;
    participant(&identity)?;
    state.require_database().await?;
    // What is decoded has lost which commas separate values.
    let (table, key) = row_address(uri.path(), "/api/comments/")?;
    let thread = Thread::find(state.seen(&identity), &table, key).await?;
    let Written { body } = json_body::read(&headers, &body)?;
    let id = comment::add(&state, &identity, &thread, &body).await?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Changes what one wrote.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_comment`; those of the body; `invalid_comment`.
pub async fn edit(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    participant(&identity)?;
    let Written { body } = json_body::read(&headers, &body)?;
    comment::edit(&state, &identity, number(&id), &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away what one wrote, or what others did about rows of a table that one manages.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_comment`.
pub async fn delete(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    comment::delete(&state, &identity, number(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes all that was written about a row, or the one that had its key, of a table that one manages.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_table`, `invalid_key`, `unknown_comment`.
pub async fn clear(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    state.require_database().await?;
    let (table, key) = row_address(uri.path(), "/api/comments/")?;
    comment::clear(&state, &identity, &table, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no number is that of none.
fn number(id: &str) -> i64 {
    id.parse().unwrap_or(0)
}
