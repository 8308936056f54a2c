//! What a client knows of a table.

use serde::{Deserialize, Serialize};

/// A table that can be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name within the schema.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Whether commits to it arrive in open pages.
    pub live: bool,
    /// Names of the key's columns, in key order; empty if the table has no usable key.
    pub key: Vec<String>,
    /// Its columns, in table order.
    pub columns: Vec<Column>,
    /// How many rows it has, roughly; `None` where nothing is known.
    pub estimated_rows: Option<u64>,
    /// The table's comment.
    pub comment: Option<String>,
    /// What whoever asks may do with its rows beside reading them.
    #[serde(default)]
    pub may: May,
}

/// What somebody may do with the rows of a table: of each, with some of them at least. What
/// PostgreSQL refuses beyond that, only trying tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct May {
    /// Add some.
    pub insert: bool,
    /// Change them.
    pub update: bool,
    /// Delete them.
    pub delete: bool,
    /// Write about them, with an account.
    pub comment: bool,
    /// The columns that they may not write, whatever else they may; none where nothing is said.
    #[serde(default)]
    pub read_only: Vec<String>,
}

impl Table {
    /// The name as the public interface takes it: `orders`, or `schema.orders` outside
    /// `public`.
    pub fn path(&self) -> String {
        if self.schema == "public" {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }

    /// Whether a column of it is written: the database does not compute it, and whoever asks may.
    pub fn writes(&self, column: &Column) -> bool {
        !column.generated && !self.may.read_only.contains(&column.name)
    }

    /// Whether rows are written into it: it holds some of its own, and is none of what Rowcast
    /// keeps.
    pub fn takes_rows(&self) -> bool {
        matches!(self.kind, TableKind::Table | TableKind::ForeignTable) && self.schema != "rowcast"
    }

    /// The column of that name, with its position.
    pub fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .find(|(_, column)| column.name == name)
    }
}

/// What a table is to those who read it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// A table, partitioned or not.
    #[default]
    Table,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    ForeignTable,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as PostgreSQL writes it, such as `character varying(40)`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What kind of values it holds, for showing and filtering them.
    pub kind: ColumnKind,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether an insert may leave it out: it has a default, is an identity or is generated.
    pub has_default: bool,
    /// Whether its value is computed and can't be written.
    pub generated: bool,
    /// An enum's labels, in the enum's order.
    pub labels: Vec<String>,
    /// What a single-column foreign key refers to.
    pub references: Option<Reference>,
    /// The column's comment.
    pub comment: Option<String>,
}

/// The target of a single-column foreign key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The referenced table, as [`Table::path`] writes it.
    pub table: String,
    /// The referenced column.
    pub column: String,
}

/// The families of types that are shown and filtered alike. A domain is of its base type's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// `boolean`
    Boolean,
    /// `smallint`, `integer`, `bigint`, `oid`
    Integer,
    /// `numeric`
    Numeric,
    /// `real`, `double precision`
    Float,
    /// `text`, `varchar`, `char`, `name`, `citext`
    Text,
    /// `bytea`
    Bytes,
    /// `date`
    Date,
    /// `time`, `timetz`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// An enum.
    Enum,
    /// `json`, `jsonb`
    Json,
    /// An array.
    Array,
    /// Anything else: shown as its text.
    Other,
}
