//! A row in an address.

use percent_encoding::percent_decode_str;
use rowcast_protocol::ApiError;

use super::key::invalid_key;
use crate::error::unknown_table;

/// The table's name and the key, still encoded, of a path such as `/api/history/orders/7`.
///
/// # Errors
/// `unknown_table` if the table's name is no text.
pub fn row_address<'a>(path: &'a str, prefix: &str) -> Result<(String, &'a str), ApiError> {
    let rest = path.strip_prefix(prefix).unwrap_or_default();
    let (table, key) = rest.split_once('/').unwrap_or((rest, ""));
    let table = percent_decode_str(table).decode_utf8();
    let table = table.map_err(|_| unknown_table(""))?.into_owned();
    Ok((table, key))
}

/// The values of a key as they stand in a path: separated by commas, each percent-encoded. For
/// a key of one column the whole is its value.
///
/// # Errors
/// `invalid_key` if one is no text.
pub fn key_values(segment: &str, columns: usize) -> Result<Vec<String>, ApiError> {
    let decode = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(invalid_key("the key's text is not in UTF-8".to_owned())),
    };
    if columns == 1 {
        return Ok(vec![decode(segment)?]);
    }
    segment.split(',').map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_separate_unless_they_are_encoded_or_there_is_one_column() {
        let values = |segment, columns| key_values(segment, columns).expect("text");
        assert_eq!(values("a,b", 1), ["a,b"]);
        assert_eq!(values("a,b", 2), ["a", "b"]);
        assert_eq!(values("a%2Cb,%2F%25+", 2), ["a,b", "/%+"]);
        assert_eq!(values(",", 2), ["", ""]);
        assert_eq!(values("%C3%A4", 1), ["ä"]);
        assert!(key_values("%ff", 1).is_err());
        assert!(key_values("a%00", 1).is_err());
    }

    #[test]
    fn a_path_is_a_table_and_a_key() {
        let address = row_address("/api/history/a%2Fb/7%2F8", "/api/history/");
        assert_eq!(address, Ok(("a/b".to_owned(), "7%2F8")));
    }
}
