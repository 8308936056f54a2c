//! The groups that `count_by` tells.
//!
//! The first page may show them, and nothing else of it is JSON. What reads JSON of every kind
//! is larger than the rest of what shows an aggregate, and is left to the parts that need it.

use rowcast_protocol::Cell;

/// Each value, and how many rows have it, of `[["open", 12], [null, 3]]`.
pub fn read(json: &str) -> Option<Vec<(Cell, u64)>> {
    let group = |text: &str| match &items(text)?[..] {
        [value, rows] => Some((cell(value)?, rows.parse().ok()?)),
        _ => None,
    };
    items(json)?.into_iter().map(group).collect()
}

/// The items of an array, each as it is written.
fn items(array: &str) -> Option<Vec<&str>> {
    let inside = array.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (mut items, mut start) = (Vec::new(), 0);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                items.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = inside[start..].trim();
    if !last.is_empty() {
        items.push(last);
    }
    Some(items)
}

fn cell(json: &str) -> Option<Cell> {
    Some(match json.as_bytes().first()? {
        b'n' => Cell::Null,
        b't' => Cell::Bool(true),
        b'f' => Cell::Bool(false),
        b'"' => Cell::Text(text(json)?.into()),
        b'[' | b'{' => Cell::Json(json.into()),
        _ => Cell::Number(json.into()),
    })
}

/// What a string says. An escape may be half of a character.
fn text(json: &str) -> Option<String> {
    let mut letters = json.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut out = Vec::new();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (digits, rest) = letters.as_str().split_at_checked(4)?;
                    out.push(u16::from_str_radix(digits, 16).ok()?);
                    letters = rest.chars();
                    continue;
                }
                itself => itself,
            },
            plain => plain,
        };
        out.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = [
            Cell::Null,
            Cell::Bool(true),
            Cell::Number("12345678901234567890.10".into()),
            Cell::text("a, \"b\" ] \\ \u{1} \n é \u{1f600}"),
            Cell::Json(r#"{"a":[1,"}"]}"#.into()),
        ];
        let groups: Vec<_> = values.into_iter().zip(1..).collect();
        let written: Vec<String> = groups
            .iter()
            .map(|(value, rows)| format!("[{}, {rows}]", value.to_json()))
            .collect();
        assert_eq!(read(&format!("[{}]", written.join(", "))), Some(groups));
        assert_eq!(read("[]"), Some(Vec::new()));
    }

    #[test]
    fn escapes_are_letters() {
        let read = read(r#"[["\u00e9\ud83d\ude00\/\t", 1]]"#);
        assert_eq!(read, Some(vec![(Cell::text("é\u{1f600}/\t"), 1)]));
    }

    #[test]
    fn what_is_no_list_of_groups_is_not_read() {
        for json in [
            "",
            "7",
            "[1]",
            r#"[["a"]]"#,
            r#"[["a", "b"]]"#,
            r#"[["\ud800", 1]]"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
