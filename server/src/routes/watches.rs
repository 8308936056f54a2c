//! `/api/watches`: one's own watch rules.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::json_body;
use crate::{
    auth::Identity,
    error::HttpError,
    notification::reader,
    state::AppState,
    watching::{
        Edit, NewRule,
        store::{self, Listed, Made, Sent},
    },
};

/// One's own rules.
#[derive(Debug, Serialize)]
pub struct Rules {
    watches: Vec<Listed>,
}

/// What was sent of a rule.
#[derive(Debug, Serialize)]
pub struct Deliveries {
    deliveries: Vec<Sent>,
}

/// One's own rules.
///
/// # Errors
/// `no_account`; those of a read.
pub async fn list(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Rules>, HttpError> {
    let own = reader(&identity)?;
    state.require_database().await?;
    let watches = store::list(&state, &identity, own).await?;
    Ok(Json(Rules { watches }))
}

/// Makes a rule.
///
/// # Errors
/// `wrong_origin`, `no_account`; those of the body; `unknown_table`, `unknown_view`, `invalid_watch`,
/// `not_allowed`, `too_many_watches` and the grammar's.
pub async fn create(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Made>), HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    let new = json_body::read::<NewRule>(&headers, &body)?;
    state.require_database().await?;
    let made = store::create(&state, &identity, own, new).await;
    let made = made.map_err(|unfit| unfit.error)?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Changes one.
///
/// # Errors
/// `wrong_origin`, `no_account`; those of the body; `unknown_watch`, `invalid_watch`, `not_allowed`.
pub async fn alter(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Made>, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    let edit = json_body::read::<Edit>(&headers, &body)?;
    Ok(Json(
        store::alter(&state, &identity, own, number(&id), edit).await?,
    ))
}

/// Removes one.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_watch`, `not_allowed`.
pub async fn delete(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    store::delete(&state.housekeeping, &identity, own, number(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells its owner by every way that it tells, that this is a test.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_watch`.
pub async fn test(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let own = reader(&identity)?;
    store::test(&state, own, number(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was sent of one.
///
/// # Errors
/// `no_account`, `unknown_watch`.
pub async fn deliveries(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Deliveries>, HttpError> {
    let own = reader(&identity)?;
    let deliveries = store::deliveries(&state.housekeeping, own, number(&id)).await?;
    Ok(Json(Deliveries { deliveries }))
}

/// What is no number is that of none.
fn number(id: &str) -> i64 {
    id.parse().unwrap_or(0)
}
