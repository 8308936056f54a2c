//! `POST /api/bulk/{table}?query`: one change of all rows that match.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    response::Response,
};
use bytes::Bytes;
use http::HeaderMap;
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{json_body, row::admit};
use crate::{
    error::read_error,
    query::bind::bind,
    state::{AppState, too_busy},
    write::{
        attempt::attempt,
        bulk::{Action, Bulk, count, parse_query},
        object::Object,
        refusal::Refusal,
        values::require_key,
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    set: Option<Object>,
    #[serde(default)]
    delete: bool,
    count: Option<u64>,
    #[serde(default)]
    dry_run: bool,
}

/// Sets values in all rows that match, or deletes them: 200, how many they were, and what
/// undoes it. With `dry_run`, only how many they are.
///
/// # Errors
/// As docs/api.md has them.
pub async fn change(
    State(state): State<AppState>,
    Path(table): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &headers).await?;
    let asked: Asked = json_body::read(&headers, &body)?;
    let query = parse_query(&query.unwrap_or_default())?;
    if asked.dry_run {
        let table = state.catalog.table(&table).await?;
        require_key(&table)?;
        let path = table.table.path();
        let bound = bind(&state.catalog, &state.pool, table, &query).await?;
        let count = count(&state.pool, &bound)
            .await
            .map_err(|error| read_error(&error, &path))?;
        return Ok(answer(count, None));
    }
    let (action, count) = match (asked.set, asked.delete, asked.count) {
        (Some(set), false, Some(count)) => (Action::Set(set), count),
        (None, true, Some(count)) => (Action::Delete, count),
        _ => return Err(incomplete()),
    };
    let _place = Arc::clone(&state.long_writes)
        .try_acquire_owned()
        .map_err(|_| too_busy())?;
    let bulk = Bulk {
        state: &state,
        author: &author,
        query: &query,
        action: &action,
        count,
    };
    let (_, done) = attempt(&state, &table, &bulk).await?;
    Ok(answer(count, done.undo))
}

fn incomplete() -> Refusal {
    ApiError::new(
        "invalid_json",
        "it must say what to do, and to how many rows",
        "{\"set\":{…},\"count\":N}, {\"delete\":true,\"count\":N} or {\"dry_run\":true}",
    )
    .into()
}

fn answer(count: u64, undo: Option<Vec<u8>>) -> Response {
    let mut body = format!("{{\"count\":{count}").into_bytes();
    if let Some(undo) = undo {
        body.extend_from_slice(b",\"undo\":");
        body.extend_from_slice(&undo);
    }
    body.push(b'}');
    json_body::answer(body)
}
