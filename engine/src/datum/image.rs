//! Row images: the binary composite form that `record_send` writes.

use std::sync::Arc;

use super::{Codec, Datum, Numeric, json};

/// Bytes that are no image of the columns expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// They end too early.
    #[error("the row image ends too early")]
    Truncated,
    /// The table has changed since, or the image is another table's.
    #[error("the row image has {found} columns instead of {expected}")]
    ColumnCount {
        /// How many it has.
        found: i32,
        /// How many codecs there are.
        expected: usize,
    },
    /// A value that its codec does not allow, such as an enum label added since.
    #[error("column {column} of the row image does not fit its type")]
    Value {
        /// The column's position in the image, from 0.
        column: usize,
    },
}

/// Reads one image of these columns and advances past it, so that images written one after
/// another are read so. After an error `bytes` stands anywhere.
pub fn decode_image(bytes: &mut &[u8], codecs: &[Codec]) -> Result<Vec<Datum>, ImageError> {
    let found = i32::from_be_bytes(take_array(bytes)?);
    if usize::try_from(found) != Ok(codecs.len()) {
        return Err(ImageError::ColumnCount {
            found,
            expected: codecs.len(),
        });
    }
    let mut row = Vec::with_capacity(codecs.len());
    for (column, codec) in codecs.iter().enumerate() {
        let _type_oid: [u8; 4] = take_array(bytes)?;
        let length = i32::from_be_bytes(take_array(bytes)?);
        row.push(if length == -1 {
            Datum::Null
        } else {
            let length = usize::try_from(length).map_err(|_| ImageError::Value { column })?;
            let value = take(bytes, length)?;
            decode_value(value, codec).ok_or(ImageError::Value { column })?
        });
    }
    Ok(row)
}

fn decode_value(bytes: &[u8], codec: &Codec) -> Option<Datum> {
    Some(match codec {
        Codec::Bool => match bytes {
            [0] => Datum::Bool(false),
            [1] => Datum::Bool(true),
            _ => return None,
        },
        Codec::Int2 => Datum::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Codec::Int4 => Datum::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Codec::Int8 => Datum::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Float4 => Datum::Float4(f32::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Float8 => Datum::Float8(f64::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Numeric => Datum::Numeric(Numeric::from_wire(bytes)?),
        Codec::Text | Codec::BpChar | Codec::Textual => Datum::Text(text(bytes)?.into()),
        Codec::Bytea => Datum::Bytes(bytes.into()),
        Codec::Date => Datum::Date(i32::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Time => Datum::Time(i64::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Timestamp => Datum::Timestamp(i64::from_be_bytes(bytes.try_into().ok()?)),
        Codec::TimestampTz => Datum::TimestampTz(i64::from_be_bytes(bytes.try_into().ok()?)),
        Codec::Uuid => Datum::Uuid(bytes.try_into().ok()?),
        Codec::Enum(labels) => {
            let index = labels.iter().position(|label| label.as_bytes() == bytes)?;
            Datum::Enum {
                index: u16::try_from(index).ok()?,
                label: Arc::clone(&labels[index]),
            }
        }
        Codec::Json => Datum::Json(json::normalise(text(bytes)?)?.into()),
        Codec::Jsonb | Codec::JsonbOf => match bytes {
            [1, json @ ..] => Datum::Json(text(json)?.into()),
            _ => return None,
        },
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], ImageError> {
    let (taken, rest) = bytes
        .split_at_checked(length)
        .ok_or(ImageError::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], ImageError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(ImageError::Truncated)?;
    *bytes = rest;
    Ok(*taken)
}
