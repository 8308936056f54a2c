//! `GET /api/rows/{table}`: a query's rows as they are now.

use axum::{
    extract::{Extension, Path, RawQuery, State},
    response::Response,
};
use rowcast_protocol::json::write_snapshot;

use super::{
    export::{self, Format},
    json_body,
};
use crate::{
    auth::{Identity, Standing},
    error::HttpError,
    limit::Subject,
    query::list,
    state::AppState,
    traces,
};

/// The rows as `{"columns","key","rows","total","cursor"}`; all of them as CSV or as an array
/// of objects where the table's name is followed by `.csv` or `.json`.
///
/// # Errors
/// `unknown_table`; those of the grammar, of binding and of reading.
pub async fn read(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Extension(standing): Extension<Standing>,
    subject: Option<Extension<Subject>>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    state.require_database().await?;
    let query = query.unwrap_or_default();
    let subject = subject.map(|Extension(subject)| subject);
    if let Some((exported, format)) = Format::of(&table) {
        let standing = standing.clone();
        match export::export(&state, standing, subject, exported, format, &query).await {
            // A table may itself be named csv, within a schema.
            Err(error) if error.0.code == "unknown_table" => {}
            response => return response,
        }
    }
    let _turn = traces::during("wait for a turn", state.reading.take(subject)).await;
    json(&state, standing.identity(), &table, &query).await
}

async fn json(
    state: &AppState,
    identity: &Identity,
    table: &str,
    query: &str,
) -> Result<Response, HttpError> {
    let seen = state.seen(identity);
    let (_, snapshot) = list::read(seen, &state.readers, state.epoch(), table, query).await?;
    let mut body = Vec::new();
    write_snapshot(&snapshot, &mut body);
    Ok(json_body::answer(body))
}
