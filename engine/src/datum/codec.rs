//! How a column's values are imaged.

use std::sync::Arc;

/// What the bytes of an imaged column are. The database chooses it by the column's type
/// (`rowcast.codec`), a domain's by its base type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`
    Numeric,
    /// `text`, `varchar`, `name`
    Text,
    /// `character(n)`
    BpChar,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `uuid`
    Uuid,
    /// An enum of these labels, in the enum's order.
    Enum(Arc<[Arc<str>]>),
    /// `json`: the text as it was written.
    Json,
    /// `jsonb`
    Jsonb,
    /// The text output of a type whose `to_jsonb` is that text.
    Textual,
    /// The `to_jsonb` of a type that has no text of its own in JSON, such as an array.
    JsonbOf,
}

impl Codec {
    /// The codec of that name in `rowcast.codec`; `None` for a name from another version.
    pub fn parse(name: &str, enum_labels: Vec<String>) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "text" => Self::Text,
            "bpchar" => Self::BpChar,
            "bytea" => Self::Bytea,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "uuid" => Self::Uuid,
            "enum" => Self::Enum(enum_labels.into_iter().map(Arc::from).collect()),
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "textual" => Self::Textual,
            "jsonb_of" => Self::JsonbOf,
            _ => return None,
        })
    }
}
