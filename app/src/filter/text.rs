//! Filters as text to be read and written: the grammar of addresses, a condition a line, with
//! nothing percent-encoded that need not be.

use rowcast_protocol::query::{Filter, Query};

/// The text of filters.
pub fn to_text(filter: &[Filter]) -> String {
    let query = Query {
        filter: filter.to_vec(),
        ..Query::default()
    };
    readable(&query.to_query_string().replace('&', "\n"))
}

/// The query's text that a person's text stands for: a new line is as good as a `&`. Every
/// byte stays where it is.
pub fn to_query(text: &str) -> String {
    text.replace('\n', "&")
}

/// A value or a name as it is written in such a text: encoded where it would mean something
/// else.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match code(character) {
            Some(code) => out.push_str(code),
            None => out.push(character),
        }
    }
    out
}

/// What stands for a character that can't stand for itself.
fn code(character: char) -> Option<&'static str> {
    Some(match character {
        '%' => "%25",
        '&' => "%26",
        '+' => "%2B",
        '\n' => "%0A",
        '\r' => "%0D",
        _ => return None,
    })
}

/// Decodes what need not be encoded.
fn readable(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(&byte) = rest.first() {
        let code = rest.get(1..3).filter(|_| byte == b'%');
        let decoded = code.and_then(|code| {
            let code = std::str::from_utf8(code).ok()?;
            let decoded = u8::from_str_radix(code, 16).ok()?;
            // A name's equals sign would end the name.
            (decoded != b'=' && self::code(char::from(decoded)).is_none()).then_some(decoded)
        });
        out.push(decoded.unwrap_or(byte));
        rest = &rest[if decoded.is_some() { 3 } else { 1 }..];
    }
    // What was encoded was UTF-8.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_as_the_filters_it_was_made_of() {
        for query in [
            "status=eq.open&amount=gt.5",
            "title=eq.a%26b%2Bc%25%0Ad",
            "or=(title.eq.%22a,b%22,and(n.gt.1,t.is.null))&%C3%BC=eq.%C3%BC%20x",
            "a%3Db=eq.1&at=gte.now%2B2h",
        ] {
            let filter = Query::parse(query).expect("it can be read").filter;
            let text = to_text(&filter);
            let again = Query::parse(&to_query(&text)).expect("so can this");
            assert_eq!(again.filter, filter, "{text}");
        }
    }

    #[test]
    fn it_is_readable() {
        let filter = Query::parse("title=ilike.*big%20ink*&or=(a.eq.%22x%22,%C3%BC.gt.1)");
        assert_eq!(
            to_text(&filter.expect("it can be read").filter),
            "title=ilike.*big ink*\nor=(a.eq.x,ü.gt.1)"
        );
        assert_eq!(escape("50% & more+"), "50%25 %26 more%2B");
    }
}
