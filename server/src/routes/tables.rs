//! `GET /api/tables` and `GET /api/tables/{table}`: what tables there are.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
};
use rowcast_protocol::Table;
use serde::Serialize;

use crate::{auth::Identity, database::catalog::ForeignKey, error::HttpError, state::AppState};

/// All tables.
#[derive(Debug, Serialize)]
pub struct Tables {
    tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct TableDetails {
    #[serde(flatten)]
    table: Table,
    foreign_keys: Vec<ForeignKey>,
}

/// Every table that may be read, by schema and name.
///
/// # Errors
/// `database_unavailable`.
pub async fn list(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Tables>, HttpError> {
    state.require_database().await?;
    let tables = state.seen(&identity).tables().await?;
    Ok(Json(Tables { tables }))
}

/// One table's columns, types, key, foreign keys, and whether it is live.
///
/// # Errors
/// `unknown_table`; `database_unavailable`.
pub async fn show(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<TableDetails>, HttpError> {
    state.require_database().await?;
    let table = state.seen(&identity).table(&table).await?;
    Ok(Json(TableDetails {
        table: table.described(),
        foreign_keys: table.foreign_keys.clone(),
    }))
}
