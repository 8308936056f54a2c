//! From a table's name and a query's text to something that can be followed.

use std::sync::Arc;

use rowcast_protocol::{ApiError, query::Query};
use sqlx::PgPool;

use super::not_live;
use crate::{
    database::catalog::{Catalog, TableMeta},
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
    let query = Query::parse(query)?;
    let _turn = state.live.admit_binding().await;
    let bound = bind_live(&state.catalog, &state.pool, table, &query).await?;
    Ok(Prepared {
        query: Arc::new(query),
        bound,
    })
}

/// Binds a query whose tables are all live.
///
/// # Errors
/// Those of binding; `not_live`, naming the table that is not.
pub async fn bind_live(
    catalog: &Catalog,
    pool: &PgPool,
    table: Arc<TableMeta>,
    query: &Query,
) -> Result<BoundQuery, ApiError> {
    require_live(&table)?;
    let bound = bind(catalog, pool, table, query).await?;
    for join in bound.table.joins() {
        require_live(&join.table)?;
    }
    Ok(bound)
}

fn require_live(table: &TableMeta) -> Result<(), ApiError> {
    if table.table.live {
        Ok(())
    } else {
        Err(not_live(&table.table.path()))
    }
}
