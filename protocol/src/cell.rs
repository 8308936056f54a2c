//! One value of one row, as a client sees it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A value as PostgreSQL's `to_jsonb(column)` gives it, with every digit kept.
///
/// In JSON it is that value itself. In the compact encoding it is this enum, so that the
/// browser need not parse JSON to show a cell.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number's text: digits are never rounded.
    Number(Arc<str>),
    /// A JSON string's content, unescaped.
    Text(Arc<str>),
    /// JSON text of an array, an object, or any value of a `json` or `jsonb` column.
    Json(Arc<str>),
}

impl Cell {
    /// A [`Cell::Text`].
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A [`Cell::Number`] from an integer.
    pub fn integer(number: i64) -> Self {
        Self::Number(number.to_string().into())
    }

    /// Appends the cell's JSON text.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(text) | Self::Json(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => write_json_string(text, out),
        }
    }

    /// The cell's JSON text.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write_json(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Reads a cell from JSON text. Arrays and objects stay text.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let json = json.trim();
        Ok(match json.as_bytes().first() {
            Some(b'n') => serde_json::from_str::<()>(json).map(|()| Self::Null)?,
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(json)?),
            Some(b'"') => Self::Text(serde_json::from_str::<String>(json)?.into()),
            Some(b'[' | b'{') => {
                serde_json::from_str::<de::IgnoredAny>(json)?;
                Self::Json(json.into())
            }
            _ => {
                serde_json::from_str::<&serde_json::value::RawValue>(json)?;
                Self::Number(json.into())
            }
        })
    }
}

/// Appends `text` as a JSON string, quotes included.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// The compact encoding of a [`Cell`].
#[derive(Serialize, Deserialize)]
enum Compact {
    Null,
    Bool(bool),
    Number(Arc<str>),
    Text(Arc<str>),
    Json(Arc<str>),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return match self {
                Self::Null => serializer.serialize_unit(),
                Self::Bool(flag) => serializer.serialize_bool(*flag),
                Self::Text(text) => serializer.serialize_str(text),
                Self::Number(text) | Self::Json(text) => {
                    serde_json::value::RawValue::from_string(text.to_string())
                        .map_err(serde::ser::Error::custom)?
                        .serialize(serializer)
                }
            };
        }
        match self.clone() {
            Self::Null => Compact::Null,
            Self::Bool(flag) => Compact::Bool(flag),
            Self::Number(text) => Compact::Number(text),
            Self::Text(text) => Compact::Text(text),
            Self::Json(text) => Compact::Json(text),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
            return Self::from_json(raw.get()).map_err(de::Error::custom);
        }
        Ok(match Compact::deserialize(deserializer)? {
            Compact::Null => Self::Null,
            Compact::Bool(flag) => Self::Bool(flag),
            Compact::Number(text) => Self::Number(text),
            Compact::Text(text) => Self::Text(text),
            Compact::Json(text) => Self::Json(text),
        })
    }
}

/// The values of a row's key columns, in key order. It names the row in every message.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct RowKey(pub Arc<[Cell]>);

impl RowKey {
    /// A key of these values.
    pub fn new(values: impl IntoIterator<Item = Cell>) -> Self {
        Self(values.into_iter().collect())
    }
}
