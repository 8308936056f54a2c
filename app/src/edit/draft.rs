//! What a person types, and the value that it means.

use rowcast_protocol::{Cell, Column, ColumnKind};
use serde::de::IgnoredAny;

/// How a reader's clock stands to UTC.
pub trait Clock {
    /// The minutes that the reader's clock is ahead of UTC when it shows `civil`, written
    /// `2026-03-01T13:00:00`; `None` if it never does.
    fn offset(&self, civil: &str) -> Option<i32>;
    /// What the reader's clock shows at an instant of the interface, to the second, written
    /// `2026-03-01 13:00:00`.
    fn show(&self, instant: &str) -> Option<String>;
}

/// The text that an editor begins with. NULL has none.
pub fn text_of(cell: &Cell, kind: ColumnKind, clock: &impl Clock) -> String {
    match (cell, kind) {
        (Cell::Null, _) => String::new(),
        // A text in a JSON column is JSON too: with its quotes.
        (_, ColumnKind::Json) => cell.to_json(),
        (Cell::Bool(flag), _) => flag.to_string(),
        (Cell::Text(text), ColumnKind::TimestampTz) => match clock.show(text) {
            Some(shown) => shown + fraction(text),
            None => text.to_string(),
        },
        (Cell::Text(text), ColumnKind::Timestamp) => text.replacen('T', " ", 1),
        (Cell::Number(text) | Cell::Text(text) | Cell::Json(text), _) => text.to_string(),
    }
}

/// The value that a text means in a column, or why it means none, in one sentence.
///
/// PostgreSQL has the last word: only what it can't take whatever its settings is refused
/// here, so that the writer need not wait to be told.
pub fn read(text: &str, column: &Column, clock: &impl Clock) -> Result<Cell, String> {
    if column.kind == ColumnKind::Text {
        return Ok(Cell::text(text));
    }
    let trimmed = text.trim();
    if trimmed.is_empty() && column.kind != ColumnKind::Other {
        return if column.nullable {
            Ok(Cell::Null)
        } else {
            Err("A value is needed.".to_owned())
        };
    }
    match column.kind {
        ColumnKind::Boolean => match trimmed {
            "true" => Ok(Cell::Bool(true)),
            "false" => Ok(Cell::Bool(false)),
            _ => Err("Choose true or false.".to_owned()),
        },
        ColumnKind::Integer => integer(trimmed),
        ColumnKind::Numeric | ColumnKind::Float => number(trimmed),
        ColumnKind::Json => json(trimmed),
        ColumnKind::Array if trimmed.starts_with('[') => json(trimmed),
        ColumnKind::Array => Err("Write a list like [\"a\", \"b\"].".to_owned()),
        ColumnKind::Enum if !column.labels.iter().any(|label| label == text) => {
            Err("Choose one of the list.".to_owned())
        }
        ColumnKind::Enum => Ok(Cell::text(text)),
        ColumnKind::TimestampTz => Ok(Cell::text(&with_offset(trimmed, clock))),
        ColumnKind::Other if trimmed.starts_with(['{', '[']) => {
            Ok(json(trimmed).unwrap_or(Cell::text(text)))
        }
        ColumnKind::Other => Ok(Cell::text(text)),
        _ => Ok(Cell::text(trimmed)),
    }
}

fn integer(text: &str) -> Result<Cell, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("Write a whole number, digits only.".to_owned());
    }
    Ok(plain_number(text))
}

fn number(text: &str) -> Result<Cell, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let named = ["nan", "inf", "infinity"];
    if named.iter().any(|name| digits.eq_ignore_ascii_case(name)) {
        return Ok(Cell::text(text));
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let mut parts = mantissa.splitn(2, '.');
    let whole = parts.next().unwrap_or_default();
    let rest = parts.next().unwrap_or_default();
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if (whole.is_empty() && rest.is_empty())
        || !all_digits(whole)
        || !all_digits(rest)
        || !exponent_fits
    {
        return Err("Write a number like 1234.50, with a point before the decimals.".to_owned());
    }
    Ok(plain_number(text))
}

/// A number where JSON can write it just so, and its text elsewhere, as in `007` or `.5`.
fn plain_number(text: &str) -> Cell {
    Cell::from_json(text).unwrap_or_else(|_| Cell::text(text))
}

fn json(text: &str) -> Result<Cell, String> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(Cell::Json(text.into())),
        Err(error) => Err(format!("This is no JSON: {error}.")),
    }
}

/// A time on the reader's clock as an instant. What names its zone, or is no such time, stays
/// as it is.
fn with_offset(text: &str, clock: &impl Clock) -> String {
    let Some(civil) = civil(text) else {
        return text.to_owned();
    };
    let Some(offset) = clock.offset(&civil) else {
        return text.to_owned();
    };
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs();
    let fraction = fraction(text);
    format!(
        "{civil}{fraction}{sign}{:02}:{:02}",
        minutes / 60,
        minutes % 60
    )
}

