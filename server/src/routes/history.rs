//! `GET /api/history/{table}/{key}`: a row's past.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Query, State},
    http::Uri,
    response::{IntoResponse, Response},
};
use http::header;
use rowcast_protocol::{ApiError, calendar};
use serde::{Deserialize, Serialize};

use crate::{
    audit,
    auth::Identity,
    error::{HttpError, unknown_table},
    history::{
        self, Change, DEFAULT_LIMIT, MAX_LIMIT,
        address::{key_values, row_address},
    },
    limit::Subject,
    query::read::catalog_changed,
    state::AppState,
};

/// Which part of the past.
#[derive(Debug, Deserialize)]
pub struct Asked {
    limit: Option<usize>,
    before: Option<String>,
}

/// A part of a row's past.
#[derive(Debug, Serialize)]
pub struct Answer {
    changes: Vec<Change>,
    since: String,
    more: bool,
    next: Option<String>,
}

/// The row's changes, the newest first, as far as the log reaches.
///
/// # Errors
/// `unknown_table`, `invalid_key`, `invalid_limit`; those of [`history::read`].
pub async fn read(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    subject: Option<Extension<Subject>>,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> Result<Response, HttpError> {
    state.require_database().await?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(HttpError(ApiError::new(
            "invalid_limit",
            format!("limit={limit} is not possible"),
            format!("a number from 1 to {MAX_LIMIT}"),
        )));
    }
    let (name, key) = row_address(uri.path(), "/api/history/")?;
    let _turn = state
        .scans
        .take(subject.map(|Extension(subject)| subject))
        .await;
    let seen = state.seen(&identity);
    let table = seen.table(&name).await?;
    // What is in those is of other tables, which not everybody may read.
    let is_private = !identity.is_everyone() && !table.is_for_administrators();
    if table.is_ours() && (is_private || !seen.sees_everything()) {
        return Err(HttpError(unknown_table(&name)));
    }
    if table.is_audit() {
        audit::reading(&state.housekeeping).await?;
    }
    let key = key_values(key, table.key.len())?;
    let found = history::read(
        state.readers.ours(),
        &table,
        &key,
        limit,
        asked.before.as_deref(),
    )
    .await?;
    // It was read as the server: by what held then.
    if !state.catalog.has_same_rules(&table).await? {
        return Err(HttpError(catalog_changed()));
    }
    let answer = Answer {
        changes: found.changes,
        since: calendar::unix_text(found.since),
        more: found.next.is_some(),
        next: found.next,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
