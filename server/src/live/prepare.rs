//! From a table's name and a query's text to something that can be followed.

use std::sync::Arc;

use rowcast_protocol::{ApiError, Table, query::Query};
use sqlx::PgPool;

use super::not_live;
use crate::{
    auth::Identity,
    comment::{self, Guard},
    database::catalog::{Catalog, TableMeta},
    permission::restrict,
    query::{bind::bind, bound::BoundQuery},
    state::AppState,
};

/// A query that can be followed.
pub struct Prepared {
    /// As its reader may ask it.
    pub query: Arc<Query>,
    /// What the reader is told of its table.
    pub described: Table,
    /// As its table takes it.
    pub bound: BoundQuery,
    /// What has to hold as long as it is followed.
    pub guard: Option<Guard>,
}

/// Parses and binds a query of a live table, as somebody may ask it.
///
/// # Errors
/// Those of the grammar and of binding; `unknown_table`; `not_live`.
pub async fn prepare(
    state: &AppState,
    identity: &Identity,
    table: &str,
    query: &str,
) -> Result<Prepared, ApiError> {
    let seen = state.seen(identity);
    let table = seen.table(table).await?;
    let query = Query::parse(query)?;
    let (query, guard) = if table.is_about_rows() {
        let (query, guard) = comment::restrict(seen, query, true).await?;
        (query, Some(guard))
    } else {
        (restrict(seen, &table, query).await?, None)
    };
    let described = table.described();
    let _turn = state.live.admit_binding().await;
    let bound = bind_live(&state.catalog, state.readers.ours(), table, &query).await?;
    Ok(Prepared {
        query: Arc::new(query),
        described,
        bound,
        guard,
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
