//! PostgreSQL's order and equality, where Rust decides them exactly.

use std::cmp::Ordering;

use super::{Codec, Datum};

impl Datum {
    /// How PostgreSQL's btree orders the two: NaN above every number, `-0.0` equal to `0.0`,
    /// enums by their declaration. Text is ordered by its bytes, which is right under the `C`
    /// collation, and for equality under every deterministic one.
    ///
    /// `None` where Rust can't tell: NULLs, JSON, and values of different types.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Timestamp(a), Self::Timestamp(b))
            | (Self::TimestampTz(a), Self::TimestampTz(b)) => a.cmp(b),
            (Self::Float4(a), Self::Float4(b)) => compare_floats(f64::from(*a), f64::from(*b)),
            (Self::Float8(a), Self::Float8(b)) => compare_floats(*a, *b),
            (Self::Numeric(a), Self::Numeric(b)) => a.compare(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Enum { index: a, .. }, Self::Enum { index: b, .. }) => a.cmp(b),
            _ => return None,
        })
    }

    /// Whether the value is its own canonical form for certain, which most are.
    pub fn is_canonical(&self, codec: &Codec) -> bool {
        match self {
            Self::Float4(number) => *number != 0.0,
            Self::Float8(number) => *number != 0.0,
            Self::Numeric(_) => false,
            Self::Text(_) => !matches!(codec, Codec::BpChar),
            _ => true,
        }
    }

    /// The value that stands for every value equal to it: two datums that
    /// [`compare_as`] finds equal have the [same](Datum::same) canonical form, and only they.
    /// It is what a hash map of values is keyed by.
    #[must_use]
    pub fn canonical(&self, codec: &Codec) -> Self {
        match (codec, self) {
            (Codec::BpChar, Self::Text(text)) => {
                let trimmed = trim_blanks(text);
                if trimmed.len() == text.len() {
                    self.clone()
                } else {
                    Self::Text(trimmed.into())
                }
            }
            (_, Self::Float4(number)) if *number == 0.0 => Self::Float4(0.0),
            (_, Self::Float8(number)) if *number == 0.0 => Self::Float8(0.0),
            (_, Self::Numeric(number)) => Self::Numeric(number.canonical()),
            _ => self.clone(),
        }
    }
}

/// [`Datum::compare`] for values of this codec: `character(n)` ignores trailing blanks, and
/// text that stands for a type unknown to Rust is not compared at all.
pub fn compare_as(codec: &Codec, a: &Datum, b: &Datum) -> Option<Ordering> {
    match (codec, a, b) {
        (Codec::BpChar, Datum::Text(a), Datum::Text(b)) => {
            Some(trim_blanks(a).as_bytes().cmp(trim_blanks(b).as_bytes()))
        }
        (Codec::Textual, ..) => None,
        _ => a.compare(b),
    }
}

fn trim_blanks(text: &str) -> &str {
    text.trim_end_matches(' ')
}

fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
