//! `POST /api/batch/{table}`: several changes, all or none.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;

use super::{json_body, row::admit};
use crate::{
    auth::Identity,
    state::AppState,
    write::{
        self,
        attempt::attempt,
        batch::{Asked, require_few},
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
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(table): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    let Batch { changes } = json_body::read(&headers, &body)?;
    require_few(&changes)?;
    let batch = write::batch::Batch {
        author: &author,
        changes: &changes,
        bytes: state.list_bytes,
    };
    let (table, rows) = attempt(&state, &identity, &table, &batch).await?;
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
    Ok(json_body::answer(body))
}
