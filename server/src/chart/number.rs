//! A chart of numbers: buckets of a round width.

use rowcast_engine::datum::{Codec, decode_image};
use rowcast_protocol::Cell;
use sqlx::{PgConnection, Row};

use super::{Range, Subject, count::Bound};
use crate::query::sql::Params;

/// How many times its buckets' width a range has at the most. Its ends need not be round, so
/// there may be two buckets more.
const WIDTHS: f64 = 36.0;

/// The buckets of a column of numbers, and how many rows have no value.
pub async fn read(
    subject: &Subject<'_>,
    connection: &mut PgConnection,
) -> Result<(Range, u64), sqlx::Error> {
    let column = &subject.bound.table.columns[subject.column];
    let is_whole = matches!(column.codec, Codec::Int2 | Codec::Int4 | Codec::Int8);
    let sql_type = &column.sql_type;
    let is_finite = if is_whole {
        "true".to_owned()
    } else {
        format!("r.v::{sql_type} <> ALL (ARRAY['NaN', 'Infinity', '-Infinity']::{sql_type}[])")
    };
    let selected = format!(
        "count(*) - count(r.v), count(r.v) - count(r.v) FILTER (WHERE {is_finite}), \
         record_send(ROW(min(r.v) FILTER (WHERE {is_finite}), max(r.v) FILTER (WHERE {is_finite}))), \
         min(r.v::numeric) FILTER (WHERE {is_finite})::text, \
         max(r.v::numeric) FILTER (WHERE {is_finite})::text, \
         (max(r.v::numeric) FILTER (WHERE {is_finite}) \
             - min(r.v::numeric) FILTER (WHERE {is_finite}))::text"
    );
    let rows = subject
        .of_rows(connection, &selected, "", Params::default())
        .await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let nulls = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
    let mut range = Range {
        from: Cell::Null,
        to: Cell::Null,
        buckets: Vec::new(),
        outside: u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
    };
    let text = |at: usize| row.try_get::<Option<String>, _>(at);
    let (Some(least), Some(greatest), Some(width)) = (text(3)?, text(4)?, text(5)?) else {
        return Ok((range, nulls));
    };
    let image: &[u8] = row.try_get(2)?;
    let ends = [column.codec.clone(), column.codec.clone()];
    let ends =
        decode_image(&mut &*image, &ends).map_err(|error| sqlx::Error::Decode(error.into()))?;
    (range.from, range.to) = (ends[0].to_cell(), ends[1].to_cell());
    let step = step(&width, &least, is_whole);
    // Beyond both ends, for of a float the number is rounded.
    let bounds: Vec<String> = sqlx::query_scalar(
        "SELECT trim_scale(k * $3::text::numeric)::text \
           FROM generate_series(div($1::text::numeric, $3::text::numeric) - 2, \
                                div($2::text::numeric, $3::text::numeric) + 2) AS k ORDER BY k",
    )
    .bind(&least)
    .bind(&greatest)
    .bind(&step)
    .fetch_all(&mut *connection)
    .await?;
    let bounds: Vec<Bound> = bounds
        .into_iter()
        .map(|text| Bound {
            cell: Cell::Number(text.as_str().into()),
            compared: match column.codec {
                Codec::Float4 | Codec::Float8 if !fits(&column.codec, &text) => {
                    let sign = if text.starts_with('-') { "-" } else { "" };
                    format!("{sign}Infinity")
                }
                _ => text.clone(),
            },
            text: fits(&column.codec, &text).then_some(text),
        })
        .collect();
    // Bounds of whole numbers may lie beyond their type.
    let compared_as = if is_whole {
        "\"pg_catalog\".\"numeric\""
    } else {
        sql_type
    };
    let (buckets, outside) = subject
        .buckets(connection, &bounds, compared_as, &is_finite)
        .await?;
    range.buckets = buckets;
    range.outside += outside;
    Ok((range, nulls))
}

/// Whether a column's type has such a number.
fn fits(codec: &Codec, text: &str) -> bool {
    match codec {
        Codec::Int2 => text.parse::<i16>().is_ok(),
        Codec::Int4 => text.parse::<i32>().is_ok(),
        Codec::Int8 => text.parse::<i64>().is_ok(),
        Codec::Float4 => text.parse::<f32>().is_ok_and(f32::is_finite),
        Codec::Float8 => text.parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    }
}

/// The least of 1, 2 and 5 times a power of ten of which the range has few enough, as
/// PostgreSQL reads it. Where all rows have one value, a number of its size.
fn step(width: &str, value: &str, is_whole: bool) -> String {
    let (leading, exponent) = match (scientific(width), scientific(value)) {
        (Some(width), _) => width,
        (None, Some((_, exponent))) => return format!("1e{}", if is_whole { 0 } else { exponent }),
        (None, None) => return "1e0".to_owned(),
    };
    // A width is at most 9.99 times its power of ten, so one of these is enough.
    for power in exponent - 2..=exponent {
        for digit in [1.0, 2.0, 5.0] {
            let is_fine = is_whole && power < 0;
            let widths = leading * 10_f64.powi(exponent - power) / digit;
            if widths <= WIDTHS && !is_fine {
                return format!("{digit}e{power}");
            }
        }
    }
    format!("1e{}", if is_whole { exponent.max(0) } else { exponent })
}

/// A number as one from 1 up to 10, nearly, times a power of ten; `None` is zero.
fn scientific(text: &str) -> Option<(f64, i32)> {
    let text = text.trim_start_matches('-');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = [whole, fraction].concat();
    let first = digits.find(|digit| digit != '0')?;
    let leading = digits[first..].chars().take(15).collect::<String>();
    let (head, tail) = leading.split_at(1);
    let leading = format!("{head}.{tail}0").parse().ok()?;
    let exponent = i32::try_from(whole.len()).ok()? - i32::try_from(first).ok()? - 1;
    Some((leading, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_split_into_size_and_leading_digits() {
        assert_eq!(scientific("1234.5"), Some((1.2345, 3)));
        assert_eq!(scientific("-0.0025"), Some((2.5, -3)));
        assert_eq!(scientific("7"), Some((7.0, 0)));
        assert_eq!(scientific("0.00"), None);
        assert_eq!(
            scientific(&format!("2{}", "0".repeat(400))),
            Some((2.0, 400))
        );
    }

    #[test]
    fn steps_are_round_and_few() {
        for (width, value, is_whole, expected) in [
            ("100", "0", false, "5e0"),
            ("36", "0", true, "1e0"),
            ("37", "0", true, "2e0"),
            ("3", "0", true, "1e0"),
            ("3", "0", false, "1e-1"),
            ("0.9", "0", false, "5e-2"),
            ("999999", "1", true, "5e4"),
            ("0", "42", true, "1e0"),
            ("0", "42", false, "1e1"),
            ("0", "0", false, "1e0"),
            ("0.00", "0.005", false, "1e-3"),
        ] {
            assert_eq!(step(width, value, is_whole), expected, "{width} {value}");
        }
    }
}
