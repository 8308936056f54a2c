//! `/api/views/{table}`: a table's saved views.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::json_body;
use crate::{
    error::HttpError,
    state::AppState,
    views::{self, Edit, NewView, SavedView},
};

/// Whose views.
#[derive(Debug, Deserialize)]
pub struct Asked {
    owner: Option<String>,
}

/// A table's views.
#[derive(Debug, Serialize)]
pub struct Views {
    views: Vec<SavedView>,
}

/// The views for everybody, and those of `owner` if one is given.
///
/// # Errors
/// `unknown_table`; `database_unavailable`.
pub async fn list(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Views>, HttpError> {
    let table = path_of(&state, &table).await?;
    let owner = asked.owner.as_deref().filter(|owner| !owner.contains('\0'));
    let views = views::list(&state.pool, &table, owner).await?;
    Ok(Json(Views { views }))
}

/// Saves a view.
///
/// # Errors
/// `wrong_origin`; those of the body; `unknown_table`; `invalid_view` and the grammar's;
/// `name_taken`, `too_many_views`.
pub async fn create(
    State(state): State<AppState>,
    Path(table): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<SavedView>), HttpError> {
    state.check_origin(&headers)?;
    let new = json_body::read::<NewView>(&headers, &body)?.check()?;
    let table = path_of(&state, &table).await?;
    let view = views::create(&state.housekeeping, &table, &new).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Changes a view.
///
/// # Errors
/// As [`create`]; `unknown_view`.
pub async fn alter(
    State(state): State<AppState>,
    Path((table, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<SavedView>, HttpError> {
    state.check_origin(&headers)?;
    let edit = json_body::read::<Edit>(&headers, &body)?.check()?;
    let table = path_of(&state, &table).await?;
    let id = number(&id)?;
    Ok(Json(
        views::alter(&state.housekeeping, &table, id, &edit).await?,
    ))
}

/// Deletes a view.
///
/// # Errors
/// `wrong_origin`; `unknown_table`, `unknown_view`.
pub async fn delete(
    State(state): State<AppState>,
    Path((table, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let table = path_of(&state, &table).await?;
    views::delete(&state.housekeeping, &table, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The one name by which the table's views are kept, whichever it was asked by.
async fn path_of(state: &AppState, table: &str) -> Result<String, HttpError> {
    state.require_database().await?;
    Ok(state.catalog.table(table).await?.table.path())
}

fn number(id: &str) -> Result<i64, HttpError> {
    Ok(id.parse().map_err(|_| views::unknown_view(id))?)
}
