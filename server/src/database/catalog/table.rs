//! One table, as statements and the engine need it.

use std::sync::Arc;

use rowcast_engine::{datum::Codec, schema::Schema};
use rowcast_protocol::{ColumnKind, Table};
use serde::{Deserialize, Serialize};

use super::ColumnMeta;
use crate::database::quote::quote_qualified;

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// A partitioned table.
    Partitioned,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    Foreign,
}

impl RelationKind {
    /// Whether tables of this kind can be live.
    pub fn can_be_live(self) -> bool {
        matches!(self, Self::Table | Self::Partitioned)
    }
}

/// A table, its columns and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMeta {
    /// Its `pg_class.oid`.
    pub oid: u32,
    /// What it is.
    pub kind: RelationKind,
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
    /// The columns' codecs, in the order of an image.
    pub codecs: Arc<[Codec]>,
    /// What the engine knows of it.
    pub schema: Arc<Schema>,
    /// The hash of the columns that its images in the change log are made of.
    pub layout: i32,
    /// A hash of its catalog rows: the same text means the same table.
    pub fingerprint: String,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
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
    /// Positions of the columns that a word is searched in.
    pub fn searched(&self) -> impl Iterator<Item = usize> {
        let columns = self.table.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.kind == ColumnKind::Text)
            .map(|(at, _)| at)
    }

    /// Its name in a statement: `"schema"."name"`.
    pub fn sql_name(&self) -> String {
        quote_qualified(&self.table.schema, &self.table.name)
    }
}
