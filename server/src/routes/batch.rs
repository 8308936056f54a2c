//! `POST /api/batch/{table}`: several changes, all or none.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;

use super::{json_body, row::admit};
use crate::{
    state::AppState,
    write::{
        batch::{self, Asked},
        refusal::Refusal,
        row::write_row,
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    changes: Vec<Asked>,
}

/// Makes the changes: 200 and the rows that they wrote.
///
/// # Errors
/// As docs/api.md has them.
pub async fn write(
    State(state): State<AppState>,
    Path(table): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &headers).await?;
    let Batch { changes } = json_body::read(&headers, &body)?;
    let (table, rows) = batch::write(&state, &table, &author, &changes).await?;
    let mut body = b"{\"rows\":[".to_vec();
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        match row {
            Some(row) => write_row(&table, row, &mut body),
            None => body.extend_from_slice(b"null"),
        }
    }
    body.extend_from_slice(b"]}");
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}
