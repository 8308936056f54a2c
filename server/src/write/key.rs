//! A row's key: in an address, and as JSON.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rowcast_protocol::{ApiError, Cell};
use serde_json::value::RawValue;

use super::{
    refusal::Refusal,
    values::{Values, from_text},
};
use crate::database::catalog::TableMeta;

/// What a value needs no escape for: what an address carries as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The key that the last segment of an address is, as it stands there: values joined by
/// commas, each percent-encoded. A key of one value is the whole segment.
///
/// # Errors
/// `invalid_key` if it is not as many values as the table's key has, or not UTF-8.
pub fn from_path(table: &TableMeta, segment: &str) -> Result<Values, Refusal> {
    let parts: Vec<&str> = match table.key.len() {
        1 => vec![segment],
        _ => segment.split(',').collect(),
    };
    if parts.len() != table.key.len() {
        return Err(invalid_key(table, "it has another number of values"));
    }
    let values = table.key.iter().zip(parts).map(|(at, part)| {
        let text = percent_decode_str(part).decode_utf8();
        let text = text.map_err(|_| invalid_key(table, "it is not UTF-8"))?;
        Ok((*at, from_text(&table.columns[*at], &text)))
    });
    values.collect::<Result<_, Refusal>>().map(Values::new)
}

/// The key of these values, in key order.
///
/// # Errors
/// `invalid_key` if they are not as many as the table's key has.
pub fn from_values(table: &TableMeta, values: Vec<Box<RawValue>>) -> Result<Values, Refusal> {
    if values.len() != table.key.len() {
        return Err(invalid_key(table, "it has another number of values"));
    }
    Ok(Values::new(table.key.iter().copied().zip(values).collect()))
}

/// The last segment of a row's address, `row` being its cells.
pub fn to_path(table: &TableMeta, row: &[Cell]) -> String {
    let values = table.key.iter().map(|at| {
        let text = match &row[*at] {
            Cell::Text(text) => text.to_string(),
            other => other.to_json(),
        };
        utf8_percent_encode(&text, PLAIN).to_string()
    });
    values.collect::<Vec<_>>().join(",")
}

/// The key as the JSON array that messages name the row by, `row` being its cells; `None` where
/// the table has no key.
pub fn json(table: &TableMeta, row: &[Cell]) -> Option<String> {
    let values: Vec<String> = table.key.iter().map(|at| row[*at].to_json()).collect();
    table.has_key().then(|| format!("[{}]", values.join(",")))
}

/// A part of an address.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn invalid_key(table: &TableMeta, why: &str) -> Refusal {
    ApiError::new(
        "invalid_key",
        format!("that is no key of a row of {}: {why}", table.table.path()),
        format!("the key is {}", table.table.key.join(",")),
    )
    .into()
}
