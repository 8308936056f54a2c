//! `/api/presence/{table}`: who looks at a table.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::json_body;
use crate::{
    auth::Identity,
    error::HttpError,
    presence::{Said, Session},
    state::AppState,
};

/// Whether the page is there or has left.
#[derive(Debug, Deserialize)]
pub struct Asked {
    leave: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Left {
    session: String,
}

/// Takes that a page is there, and where; with `?leave`, that it has left. It is written a
/// moment later.
///
/// # Errors
/// `wrong_origin`; those of the body; `unknown_table`; `invalid_presence`, `unknown_column`;
/// `too_busy`.
pub async fn show(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let said = json_body::read::<Said>(&headers, &body)?;
    if asked.leave.is_some() {
        state
            .presence
            .leave(Session::new(&said.session, &identity)?);
        return Ok(StatusCode::NO_CONTENT);
    }
    state.require_database().await?;
    let table = state.seen(&identity).table(&table).await?;
    let (session, seen) = said.check(&table.described(), &identity)?;
    state.presence.show(session, seen)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes that a page has left.
///
/// # Errors
/// `wrong_origin`; `invalid_presence`.
pub async fn leave(
    State(state): State<AppState>,
    Query(left): Query<Left>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    state
        .presence
        .leave(Session::new(&left.session, &identity)?);
    Ok(StatusCode::NO_CONTENT)
}
