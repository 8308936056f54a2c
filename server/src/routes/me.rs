//! `/api/me`, `/api/sessions` and `/api/tokens`: whoever asks, and what proves them.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use rowcast_protocol::ApiError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{json_body, own_account::current};
use crate::{
    auth::{
        AccountId, Credential, Identity,
        rights::require_own,
        session::{self, Session},
        token::{self, NewToken, Token},
    },
    error::HttpError,
    state::AppState,
};

/// Who asks.
#[derive(Debug, Serialize)]
pub struct Me {
    id: Option<AccountId>,
    name: String,
    roles: Vec<Arc<str>>,
    attributes: Map<String, Value>,
    administrator: bool,
    scope: &'static str,
    credential: Option<&'static str>,
}

/// One's sessions.
#[derive(Debug, Serialize)]
pub struct Sessions {
    sessions: Vec<Session>,
}

/// One's tokens.
#[derive(Debug, Serialize)]
pub struct Tokens {
    tokens: Vec<Token>,
}

/// A token that was just made, with its secret.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    made: &'a Token,
    token: &'a str,
}

/// Who asks; without an account where nobody has to sign in.
pub async fn me(Extension(identity): Extension<Arc<Identity>>) -> impl IntoResponse {
    let me = Me {
        id: identity.account,
        name: identity.name.clone(),
        roles: identity.roles.iter().cloned().collect(),
        attributes: identity.attributes.clone(),
        administrator: identity.is_administrator(),
        scope: identity.scope.name(),
        credential: identity.credential.map(|credential| match credential {
            Credential::Session(_) => "session",
            Credential::Token(_) => "token",
        }),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(me))
}

/// One's sessions, the one that asks first.
///
/// # Errors
/// `not_allowed`, `no_account`; those of a read.
pub async fn sessions(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Sessions>, HttpError> {
    let own = require_own(&identity)?;
    let sessions = session::list(state.accounts.pool(), own, current(&identity)).await?;
    Ok(Json(Sessions { sessions }))
}

/// Ends all one's sessions but the one that asks.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `no_account`; those of a write.
pub async fn end_sessions(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<StatusCode, HttpError> {
    let own = require_own(&identity)?;
    session::revoke_others(state.accounts.pool(), own, current(&identity)).await?;
    state.accounts.changed(Some(own)).await;
    tracing::info!(account = own.0, "all other sessions were ended");
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one of one's sessions.
///
/// # Errors
/// As [`end_sessions`]; `unknown_session`.
pub async fn end_session(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    let own = require_own(&identity)?;
    session::revoke(state.accounts.pool(), own, number(&id)?).await?;
    state.accounts.changed(Some(own)).await;
    tracing::info!(account = own.0, "a session was ended");
    Ok(StatusCode::NO_CONTENT)
}

/// One's tokens, without what proves them.
///
/// # Errors
/// `not_allowed`, `no_account`; those of a read.
pub async fn tokens(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Tokens>, HttpError> {
    let own = require_own(&identity)?;
    let tokens = token::list(state.accounts.pool(), own).await?;
    Ok(Json(Tokens { tokens }))
}

/// Makes a token, and tells it this once.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `no_account`; those of the body; `invalid_token`,
/// `name_taken`, `too_many_tokens`.
pub async fn create_token(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, HttpError> {
    let own = require_own(&identity)?;
    let new = json_body::read::<NewToken>(&headers, &body)?;
    let (made, secret) = token::create(state.accounts.pool(), own, &new).await?;
    tracing::info!(account = own.0, token = made.id, "a token was made");
    let made = Made {
        made: &made,
        token: secret.reveal(),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

/// Revokes one of one's tokens.
///
/// # Errors
/// As [`end_sessions`]; `unknown_token`.
pub async fn revoke_token(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    let own = require_own(&identity)?;
    let id = number(&id)?;
    token::revoke(state.accounts.pool(), own, id).await?;
    state.accounts.changed(Some(own)).await;
    tracing::info!(account = own.0, token = id, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// The number in an address.
///
/// # Errors
/// `not_found`.
pub fn number(id: &str) -> Result<i64, ApiError> {
    id.parse()
        .map_err(|_| ApiError::new("not_found", "there is nothing at this address", ""))
}
