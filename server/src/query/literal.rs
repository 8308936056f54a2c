//! Values that need no database to be understood.

use rowcast_engine::datum::{Codec, Datum};

use super::bound::Literal;
use crate::database::catalog::ColumnMeta;

/// The value that PostgreSQL makes of `text` for this column, where that is plain to see;
/// `None` where PostgreSQL must be asked, which is no judgement on the text.
pub fn plain(column: &ColumnMeta, text: &str) -> Option<Literal> {
    if text.contains('\0') {
        return None;
    }
    match &column.codec {
        Codec::Int2 => integer(text, i16::MIN.into(), i16::MAX.into()),
        Codec::Int4 => integer(text, i32::MIN.into(), i32::MAX.into()),
        Codec::Int8 => integer(text, i64::MIN, i64::MAX),
        Codec::Bool => match text {
            "true" => Some(literal(text, Datum::Bool(true))),
            "false" => Some(literal(text, Datum::Bool(false))),
            _ => None,
        },
        // `name` is cut to its length, so it is PostgreSQL's to say.
        Codec::Text if !column.sql_type.ends_with(".\"name\"") => {
            Some(literal(text, Datum::Text(text.into())))
        }
        Codec::Uuid => uuid(text),
        Codec::Enum(labels) => {
            let index = labels.iter().position(|label| **label == *text)?;
            let label = labels[index].clone();
            let index = u16::try_from(index).ok()?;
            Some(literal(text, Datum::Enum { index, label }))
        }
        _ => None,
    }
}

fn literal(text: &str, datum: Datum) -> Literal {
    Literal {
        text: text.to_owned(),
        datum,
    }
}

fn integer(text: &str, least: i64, greatest: i64) -> Option<Literal> {
    let number: i64 = text.parse().ok()?;
    // Only the spelling that PostgreSQL itself would write: no sign, space or zero more.
    ((least..=greatest).contains(&number) && number.to_string() == text)
        .then(|| literal(text, Datum::Int(number)))
}

fn uuid(text: &str) -> Option<Literal> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut value = [0; 16];
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value[digits / 2] = value[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(literal(text, Datum::Uuid(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_plain() {
        let plain = |text| integer(text, -32768, 32767).map(|literal| literal.datum);
        assert_eq!(plain("-32768"), Some(Datum::Int(-32768)));
        assert_eq!(plain("0"), Some(Datum::Int(0)));
        for text in ["32768", "+1", "01", " 1", "-0", "", "1e3", "1_000"] {
            assert_eq!(plain(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_canonical_uuids_are_plain() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let expected = [
            0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
            0xff,
        ];
        assert_eq!(uuid(text).map(|u| u.datum), Some(Datum::Uuid(expected)));
        for text in [
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            "00112233445566778899aabbccddeeff",
            "{00112233-4455-6677-8899-aabbccddeeff}",
            "00112233-4455-6677-8899-aabbccddeefg",
            "00112233-4455-6677-8899aabbccddeeff-",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }
}
