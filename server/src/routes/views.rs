//! `/api/views/{table}`: a table's saved views.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, Query, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::json_body;
use crate::{
    auth::Identity,
    error::HttpError,
    permission::may_know_view,
    state::AppState,
    views::{self, Edit, NewView, Person, SavedView},
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

/// The views for everybody, and one's own: of whoever has no account, those of `owner`.
///
/// # Errors
/// `unknown_table`; `database_unavailable`.
pub async fn list(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Views>, HttpError> {
    state.require_database().await?;
    let seen = state.seen(&identity);
    let meta = seen.table(&table).await?;
    let table = meta.table.path();
    let person = Person::of(&identity, asked.owner.as_deref());
    let mut views = Vec::new();
    for view in views::list(state.readers.ours(), &table, &person).await? {
        if may_know_view(seen, &meta, &view.query, view.owner.is_none()).await {
            views.push(view);
        }
    }
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
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<SavedView>), HttpError> {
    state.check_origin(&headers)?;
    let new = json_body::read::<NewView>(&headers, &body)?.check()?;
    let table = path_of(&state, &identity, &table).await?;
    let person = Person::of(&identity, None);
    let view = views::create(&state.housekeeping, &table, &person, &new).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Changes a view.
///
/// # Errors
/// As [`create`]; `unknown_view`, `not_allowed`.
pub async fn alter(
    State(state): State<AppState>,
    Path((table, id)): Path<(String, String)>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<SavedView>, HttpError> {
    state.check_origin(&headers)?;
    let edit = json_body::read::<Edit>(&headers, &body)?.check()?;
    let id = number(&id)?;
    let table = known(&state, &identity, &table, id).await?;
    let person = Person::of(&identity, None);
    let view = views::alter(&state.housekeeping, &table, &person, id, &edit).await?;
    Ok(Json(view))
}

/// Deletes a view.
///
/// # Errors
/// `wrong_origin`; `unknown_table`, `unknown_view`, `not_allowed`.
pub async fn delete(
    State(state): State<AppState>,
    Path((table, id)): Path<(String, String)>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let id = number(&id)?;
    let table = known(&state, &identity, &table, id).await?;
    let person = Person::of(&identity, None);
    views::delete(&state.housekeeping, &table, &person, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same, where the view of that number is one that whoever asks may know of.
async fn known(
    state: &AppState,
    identity: &Identity,
    table: &str,
    id: i64,
) -> Result<String, HttpError> {
    state.require_database().await?;
    let seen = state.seen(identity);
    let meta = seen.table(table).await?;
    let path = meta.table.path();
    let view = views::find(state.readers.ours(), &path, id).await?;
    match may_know_view(seen, &meta, &view.query, view.owner.is_none()).await {
        true => Ok(path),
        false => Err(views::unknown_view(id).into()),
    }
}

/// The one name by which the table's views are kept, whichever it was asked by.
async fn path_of(state: &AppState, identity: &Identity, table: &str) -> Result<String, HttpError> {
    state.require_database().await?;
    Ok(state.seen(identity).table(table).await?.table.path())
}

fn number(id: &str) -> Result<i64, HttpError> {
    Ok(id.parse().map_err(|_| views::unknown_view(id))?)
}
