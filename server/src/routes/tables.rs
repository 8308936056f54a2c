//! `GET /api/tables` and `GET /api/tables/{table}`: what tables there are.

use axum::{
    Json,
    extract::{Path, State},
};
use rowcast_protocol::Table;
use serde::Serialize;

use crate::{database::catalog::ForeignKey, error::HttpError, state::AppState};

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
pub async fn list(State(state): State<AppState>) -> Result<Json<Tables>, HttpError> {
    state.require_database().await?;
    let tables = state.catalog.tables().await?;
    Ok(Json(Tables { tables }))
}

/// One table's columns, types, key, foreign keys, and whether it is live.
///
/// # Errors
/// `unknown_table`; `database_unavailable`.
pub async fn show(
    State(state): State<AppState>,
    Path(table): Path<String>,
) -> Result<Json<TableDetails>, HttpError> {
    state.require_database().await?;
    let table = state.catalog.table(&table).await?;
    Ok(Json(TableDetails {
        table: table.table.clone(),
        foreign_keys: table.foreign_keys.clone(),
    }))
}
