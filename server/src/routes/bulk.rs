//! `POST /api/bulk/{table}?query`: one change of all rows that match.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    response::Response,
};
use bytes::Bytes;
use http::HeaderMap;
use rowcast_protocol::{ApiError, query::Filter};
use serde::Deserialize;

use super::{json_body, row::admit};
use crate::{
    auth::Identity,
    database::catalog::TableMeta,
    error::read_error,
    limit::Subject,
    permission::{self, restrict},
    query::bind::bind,
    state::AppState,
    write::{
        attempt::attempt,
        bulk::{Action, Bulk, count_seen, parse_query},
        object::Object,
        refusal::Refusal,
        values::{require_allowed, require_key},
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
/// undoes it. With `dry_run`, only how many it would be: of those that may be written so.
///
/// # Errors
/// As docs/api.md has them.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    subject: Option<Extension<Subject>>,
    Path(table): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    let asked: Asked = json_body::read(&headers, &body)?;
    let query = parse_query(&query.unwrap_or_default())?;
    if asked.dry_run {
        let seen = state.seen(&identity);
        let table = seen.table(&table).await?;
        require_key(&table)?;
        let mut query = restrict(seen, &table, query).await?;
        query.filter.extend(writable(&table, &asked)?);
        let path = table.table.path();
        let bound = bind(&state.catalog, state.readers.ours(), table, &query).await?;
        let count = count_seen(&state.readers, &bound)
            .await
            .map_err(|error| read_error(&error, &path))?;
        return Ok(answer(count, None));
    }
    let (action, count) = match (asked.set, asked.delete, asked.count) {
        (Some(set), false, Some(count)) => (Action::Set(set), count),
        (None, true, Some(count)) => (Action::Delete, count),
        _ => return Err(incomplete()),
    };
    let subject = subject.map(|Extension(subject)| subject);
    let _place = state.long_writes.take(subject)?;
    let bulk = Bulk {
        state: &state,
        identity: &identity,
        author: &author,
        query: &query,
        action: &action,
        count,
    };
    let (_, done) = attempt(&state, &identity, &table, &bulk).await?;
    Ok(answer(count, done.undo))
}

/// What holds of the rows, of those that may be read, that whoever asked for the table may write
/// so: in the way that is asked for, or in either.
fn writable(table: &TableMeta, asked: &Asked) -> Result<Vec<Filter>, Refusal> {
    let actions: &[permission::Action] = match (&asked.set, asked.delete) {
        (Some(_), true) => return Err(incomplete()),
        (Some(_), false) => &[permission::Action::Update],
        (None, true) => &[permission::Action::Delete],
        (None, false) => &[permission::Action::Update, permission::Action::Delete],
    };
    let Some(limits) = &table.limits else {
        return Ok(Vec::new());
    };
    let mut ways = Vec::new();
    let mut refused = None;
    for &action in actions {
        match require_allowed(table, action) {
            Ok(()) => ways.push(Filter::And {
                negated: false,
                of: limits.conditions(Some(action), &table.table),
            }),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (ways.len(), refused) {
        (0, Some(refused)) => Err(refused),
        (1, _) => Ok(ways),
        _ => Ok(vec![Filter::Or {
            negated: false,
            of: ways,
        }]),
    }
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
