//! One table, as statements and the engine need it.

use std::sync::Arc;

use rowcast_engine::{
    datum::Codec,
    schema::{ColumnSchema, Schema, TableId},
};
use rowcast_protocol::{ColumnKind, Table};
use serde::{Deserialize, Serialize};

use super::{ColumnMeta, Embedding, Rules};
use crate::{
    database::quote::quote_qualified,
    permission::{Limits, forget_references},
    query::unkeyed,
    write::permitted::Permitted,
};

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
    /// Whether it is a part of another table, which is what is listed.
    pub is_partition: bool,
    /// Its partitions, on every level.
    pub partitions: Vec<u32>,
    /// The tables under a view, whose changes change it, and where the database decides which rows
    /// whoever asked for it sees, those by which it does.
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
    /// What the database itself lets whoever asked for it see; `None`: it is asked as the server.
    /// Never of a table in the catalog.
    pub rules: Option<Arc<Rules>>,
    /// What whoever asked for it is kept from; `None`: nothing. Never of a table in the catalog,
    /// which is anybody's.
    pub limits: Option<Arc<Limits>>,
    /// The rows that whoever asked for it for writing may write; `None`: all.
    pub permitted: Option<Arc<Permitted>>,
}

/// Whether a table is the audit log.
pub fn is_audit(table: &Table) -> bool {
    table.schema == "rowcast" && table.name == "audit"
}

/// Whether a table tells what servers are at.
fn is_operations(table: &Table) -> bool {
    table.schema == "rowcast" && matches!(table.name.as_str(), "server" | "server_query")
}

/// Whether administrators alone read a table, whatever is said of tables.
pub fn is_for_administrators(table: &Table) -> bool {
    is_audit(table) || is_operations(table)
}

/// By what somebody sees some rows of a table of ours, whatever is said of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// Those of their account.
    Own,
    /// Those of the channels that they are in, by these columns: the channel's number, and whether it
    /// is private.
    Channels(&'static str, &'static str),
    /// None, but those about rows of other tables that they ask for by naming them, as far as they see
    /// those.
    AboutRows,
}

/// By what each account sees rows of a table; `None` if that is ruled as of any table.
pub fn theirs(table: &Table) -> Option<Theirs> {
    if table.schema != "rowcast" {
        return None;
    }
    match table.name.as_str() {
        "notification" | "channel_member" | "reaction" => Some(Theirs::Own),
        "channel" => Some(Theirs::Channels("id", "is_private")),
        "post" | "typing" => Some(Theirs::Channels("channel", "is_private")),
        "comment" | "comment_count" => Some(Theirs::AboutRows),
        _ => None,
    }
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

    /// The table as somebody sees it who is kept from this.
    pub fn limited(self: &Arc<Self>, limits: Option<Arc<Limits>>) -> Arc<Self> {
        let Some(limits) = limits else {
            return Arc::clone(self);
        };
        let mut table = Self::clone(self);
        let unknown = &limits.unknown_references;
        table
            .foreign_keys
            .retain(|key| !unknown.contains(&key.name));
        forget_references(&mut table.table, |column, to| {
            let mut known = table.foreign_keys.iter();
            known.any(|key| {
                key.columns == [column]
                    && key.references.table == to.table
                    && key.references.columns == [to.column.as_str()]
            })
        });
        table.limits = Some(limits);
        Arc::new(table)
    }

    /// What whoever asked for it is told of it.
    pub fn described(&self) -> Table {
        let mut table = self.table.clone();
        if let Some(limits) = &self.limits {
            limits.take_hidden_from(&mut table);
        }
        table
    }

    /// Whether whoever asked for the table may read all rows and columns.
    pub fn is_seen_whole(&self) -> bool {
        let is_whole = |limits: &Arc<Limits>| limits.hidden.is_empty() && !limits.keeps_rows_back();
        self.limits.as_ref().is_none_or(is_whole)
    }

    /// Whether a column is as if it did not exist, for whoever asked for the table.
    pub fn is_hidden(&self, column: usize) -> bool {
        let hides = |limits: &Arc<Limits>| limits.hidden.contains(&self.columns[column].name);
        self.limits.as_ref().is_some_and(hides)
    }

    /// Whether a column is not written by whoever asked for the table.
    pub fn is_read_only(&self, column: usize) -> bool {
        let keeps = |limits: &Arc<Limits>| limits.read_only.contains(&self.columns[column].name);
        self.limits.as_ref().is_some_and(keeps)
    }

    /// The position of the column that whoever asked for the table knows by that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let (at, _) = self.table.column(name)?;
        (!self.is_hidden(at)).then_some(at)
    }

    /// Whether it is one of ours: it is read and followed, and written by its own routes only.
    pub fn is_ours(&self) -> bool {
        self.table.schema == "rowcast"
    }

    /// Whether it is the audit log, which administrators read.
    pub fn is_audit(&self) -> bool {
        is_audit(&self.table)
    }

    /// Whether it tells what servers are at, which administrators read.
    pub fn is_operations(&self) -> bool {
        is_operations(&self.table)
    }

    /// Whether administrators alone read it, whatever is said of tables.
    pub fn is_for_administrators(&self) -> bool {
        is_for_administrators(&self.table)
    }

    /// Whether each account sees rows of it by who it is, whatever is said of tables.
    pub fn is_by_account(&self) -> bool {
        theirs(&self.table).is_some()
    }

    /// Whether it is asked for by naming rows of other tables, and seen by whoever sees those.
    pub fn is_about_rows(&self) -> bool {
        theirs(&self.table) == Some(Theirs::AboutRows)
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
