//! From a table's name and a query's text to something that can be followed.

use std::sync::Arc;

use rowcast_protocol::{ApiError, query::Query};

use super::not_live;
use crate::{
    query::{bind::bind, bound::BoundQuery},
    state::AppState,
};

/// A query that can be followed.
pub struct Prepared {
    /// As the client wrote it.
    pub query: Arc<Query>,
    /// As its table takes it.
    pub bound: BoundQuery,
}

/// Parses and binds a query of a live table.
///
/// # Errors
/// Those of the grammar and of binding; `unknown_table`; `not_live`.
pub async fn prepare(state: &AppState, table: &str, query: &str) -> Result<Prepared, ApiError> {
    let table = state.catalog.table(table).await?;
    let query = Query::parse_for(query, &table.table)?;
    if !table.table.live {
        return Err(not_live(&table.table.path()));
    }
    let _turn = state.live.admit_binding().await;
    let bound = bind(&state.pool, table, &query).await?;
    Ok(Prepared {
        query: Arc::new(query),
        bound,
    })
}
