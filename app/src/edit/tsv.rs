//! Blocks of cells as spreadsheets exchange them.

/// The cells of a block: cells apart by tabs, rows by line ends, and a cell that begins with a
/// quote ends with the quote that isn't doubled. A line end at the very end begins no row.
pub fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut rest = text;
    while !rest.is_empty() || !row.is_empty() {
        let (cell, after) = take_cell(rest);
        row.push(cell);
        match after.strip_prefix('\t') {
            Some(next) => {
                rest = next;
                // A tab at the very end has an empty cell behind it.
                if rest.is_empty() {
                    row.push(String::new());
                    rows.push(std::mem::take(&mut row));
                }
            }
            None => {
                rows.push(std::mem::take(&mut row));
                rest = after
                    .strip_prefix("\r\n")
                    .or_else(|| after.strip_prefix(['\n', '\r']))
                    .unwrap_or(after);
            }
        }
    }
    rows
}

/// The first cell of a text, and what follows it: a tab, a line end or nothing.
fn take_cell(text: &str) -> (String, &str) {
    if let Some(found) = text.strip_prefix('"').and_then(take_quoted) {
        return found;
    }
    let end = text.find(['\t', '\n', '\r']).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// A cell's text up to its closing quote; `None` if what follows that is more text, for then
/// the quote was part of the text.
fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        cell.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None if after.is_empty() || after.starts_with(['\t', '\n', '\r']) => {
                return Some((cell, after));
            }
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_apart_by_tabs_and_rows_by_line_ends() {
        assert_eq!(parse("a\tb\r\nc\td\n"), [["a", "b"], ["c", "d"]]);
        assert_eq!(parse("a"), [["a"]]);
        assert_eq!(parse("a\t\n\tb"), [["a", ""], ["", "b"]]);
        assert_eq!(parse("a\t"), [["a", ""]]);
        assert_eq!(parse("\na"), [[""], ["a"]]);
        assert_eq!(parse(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn quoted_cells_hold_tabs_line_ends_and_quotes() {
        assert_eq!(parse("\"a\tb\n\"\"c\"\"\"\td"), [["a\tb\n\"c\"", "d"]]);
        assert_eq!(parse("\"so\" he said\tb"), [["\"so\" he said", "b"]]);
        assert_eq!(parse("\"open\tb"), [["\"open", "b"]]);
    }
}
