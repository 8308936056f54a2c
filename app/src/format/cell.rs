//! One value.

use std::sync::Arc;

use rowcast_protocol::{Cell, Column, ColumnKind};

use super::{time, zone::Zone};
use crate::address;

/// The most of a value that a cell holds, in characters; its title holds [`TITLE`].
const SHOWN: usize = 240;
const TITLE: usize = 2000;
/// The classes that colour a badge.
pub(super) const BADGES: [&str; 8] = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"];
/// Values shorter than this fit every column and need no title.
const SURELY_FITS: usize = 6;

/// What a column's cells are made of, fixed for as long as the column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Plain,
    /// A link to the row that the value refers to.
    Link,
    /// A badge, coloured by the value's place among the enum's labels.
    Badge,
}

impl Shape {
    /// The shape of a column's cells.
    pub fn of(column: &Column) -> Self {
        if column.references.is_some() {
            Self::Link
        } else if column.kind == ColumnKind::Enum {
            Self::Badge
        } else {
            Self::Plain
        }
    }
}

/// A value as a cell shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Presented {
    /// What is read.
    pub text: Arc<str>,
    /// What sets it apart.
    pub class: &'static str,
    /// What the pointer brings out: the exact value, where the text is not.
    pub title: Option<Arc<str>>,
    /// Where it leads.
    pub href: Option<String>,
}

/// Shows a value of a column to a reader in `zone`.
pub fn present(cell: &Cell, shape: Shape, column: &Column, zone: Zone) -> Presented {
    let plain = |text: Arc<str>, class: &'static str, title: Option<Arc<str>>| Presented {
        text,
        class,
        title,
        href: None,
    };
    let value = match cell {
        Cell::Null => return plain("NULL".into(), "null", None),
        Cell::Bool(true) => return plain("true".into(), "yes", None),
        Cell::Bool(false) => return plain("false".into(), "no", None),
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => text,
    };
    if value.is_empty() {
        return plain("".into(), "empty", None);
    }
    let mut shown = match column.kind {
        ColumnKind::TimestampTz => {
            let text = time::instant(value, zone);
            plain(text.into(), "time", Some(value.clone()))
        }
        ColumnKind::Timestamp => plain(time::civil(value).into(), "time", Some(value.clone())),
        ColumnKind::Array => {
            let text = plain_items(value).map_or_else(|| value.clone(), Into::into);
            clipped(text, "list", value)
        }
        ColumnKind::Json | ColumnKind::Bytes | ColumnKind::Uuid => {
            clipped(value.clone(), "code", value)
        }
        ColumnKind::Enum => clipped(value.clone(), badge(column, value), value),
        _ => clipped(value.clone(), "", value),
    };
    if shape == Shape::Link
        && let Some(to) = &column.references
    {
        shown.href = Some(address::table_where(&to.table, &to.column, value));
    }
    shown
}

fn clipped(text: Arc<str>, class: &'static str, whole: &Arc<str>) -> Presented {
    let title = (whole.len() > SURELY_FITS).then(|| prefix(whole.clone(), TITLE));
    Presented {
        text: prefix(text, SHOWN),
        class,
        title,
        href: None,
    }
}

/// The text's first characters, and an ellipsis if there are more.
pub(super) fn prefix(text: Arc<str>, characters: usize) -> Arc<str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text,
    }
}

/// The badge of an enum's label: its colour is its place in the enum, so that it stays the
/// same on every page.
pub(super) fn badge(column: &Column, label: &str) -> &'static str {
    let place = column.labels.iter().position(|known| known == label);
    BADGES[place.unwrap_or(0) % BADGES.len()]
}

/// The elements of a JSON array, separated by commas, if each is a string or a number that
/// reads the same without quotes.
fn plain_items(json: &str) -> Option<String> {
    let inside = json.strip_prefix('[')?.strip_suffix(']')?;
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let item = if let Some(text) = rest.strip_prefix('"') {
            let (item, after) = text.split_once('"')?;
            rest = after.trim_start();
            item
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let item = rest[..end].trim();
            rest = &rest[end..];
            item.bytes()
                .all(|byte| !b"{[\"n".contains(&byte))
                .then_some(item)?
        };
        if item.is_empty() || item.contains(['\\', ',', '\n']) {
            return None;
        }
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(item);
        rest = match rest.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowcast_protocol::table::Reference;

    fn column(kind: ColumnKind) -> Column {
        Column {
            name: "c".to_owned(),
            type_name: String::new(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: vec!["low".to_owned(), "high".to_owned()],
            references: None,
            comment: None,
        }
    }

    fn shown(cell: Cell, column: &Column) -> Presented {
        present(&cell, Shape::of(column), column, Zone::Utc)
    }

    #[test]
    fn null_and_the_empty_text_differ() {
        let text = column(ColumnKind::Text);
        assert_eq!(shown(Cell::Null, &text).class, "null");
        assert_eq!(shown(Cell::text(""), &text).class, "empty");
        assert_eq!(shown(Cell::text("NULL"), &text).class, "");
    }

    #[test]
    fn an_instant_keeps_its_exact_value_in_the_title() {
        let exact = "2026-11-21T01:36:40.123456+00:00";
        let cell = shown(Cell::text(exact), &column(ColumnKind::TimestampTz));
        assert_eq!(&*cell.text, "2026-11-21 01:36:40");
        assert_eq!(cell.title.as_deref(), Some(exact));
    }

    #[test]
    fn a_label_keeps_its_colour() {
        let kind = column(ColumnKind::Enum);
        assert_eq!(shown(Cell::text("low"), &kind).class, "b0");
        assert_eq!(shown(Cell::text("high"), &kind).class, "b1");
    }

    #[test]
    fn a_reference_leads_to_its_row() {
        let mut column = column(ColumnKind::Integer);
        column.references = Some(Reference {
            table: "people".to_owned(),
            column: "id".to_owned(),
        });
        assert_eq!(
            shown(Cell::integer(7), &column).href.as_deref(),
            Some("/tables/people?id=eq.7")
        );
        assert_eq!(shown(Cell::Null, &column).href, None);
    }

    #[test]
    fn simple_arrays_are_lists_and_others_stay_json() {
        assert_eq!(plain_items(r#"["a", "b c"]"#).as_deref(), Some("a, b c"));
        assert_eq!(plain_items("[1, 2]").as_deref(), Some("1, 2"));
        for json in [
            r#"["a,b"]"#,
            r#"["a\"b"]"#,
            "[[1], [2]]",
            "[null]",
            "[]",
            r#"[""]"#,
        ] {
            assert_eq!(plain_items(json), None, "{json}");
        }
    }

    #[test]
    fn long_values_are_clipped_between_characters() {
        let cell = shown(Cell::text(&"ü".repeat(5000)), &column(ColumnKind::Text));
        assert_eq!(cell.text.chars().count(), SHOWN + 1);
        assert_eq!(
            cell.title.map(|title| title.chars().count()),
            Some(TITLE + 1)
        );
    }
}
