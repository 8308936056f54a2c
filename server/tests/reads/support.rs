//! A database with our schema in it, and the way a route goes through it.

use std::sync::Arc;

use rowcast::{
    database::{catalog::Catalog, pool},
    query::{
        bind::bind,
        bound::BoundQuery,
        read::{Range, Totals, WindowRead, window},
    },
};
use rowcast_protocol::{ApiError, query::Query};
use sqlx::PgPool;

use crate::cluster::{Cluster, Database};

pub struct Fixture {
    pub database: Database,
    pub pool: PgPool,
    pub catalog: Catalog,
}

impl Fixture {
    /// A new database with our schema and these tables.
    pub async fn new(sql: &str) -> Self {
        let database = Cluster::shared().database().await;
        rowcast::serve::prepare(&database.options).await.unwrap();
        database.execute(sql).await;
        let pool = pool::readers(database.options.clone(), 4);
        Self {
            catalog: Catalog::new(pool.clone()),
            database,
            pool,
        }
    }

    pub async fn bind(&self, table: &str, query: &str) -> Result<BoundQuery, ApiError> {
        let query = Query::parse(query)?;
        let table = self.catalog.table(table).await?;
        bind(&self.catalog, &self.pool, Arc::clone(&table), &query).await
    }

    pub async fn read(&self, table: &str, query: &str) -> Result<WindowRead, ApiError> {
        let bound = self.bind(table, query).await?;
        let range = Range::Offset {
            offset: bound.offset,
            limit: bound.limit.into(),
        };
        window(&self.pool.clone().into(), &bound, &range, Totals::Shown).await
    }

    /// The first column of the rows, as JSON text.
    pub async fn firsts(&self, table: &str, query: &str) -> Vec<String> {
        let read = self.read(table, query).await.unwrap();
        read.rows
            .iter()
            .map(|row| row[0].to_cell().to_json())
            .collect()
    }
}
