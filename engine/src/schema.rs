//! What the engine knows of a table.

use std::sync::Arc;

use crate::datum::Codec;

/// Names a table within one database: its `pg_class.oid`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// A table's columns, as its images hold them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Which table.
    pub table: TableId,
    /// Its columns, in the order of an image.
    pub columns: Arc<[ColumnSchema]>,
    /// Positions of the key's columns, in key order.
    pub key: Arc<[usize]>,
}

/// One column of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSchema {
    /// Its name.
    pub name: Arc<str>,
    /// How its values are imaged.
    pub codec: Codec,
    /// How its text compares.
    pub collation: Collation,
}

/// What is known of a column's collation. Columns without one are [`Collation::C`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Collation {
    /// Order and equality are those of the bytes.
    C,
    /// Equality is that of the bytes; order is PostgreSQL's to decide. The lower case of an
    /// ASCII letter is the plain one.
    Deterministic,
    /// The same with letter case of its own, as Turkish has it for `I`.
    OwnCase,
    /// Order and equality are PostgreSQL's to decide.
    Nondeterministic,
}
