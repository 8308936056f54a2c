//! Literals against a column's type, as far as no database is needed.

use super::excerpt;
use crate::{ApiError, Column, ColumnKind};

/// Refuses only what PostgreSQL's input function would.
pub fn check_literal(literal: &str, column: &Column) -> Result<(), ApiError> {
    let allowed = match column.kind {
        ColumnKind::Integer => check_integer(literal, &column.type_name),
        ColumnKind::Boolean => is_boolean(literal)
            .then_some(())
            .ok_or_else(|| "true or false".into()),
        ColumnKind::Uuid => is_uuid(literal)
            .then_some(())
            .ok_or_else(|| "32 hexadecimal digits".into()),
        ColumnKind::Enum if !column.labels.is_empty() => column
            .labels
            .iter()
            .any(|label| label == literal)
            .then_some(())
            .ok_or_else(|| column.labels.join(", ")),
        _ => Ok(()),
    };
    allowed.map_err(|hint: String| {
        ApiError::new(
            "invalid_value",
            format!(
                "{} does not fit column {:?}, which is {}",
                excerpt(literal),
                column.name,
                column.type_name
            ),
            hint,
        )
    })
}

/// What C's `isspace` takes for a blank.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

fn check_integer(literal: &str, type_name: &str) -> Result<(), String> {
    let (least, most) = match type_name {
        "smallint" => (i16::MIN.into(), i16::MAX.into()),
        "integer" => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    let whole = || format!("a whole number from {least} to {most}");
    let text = trim(literal);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(whole());
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // From version 16 on: 0x1F, 0o17, 0b1, 1_000.
        let later = |byte: u8| byte.is_ascii_hexdigit() || b"xXoO_".contains(&byte);
        return digits.bytes().all(later).then_some(()).ok_or_else(whole);
    }
    if type_name == "oid" {
        // Negative ones wrap around.
        return Ok(());
    }
    match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(()),
        _ => Err(whole()),
    }
}

fn is_boolean(literal: &str) -> bool {
    let word = trim(literal).to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    begins("true", 1)
        || begins("false", 1)
        || begins("yes", 1)
        || begins("no", 1)
        || begins("on", 2)
        || begins("off", 2)
        || word == "1"
        || word == "0"
}

/// Braces may surround it, and a hyphen may follow each four digits.
fn is_uuid(literal: &str) -> bool {
    let inside = match literal.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}'),
        None => Some(literal),
    };
    let Some(inside) = inside else {
        return false;
    };
    let mut digits = 0;
    let mut after_hyphen = false;
    for byte in inside.bytes() {
        if byte.is_ascii_hexdigit() {
            digits += 1;
            after_hyphen = false;
        } else if byte == b'-' && digits % 4 == 0 && (1..32).contains(&digits) && !after_hyphen {
            after_hyphen = true;
        } else {
            return false;
        }
    }
    digits == 32
}
