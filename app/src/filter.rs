//! Filters as people choose them, and as the grammar writes them.

mod choice;
pub mod complete;
mod describe;
pub mod highlight;
pub mod recent;
pub mod text;
pub mod value;

use rowcast_protocol::{
    ApiError, Table,
    query::{Filter, Query},
};

pub use choice::{Choice, Input, knows_now};
pub use describe::{UNITS, describe, kind_of};

use crate::{address, grid::layout::shown_parameters};

/// The page's address after its filter form was sent: `query` with one filter more.
///
/// This is what `GET /tables/{table}/filter?query=…&column=…&operator=…&value=…` redirects
/// to, so that filtering needs no JavaScript.
pub fn filtered_address(
    table: &Table,
    query_text: &str,
    column: &str,
    operator: &str,
    value: &str,
) -> Result<String, ApiError> {
    let query = Query::parse(query_text)?;
    if table.column(column).is_none() && query.embedded(column).is_none() {
        return Err(ApiError::new(
            "unknown_column",
            format!("There is no column “{column}” in {}.", table.path()),
            "Choose one of the table's columns.",
        ));
    }
    let choice = Choice::parse(operator).ok_or_else(|| {
        ApiError::new(
            "unknown_operator",
            format!("There is no operator “{operator}”."),
            "Choose one of the operators of the form.",
        )
    })?;
    let filter = Filter::Test(choice.test(column, value));
    let text = query.with_filter(filter).to_query_string();
    let shown = shown_parameters(query_text);
    let parts: Vec<&str> = [&*text, &*shown]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    Ok(address::table_at(&table.path(), &parts.join("&")))
}

/// The values of an `in`, as its form writes them: separated by commas, quoted where a value
/// holds one.
pub(crate) fn join(values: &[String]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        if value.is_empty() || value.contains([',', '"']) || value.trim() != value {
            out.push('"');
            out.push_str(&value.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(value);
        }
    }
    out
}

/// Reads what [`join`] writes, and what people type.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            while let Some((part, after)) = quoted.split_once('"') {
                value.push_str(part);
                quoted = after;
                let Some(more) = quoted.strip_prefix('"') else {
                    break;
                };
                value.push('"');
                quoted = more;
            }
            values.push(value);
            rest = quoted.split_once(',').map_or("", |(_, after)| after);
        } else {
            let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
            if !value.trim().is_empty() {
                values.push(value.trim().to_owned());
            }
            rest = after;
        }
        rest = rest.trim_start();
    }
    values
}

/// A `like` pattern that finds `text` as it stands. An asterisk, which the grammar has no
/// escape for, finds any one character.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' | '_' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '*' => out.push('_'),
            other => out.push(other),
        }
    }
    out
}

/// The text that [`literal`] made a pattern of, if it did.
fn unliteral(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.push(characters.next()?),
            '_' | '%' | '*' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_survive_their_form() {
        let values = ["a", "b,c", "d \"e\"", "", " f"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(split(&join(&values)), values);
        assert_eq!(split("a, b ,,c"), ["a", "b", "c"]);
    }

    #[test]
    fn text_survives_its_pattern() {
        for text in ["50%", "a_b", "\\", "plain"] {
            assert_eq!(unliteral(&literal(text)).as_deref(), Some(text));
        }
        assert_eq!(unliteral("a*"), None);
    }
}
