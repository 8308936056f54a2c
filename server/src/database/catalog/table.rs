//! One table, as statements and the engine need it.

use std::sync::Arc;

use rowcast_engine::{
    datum::Codec,
    schema::{ColumnSchema, Schema, TableId},
};
use rowcast_protocol::{ColumnKind, Table};
use serde::{Deserialize, Serialize};

use super::{ColumnMeta, Embedding};
use crate::{database::quote::quote_qualified, query::unkeyed};

/// A table, its columns and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMeta {
    /// Its `pg_class.oid`.
    pub oid: u32,
    /// What clients are told of it.
    pub table: Table,
    /// Its columns, one for each of `table.columns`.
    pub columns: Vec<ColumnMeta>,
    /// Positions of the key's columns, in key order; empty if it has no usable key.
    pub key: Vec<usize>,
    /// What it refers to.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its partitions, on every level.
    pub partitions: Vec<u32>,
    /// The tables under a view, whose changes change it. Of a table, none.
    pub sources: Vec<Arc<TableMeta>>,
    /// The codecs of a row as it is read: those of the columns, and where there is no key
    /// those of the two values that name the row instead.
    pub codecs: Arc<[Codec]>,
    /// What the engine knows of it. Without a key of its own, two columns more, which can't be
    /// asked for, are its key: see [`unkeyed`](crate::query::unkeyed).
    pub schema: Arc<Schema>,
    /// The hash of the columns that its images in the change log are made of.
    pub layout: i32,
    /// A hash of its catalog rows: the same text means the same table.
    pub fingerprint: String,
    /// What it is made of, if it is the table of a query with embeddings.
    pub embedding: Option<Embedding>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The `pg_class.oid` of what it refers to.
    #[serde(skip_serializing)]
    pub to: u32,
    /// The columns that refer.
    pub columns: Vec<String>,
    /// What they refer to.
    pub references: Target,
}

/// What a foreign key refers to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The table, as the public interface takes it.
    pub table: String,
    /// Its columns, in the order of those that refer.
    pub columns: Vec<String>,
}

impl TableMeta {
    /// What the engine knows of rows of these columns, and how they are read.
    pub fn layout_of(
        oid: u32,
        columns: &[ColumnMeta],
        key: &[usize],
    ) -> (Arc<Schema>, Arc<[Codec]>) {
        let mut schema: Vec<ColumnSchema> = columns
            .iter()
            .map(|column| ColumnSchema {
                name: column.name.as_str().into(),
                codec: column.codec.clone(),
                collation: column.collation,
            })
            .collect();
        let key = if key.is_empty() {
            schema.extend(unkeyed::columns());
            vec![columns.len(), columns.len() + 1]
        } else {
            key.to_vec()
        };
        let codecs = schema.iter().map(|column| column.codec.clone()).collect();
        let schema = Schema {
            table: TableId(oid),
            columns: schema.into(),
            key: key.into(),
        };
        (Arc::new(schema), codecs)
    }

    /// Positions of the columns that a word is searched in: those of its own.
    pub fn searched(&self) -> impl Iterator<Item = usize> {
        let columns = self.base().table.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.kind == ColumnKind::Text)
            .map(|(at, _)| at)
    }

    /// Whether it is one of ours: it is read and followed, and written by its own routes only.
    pub fn is_ours(&self) -> bool {
        self.table.schema == "rowcast"
    }

    /// Whether its rows have a name of their own, not one made of their content.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// The codecs of an image of its columns.
    pub fn image_codecs(&self) -> &[Codec] {
        &self.codecs[..self.columns.len()]
    }

    /// Its name in a statement: `"schema"."name"`.
    pub fn sql_name(&self) -> String {
        quote_qualified(&self.table.schema, &self.table.name)
    }
}