/// `2026-3-1 13:00` and the like as `2026-03-01T13:00:00`; `None` for anything else.
fn civil(text: &str) -> Option<String> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time.trim()),
        None => (text, "00:00:00"),
    };
    let mut parts = date.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?;
    let (month, day) = (parts.next()?, parts.next()?);
    let time = time.strip_suffix(fraction(text)).unwrap_or(time);
    let mut clock = time.split(':');
    let (hour, minute) = (clock.next()?, clock.next()?);
    let second = clock.next().unwrap_or("00");
    if parts.next().is_some() || clock.next().is_some() {
        return None;
    }
    let two = |text: &str| -> Option<u8> {
        let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let year: u16 = year.parse().ok()?;
    let (month, day) = (two(month)?, two(day)?);
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    ))
}

/// The fraction of a second in the text of a time, point included; empty if there is none.
fn fraction(text: &str) -> &str {
    let Some(at) = text.find('.') else { return "" };
    let digits = text[at + 1..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    &text[at..=at + digits]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour ahead in March, two in July.
    struct Berlin;

    impl Clock for Berlin {
        fn offset(&self, civil: &str) -> Option<i32> {
            Some(if civil.starts_with("2026-07") {
                120
            } else {
                60
            })
        }

        fn show(&self, instant: &str) -> Option<String> {
            (instant == "2026-03-01T12:00:00.123456+00:00")
                .then(|| "2026-03-01 13:00:00".to_owned())
        }
    }

    fn column(kind: ColumnKind, nullable: bool) -> Column {
        Column {
            name: "c".to_owned(),
            type_name: String::new(),
            kind,
            nullable,
            has_default: false,
            generated: false,
            labels: vec!["open".to_owned(), "in progress".to_owned()],
            references: None,
            comment: None,
        }
    }

    fn value(text: &str, kind: ColumnKind) -> Result<Cell, String> {
        read(text, &column(kind, true), &Berlin)
    }

    #[test]
    fn numbers_keep_every_digit_and_their_spelling() {
        let long = "12345678901234567890.1234567890123456789";
        let read = value(long, ColumnKind::Numeric);
        assert_eq!(read, Ok(Cell::Number(long.into())));
        assert_eq!(
            value(" 1.50 ", ColumnKind::Numeric),
            Ok(Cell::Number("1.50".into()))
        );
        assert_eq!(value(".5", ColumnKind::Float), Ok(Cell::text(".5")));
        assert_eq!(value("NaN", ColumnKind::Numeric), Ok(Cell::text("NaN")));
        for wrong in ["1,5", "1.2.3", "abc", "1e", "-", "."] {
            assert!(value(wrong, ColumnKind::Numeric).is_err(), "{wrong}");
        }
        for wrong in ["1.5", "1e3", "1 000", "+"] {
            assert!(value(wrong, ColumnKind::Integer).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_text_can_be_empty() {
        assert_eq!(value("", ColumnKind::Text), Ok(Cell::text("")));
        assert_eq!(value(" ", ColumnKind::Date), Ok(Cell::Null));
        assert!(read("", &column(ColumnKind::Integer, false), &Berlin).is_err());
    }

    #[test]
    fn a_time_is_on_the_readers_clock_unless_it_says_otherwise() {
        let read = |text| match value(text, ColumnKind::TimestampTz) {
            Ok(Cell::Text(text)) => text.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(read("2026-03-01 13:00"), "2026-03-01T13:00:00+01:00");
        assert_eq!(read("2026-7-1 9:05:06.5"), "2026-07-01T09:05:06.5+02:00");
        assert_eq!(read("2026-07-01"), "2026-07-01T00:00:00+02:00");
        for whole in [
            "2026-03-01 13:00Z",
            "2026-03-01 13:00+05:30",
            "infinity",
            "now",
        ] {
            assert_eq!(read(whole), whole);
        }
    }

    #[test]
    fn an_instant_is_edited_as_it_is_shown_with_its_fraction() {
        let cell = Cell::text("2026-03-01T12:00:00.123456+00:00");
        let text = text_of(&cell, ColumnKind::TimestampTz, &Berlin);
        assert_eq!(text, "2026-03-01 13:00:00.123456");
        assert_eq!(
            value(&text, ColumnKind::TimestampTz),
            Ok(Cell::text("2026-03-01T13:00:00.123456+01:00"))
        );
    }

    #[test]
    fn json_is_told_what_is_wrong_with_it() {
        assert_eq!(
            value("{\"a\": 1.0}", ColumnKind::Json),
            Ok(Cell::Json("{\"a\": 1.0}".into()))
        );
        assert_eq!(
            text_of(&Cell::text("a"), ColumnKind::Json, &Berlin),
            "\"a\""
        );
        let wrong = value("{\"a\": }", ColumnKind::Json).expect_err("no JSON");
        assert!(wrong.contains("line 1 column 7"), "{wrong}");
        assert!(value("a, b", ColumnKind::Array).is_err());
    }

    #[test]
    fn an_enum_takes_its_labels_only() {
        assert_eq!(
            value("in progress", ColumnKind::Enum),
            Ok(Cell::text("in progress"))
        );
        assert!(value("closed", ColumnKind::Enum).is_err());
    }
}
