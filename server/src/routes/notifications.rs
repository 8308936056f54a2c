//! `/api/notifications`: what somebody was told. It is read as the table `rowcast.notification`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};

use super::json_body;
use crate::{
    auth::Identity,
    error::HttpError,
    notification::{self, MARKED, New, Quiet, Settings, reader},
    state::AppState,
};

/// The number of what was sent.
#[derive(Debug, Serialize)]
pub struct Sent {
    id: i64,
}

/// What one becomes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    read: bool,
}

/// Which become read: those of these numbers, or all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    #[serde(default)]
    ids: Option<Vec<i64>>,
    #[serde(default)]
    all: bool,
}

/// How many became read.
#[derive(Debug, Serialize)]
pub struct Marked {
    read: u64,
}

/// How one wants to be told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSettings {
    quiet: Option<Quiet>,
}

/// How many wait to be read, and how one wants to be told.
///
/// # Errors
/// `no_account`; those of a read.
pub async fn settings(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Settings>, HttpError> {
    let own = reader(&identity)?;
    state.require_database().await?;
    Ok(Json(
        notification::settings(&state.housekeeping, own).await?,
    ))
}

/// Sets how one wants to be told.
///
/// # Errors
/// `wrong_origin`, `no_account`; those of the body; `invalid_quiet_hours`.
pub async fn set(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    let new = json_body::read::<NewSettings>(&headers, &body)?;
    let quiet = new.quiet.map(Quiet::check).transpose()?;
    notification::set_quiet(&state.housekeeping, own, quiet.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells somebody something: administrators tell everybody, others themselves.
///
/// # Errors
/// `wrong_origin`; those of the body; `not_allowed`, `no_account`, `unknown_account`,
/// `invalid_notification`.
pub async fn send(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Sent>), HttpError> {
    state.check_origin(&headers)?;
    let new = json_body::read::<New>(&headers, &body)?;
    let user = new.addressee(&identity)?;
    let sender = match identity.signed_in() {
        Some((_, name)) => name,
        None => "rowcast",
    };
    let id = notification::send(&state.housekeeping, sender, &user, &new).await?;
    Ok((StatusCode::CREATED, Json(Sent { id })))
}

/// Marks one as read or not.
///
/// # Errors
/// `wrong_origin`, `no_account`; those of the body; `unknown_notification`.
pub async fn mark(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    let Mark { read } = json_body::read(&headers, &body)?;
    notification::mark(&state.housekeeping, own, number(&id), read).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks several as read.
///
/// # Errors
/// `wrong_origin`, `no_account`; those of the body; `invalid_notification`.
pub async fn mark_read(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Marked>, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    let MarkRead { ids, all } = json_body::read(&headers, &body)?;
    // What is meant is said: what has just come may not have been seen.
    let is_some = ids.as_ref().is_some_and(|ids| ids.len() <= MARKED);
    if is_some == all {
        return Err(HttpError(ApiError::new(
            "invalid_notification",
            "it is not said which ones",
            format!("ids, at most {MARKED} of them, or \"all\": true"),
        )));
    }
    let read = notification::mark_read(&state.housekeeping, own, ids.as_deref()).await?;
    Ok(Json(Marked { read }))
}

/// Removes one.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_notification`.
pub async fn delete(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    notification::delete(&state.housekeeping, own, number(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no number is that of none.
fn number(id: &str) -> i64 {
    id.parse().unwrap_or(0)
}
