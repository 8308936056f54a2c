//! Addresses of the application's own pages.

use rowcast_protocol::query::{Filter, Operator, Query, Test};

/// The page of the table called `path`, showing `query`.
pub fn table(path: &str, query: &Query) -> String {
    table_at(path, &query.to_query_string())
}

/// The page of the table called `path` with these parameters.
pub fn table_at(path: &str, parameters: &str) -> String {
    with_query(&table_root(path), parameters)
}

/// The page of the table called `path`, with nothing filtered.
pub fn table_root(path: &str) -> String {
    format!("/tables/{}", encode(path))
}

/// The page of the table called `path` with the rows whose `column` is `value`.
pub fn table_where(path: &str, column: &str, value: &str) -> String {
    let query = Query {
        filter: vec![Filter::Test(Test {
            column: column.to_owned(),
            negated: false,
            operator: Operator::Eq(value.to_owned()),
        })],
        ..Query::default()
    };
    table(path, &query)
}

/// The page on which one says what one wants to be told of the rows of a saved view.
pub fn watch_view(path: &str, view: i64) -> String {
    format!("/watches?table={}&view={view}", encode(path))
}

/// The same of the rows that a query of the table called `path` gives.
pub fn watch(path: &str, query: &str) -> String {
    format!("/watches?table={}&query={}", encode(path), encode(query))
}

/// An address of the HTTP interface for a query over a table.
pub fn api(resource: &str, path: &str, query: &str) -> String {
    with_query(&format!("/api/{resource}/{}", encode(path)), query)
}

fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// A row's key as the last part of a path: its values, each percent-encoded, with commas between.
#[cfg(feature = "hydrate")]
pub fn of_key(key: &rowcast_protocol::RowKey) -> String {
    let value = |cell: &rowcast_protocol::Cell| match cell {
        rowcast_protocol::Cell::Text(text) => encode(text),
        other => encode(&other.to_json()),
    };
    key.0.iter().map(value).collect::<Vec<_>>().join(",")
}

/// Percent-encodes a part of a path.
pub fn encode(part: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(part.len());
    for &byte in part.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// The names and values of a query text, decoded: what a form that keeps them carries.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Reads percent-encoded text, where a plus is a space.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
                continue;
            }
            (b'+', _, _) => out.push(b' '),
            (byte, _, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_an_address() {
        let name = "a b/ü?&=+%";
        assert_eq!(
            pairs(&format!("{}={}", encode(name), encode("x+y"))),
            [(name.to_owned(), "x+y".to_owned())]
        );
        assert_eq!(
            pairs("q=a+b&&c"),
            [
                ("q".to_owned(), "a b".to_owned()),
                ("c".to_owned(), String::new())
            ]
        );
    }
}
