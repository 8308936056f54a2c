//! CSV, as PostgreSQL's own: NULL is an empty field and empty text is quoted.

use rowcast_protocol::Cell;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [u8; 6] = [b'=', b'+', b'-', b'@', b'\t', b'\r'];

/// Writes the line of names.
pub fn write_head(names: &[&str], escape_formulas: bool, out: &mut Vec<u8>) {
    for (place, name) in names.iter().enumerate() {
        separate(place, out);
        write_text(name, escape_formulas, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a row.
pub fn write_row(cells: &[Cell], escape_formulas: bool, out: &mut Vec<u8>) {
    for (place, cell) in cells.iter().enumerate() {
        separate(place, out);
        match cell {
            Cell::Null => {}
            Cell::Bool(true) => out.extend_from_slice(b"true"),
            Cell::Bool(false) => out.extend_from_slice(b"false"),
            Cell::Number(text) => out.extend_from_slice(text.as_bytes()),
            // What is JSON begins like no formula, or is a number.
            Cell::Json(text) => write_text(text, false, out),
            Cell::Text(text) => write_text(text, escape_formulas, out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// Writes a field. An apostrophe before it says to a spreadsheet that it is text.
fn write_text(text: &str, escape_formulas: bool, out: &mut Vec<u8>) {
    let first = text.bytes().next();
    let marked = escape_formulas && first.is_some_and(|byte| FORMULA.contains(&byte));
    let special = |byte: u8| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    let quoted = text.is_empty() || text.bytes().any(special);
    if quoted {
        out.push(b'"');
    }
    if marked {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str, escape_formulas: bool) -> String {
        let mut out = Vec::new();
        write_text(text, escape_formulas, &mut out);
        String::from_utf8(out).expect("text stays text")
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("plain text", false), "plain text");
        assert_eq!(field("", false), "\"\"");
        assert_eq!(field("a,b", false), "\"a,b\"");
        assert_eq!(field("a\"b", false), "\"a\"\"b\"");
        assert_eq!(field("a\nb", false), "\"a\nb\"");
        assert_eq!(field("ä", false), "ä");
        assert_eq!(field("=1", false), "=1");
    }

    #[test]
    fn text_that_would_be_a_formula_is_marked_as_text_where_that_is_asked() {
        for text in ["=1+1", "+1", "-1", "@a", "\ta"] {
            assert_eq!(field(text, true), format!("'{text}"));
        }
        assert_eq!(field("\ra", true), "\"'\ra\"");
        assert_eq!(field("=\"a\",b", true), "\"'=\"\"a\"\",b\"");
        assert_eq!(field("a=1", true), "a=1");
        assert_eq!(field("", true), "\"\"");
        let mut out = Vec::new();
        write_row(&[Cell::integer(-5), Cell::text("-5")], true, &mut out);
        assert_eq!(out, b"-5,'-5\r\n");
    }
}
