//! Values as PostgreSQL holds them, and what Rust decides about them.
//!
//! A [`Datum`] comes out of a row image ([`decode_image`]), is shown as a
//! [`Cell`](rowcast_protocol::Cell) and is compared. Every decision taken here is exactly
//! PostgreSQL's own; where none is possible the answer is `None`, and PostgreSQL is asked.

mod codec;
mod float;
mod image;
mod json;
mod like;
mod numeric;
mod order;
mod text;

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

pub use codec::Codec;
pub use image::{ImageError, decode_image};
pub use json::normalise as normalise_json;
pub use like::{fold_case, ilike, like};
pub use numeric::{Numeric, NumericSum, NumericWord};
pub use order::compare_as;

/// One value of one row.
///
/// `==` is [`Datum::same`]: identity as stored, not SQL's `=`.
#[derive(Clone, Debug)]
pub enum Datum {
    /// SQL NULL.
    Null,
    /// `boolean`
    Bool(bool),
    /// `smallint`, `integer`, `bigint`
    Int(i64),
    /// `real`
    Float4(f32),
    /// `double precision`
    Float8(f64),
    /// `numeric`
    Numeric(Numeric),
    /// Text, padded `character(n)` as stored, or the text of a type that Rust knows only so.
    Text(Arc<str>),
    /// `bytea`
    Bytes(Arc<[u8]>),
    /// Days since 2000-01-01; `i32::MIN` and `i32::MAX` are the infinities.
    Date(i32),
    /// Microseconds since midnight, up to and including 24:00.
    Time(i64),
    /// Microseconds since 2000-01-01; `i64::MIN` and `i64::MAX` are the infinities.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 UTC; `i64::MIN` and `i64::MAX` are the infinities.
    TimestampTz(i64),
    /// `uuid`
    Uuid([u8; 16]),
    /// An enum's value.
    Enum {
        /// Its place in the enum's order.
        index: u16,
        /// Its label.
        label: Arc<str>,
    },
    /// JSON text as `jsonb` prints it.
    Json(Arc<str>),
}

impl Datum {
    /// Whether the value is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// How many bytes it takes, what it shares with others included.
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) | Self::Json(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
                Self::Numeric(number) => number.size(),
                _ => 0,
            }
    }

    /// Whether both are the same value as stored, which is finer than SQL's `=`: `1.0` and
    /// `1.00` differ, as do `0.0` and `-0.0`. NULL is the same as NULL and NaN as NaN. A cell
    /// whose datum stayed the same has not changed for any reader.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Timestamp(a), Self::Timestamp(b))
            | (Self::TimestampTz(a), Self::TimestampTz(b)) => a == b,
            (Self::Float4(a), Self::Float4(b)) => {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
            }
            (Self::Float8(a), Self::Float8(b)) => {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
            }
            (Self::Numeric(a), Self::Numeric(b)) => a == b,
            (Self::Text(a), Self::Text(b)) | (Self::Json(a), Self::Json(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Enum { label: a, .. }, Self::Enum { label: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Eq for Datum {}

impl Hash for Datum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(flag) => flag.hash(state),
            Self::Int(number)
            | Self::Time(number)
            | Self::Timestamp(number)
            | Self::TimestampTz(number) => number.hash(state),
            Self::Float4(number) if number.is_nan() => f32::NAN.to_bits().hash(state),
            Self::Float4(number) => number.to_bits().hash(state),
            Self::Float8(number) if number.is_nan() => f64::NAN.to_bits().hash(state),
            Self::Float8(number) => number.to_bits().hash(state),
            Self::Numeric(number) => number.hash(state),
            Self::Text(text) | Self::Json(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Date(days) => days.hash(state),
            Self::Uuid(bytes) => bytes.hash(state),
            Self::Enum { label, .. } => label.hash(state),
        }
    }
}
