//! What tables there are, and what their columns are made of.

mod column;
mod embedding;
mod load;
mod rules;
mod shared;
mod table;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use rowcast_protocol::{ApiError, Table};
use sqlx::PgPool;

pub use self::{
    column::ColumnMeta,
    embedding::{Embedding, Join},
    rules::Rules,
    table::{ForeignKey, TableMeta, Target, Theirs, is_for_administrators, theirs},
};
use self::{
    load::{Version, fingerprint_sql},
    shared::Shared,
};
use crate::error::{read_error, unknown_table};

/// The tables that the server's role may read.
///
/// What it says of a table is never older than the call: every call asks the database
/// whether the table is still the one that is remembered, by a hash of its catalog rows, and
/// reads it anew where it is not. Those who call at the same time share that. System schemas and
/// temporary tables do not exist here, nor does the schema `rowcast`, but for three tables in it
/// that are followed like users' own: saved views, presence, notifications and the audit log. Those are not
/// listed.
#[derive(Debug)]
pub struct Catalog {
    pool: PgPool,
    known: RwLock<HashMap<u32, Arc<TableMeta>>>,
    by_name: Shared<String, Result<Arc<TableMeta>, ApiError>>,
    by_oid: Shared<u32, Result<Arc<TableMeta>, ApiError>>,
}

impl Catalog {
    /// A catalog of the database that `pool` reads.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            known: RwLock::default(),
            by_name: Shared::default(),
            by_oid: Shared::default(),
        }
    }

    /// The table of that name: `schema.table`, or a table of the schema `public`.
    ///
    /// # Errors
    /// `unknown_table` if there is none or it may not be read; `database_unavailable`.
    pub async fn table(&self, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        // What can be nobody's name is not worth a question, nor remembering that it was asked.
        if !load::may_exist(name) {
            return Err(unknown_table(name));
        }
        self.by_name
            .get(name.to_owned(), || self.resolve(name))
            .await
    }

    /// The table of that schema and name.
    ///
    /// # Errors
    /// As [`Catalog::table`].
    pub async fn exact(&self, schema: &str, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        if !load::may_exist(schema) || !load::may_exist(name) {
            return Err(unknown_table(name));
        }
        let version = load::first_of(&self.pool, &[(schema, name)])
            .await
            .map_err(|error| read_error(&error, name))?
            .ok_or_else(|| unknown_table(name))?;
        self.current(version, name).await
    }

    async fn resolve(&self, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        let version = load::resolve(&self.pool, name)
            .await
            .map_err(|error| read_error(&error, name))?
            .ok_or_else(|| unknown_table(name))?;
        self.current(version, name).await
    }

    /// The table of that `pg_class.oid`.
    ///
    /// # Errors
    /// As [`Catalog::table`].
    pub async fn by_oid(&self, oid: u32) -> Result<Arc<TableMeta>, ApiError> {
        self.by_oid.get(oid, || self.look_up(oid)).await
    }

    /// The tables of those that are there, asked for at once.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn by_oids(&self, oids: &[u32]) -> Result<Vec<Arc<TableMeta>>, ApiError> {
        if oids.is_empty() {
            return Ok(Vec::new());
        }
        let versions = load::versions(&self.pool, oids)
            .await
            .map_err(|error| read_error(&error, ""))?;
        let mut tables = Vec::with_capacity(versions.len());
        for version in versions {
            let name = version.oid.to_string();
            match self.current(version, &name).await {
                Ok(table) => tables.push(table),
                // Dropped meanwhile.
                Err(error) if error.code == "unknown_table" => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tables)
    }

    async fn look_up(&self, oid: u32) -> Result<Arc<TableMeta>, ApiError> {
        let name = oid.to_string();
        let versions = load::versions(&self.pool, &[oid])
            .await
            .map_err(|error| read_error(&error, &name))?;
        let version = versions.into_iter().next();
        let version = version.ok_or_else(|| unknown_table(&name))?;
        self.current(version, &name).await
    }

    async fn current(&self, version: Version, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        if let Some(table) = self.remembered(version.oid)
            && table.fingerprint == version.fingerprint
        {
            return Ok(table);
        }
        self.read(version.oid, name).await
    }

    /// Every table, by schema and name, as of now. Partitions are not listed: the table
    /// that they are a part of is.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn tables(&self) -> Result<Vec<Table>, ApiError> {
        load::tables(&self.pool)
            .await
            .map_err(|error| read_error(&error, ""))
    }

    /// Forgets a table.
    pub fn invalidate(&self, oid: u32) {
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&oid);
    }

    fn remembered(&self, oid: u32) -> Option<Arc<TableMeta>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&oid)
            .cloned()
    }

    async fn read(&self, oid: u32, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        let table = load::table(&self.pool, oid)
            .await
            .map_err(|error| read_error(&error, name))?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match table {
            Some(table) => {
                let table = Arc::new(table);
                known.insert(oid, Arc::clone(&table));
                Ok(table)
            }
            None => {
                known.remove(&oid);
                Err(unknown_table(name))
            }
        }
    }
}
