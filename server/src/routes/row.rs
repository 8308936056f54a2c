//! `POST /api/rows/{table}`, `PATCH` and `DELETE /api/rows/{table}/{key}`: writing one row.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use rowcast_protocol::Cell;
use serde::Deserialize;

use super::json_body;
use crate::{
    auth::Identity,
    database::catalog::TableMeta,
    permission::Action,
    state::AppState,
    write::{
        attempt::attempt,
        author::Author,
        change::Change,
        key,
        object::Object,
        refusal::Refusal,
        row::write_row,
        single::Single,
        values::{Values, nothing_set, require_allowed, require_key, require_rows},
    },
};

/// What a `PATCH` brings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    set: Object,
    #[serde(default)]
    expect: Object,
}

/// What a `DELETE` may bring.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    #[serde(default)]
    expect: Object,
}

/// Inserts a row: 201 and the row as it is in the table.
///
/// # Errors
/// As docs/api.md has them.
pub async fn insert(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(table): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    let object: Object = json_body::read(&headers, &body)?;
    let change = |table: &TableMeta| {
        require_rows(table)?;
        require_allowed(table, Action::Insert)?;
        let row = Values::bind_written(table, &object)?;
        Ok(Change::Insert {
            row,
            restore: false,
        })
    };
    let work = Single {
        author: &author,
        change,
    };
    let (table, row) = attempt(&state, &identity, &table, &work).await?;
    let row = row.unwrap_or_default();
    let mut response = (StatusCode::CREATED, answer(&table, &row)).into_response();
    if table.has_key() {
        let path = format!(
            "/api/rows/{}/{}",
            key::encode_segment(&table.table.path()),
            key::to_path(&table, &row)
        );
        // An address that is percent-encoded holds nothing that a header can't.
        if let Ok(location) = HeaderValue::try_from(path) {
            response.headers_mut().insert(header::LOCATION, location);
        }
    }
    Ok(response)
}

/// Sets values of a row: 200 and the row as it is now.
///
/// # Errors
/// As docs/api.md has them.
pub async fn update(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((table, _)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    let Patch { set, expect } = json_body::read(&headers, &body)?;
    if set.0.is_empty() {
        return Err(nothing_set());
    }
    let change = |table: &TableMeta| {
        require_key(table)?;
        require_allowed(table, Action::Update)?;
        Ok(Change::Update {
            key: key::from_path(table, last_segment(&uri))?,
            set: Values::bind_written(table, &set)?,
            expect: Values::bind(table, &expect)?,
        })
    };
    let work = Single {
        author: &author,
        change,
    };
    let (table, row) = attempt(&state, &identity, &table, &work).await?;
    Ok(answer(&table, &row.unwrap_or_default()))
}

/// Deletes a row: 204.
///
/// # Errors
/// As docs/api.md has them.
pub async fn delete(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((table, _)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    let Removal { expect } = if body.is_empty() {
        Removal::default()
    } else {
        json_body::read(&headers, &body)?
    };
    let change = |table: &TableMeta| {
        require_key(table)?;
        require_allowed(table, Action::Delete)?;
        Ok(Change::Delete {
            key: key::from_path(table, last_segment(&uri))?,
            expect: Values::bind(table, &expect)?,
        })
    };
    let work = Single {
        author: &author,
        change,
    };
    attempt(&state, &identity, &table, &work).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lets a writer in, and says who it is.
///
/// # Errors
/// `wrong_origin`, `invalid_author`, `database_unavailable`.
pub async fn admit(
    state: &AppState,
    identity: &Identity,
    headers: &HeaderMap,
) -> Result<Author, Refusal> {
    state.check_origin(headers)?;
    let author = Author::of(identity, headers)?;
    state.require_database().await?;
    Ok(author)
}

/// The last part of the address as it stands there: what is decoded has lost which commas
/// separate values.
fn last_segment(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}

fn answer(table: &TableMeta, row: &[Cell]) -> Response {
    let mut body = Vec::new();
    write_row(table, row, &mut body);
    json_body::answer(body)
}
