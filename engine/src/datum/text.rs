//! Values as text: for clients, and for PostgreSQL to read again.

use std::fmt::Write as _;

use rowcast_protocol::{Cell, calendar};

use super::{Datum, float};

impl Datum {
    /// What `to_jsonb(column)` gives where `TimeZone` is `UTC`.
    pub fn to_cell(&self) -> Cell {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(flag) => Cell::Bool(*flag),
            Self::Int(number) => Cell::integer(*number),
            Self::Float4(number) => match float::non_finite(f64::from(*number)) {
                Some(word) => Cell::text(word),
                None => Cell::Number(float::number_text(float::shortest_f32(*number)).into()),
            },
            Self::Float8(number) => match float::non_finite(*number) {
                Some(word) => Cell::text(word),
                None => Cell::Number(float::number_text(float::shortest_f64(*number)).into()),
            },
            Self::Numeric(number) if number.is_finite() => Cell::Number(number.to_string().into()),
            Self::Numeric(number) => Cell::Text(number.to_string().into()),
            Self::Text(text) => Cell::Text(text.clone()),
            Self::Bytes(bytes) => Cell::Text(bytea_text(bytes).into()),
            Self::Date(days) => Cell::Text(calendar::date_text(*days).into()),
            Self::Time(time) => Cell::Text(calendar::time_text(*time).into()),
            Self::Timestamp(time) => Cell::Text(calendar::timestamp_text(*time, 'T', "").into()),
            Self::TimestampTz(time) => {
                Cell::Text(calendar::timestamp_text(*time, 'T', "+00:00").into())
            }
            Self::Uuid(bytes) => Cell::Text(uuid_text(bytes).into()),
            Self::Enum { label, .. } => Cell::Text(label.clone()),
            Self::Json(json) => Cell::Json(json.clone()),
        }
    }

    /// Text that `$1::text::type` turns back into this value, whatever the session's
    /// settings; `None` is NULL. A [`Datum::Json`] is read so by `jsonb`, which for a
    /// column imaged by its `to_jsonb` is not the column's own type.
    pub fn to_sql_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float4(number) => match float::non_finite(f64::from(*number)) {
                Some(word) => word.into(),
                None => format!("{number:e}"),
            },
            Self::Float8(number) => match float::non_finite(*number) {
                Some(word) => word.into(),
                None => format!("{number:e}"),
            },
            Self::Numeric(number) => number.to_string(),
            Self::Text(text) | Self::Json(text) => text.to_string(),
            Self::Bytes(bytes) => bytea_text(bytes),
            Self::Date(days) => calendar::date_text(*days),
            Self::Time(time) => calendar::time_text(*time),
            Self::Timestamp(time) => calendar::timestamp_text(*time, ' ', ""),
            Self::TimestampTz(time) => calendar::timestamp_text(*time, ' ', "+00"),
            Self::Uuid(bytes) => uuid_text(bytes),
            Self::Enum { label, .. } => label.to_string(),
        })
    }
}

fn bytea_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    push_hex(bytes, &mut text);
    text
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if at > 0 {
            text.push('-');
        }
        push_hex(&bytes[part], &mut text);
    }
    text
}

fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
}
