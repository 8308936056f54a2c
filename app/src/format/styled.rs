//! One value, as the reader wants its column shown.

use std::sync::Arc;

use rowcast_protocol::{Cell, Column, ColumnKind};

use super::{
    Presented, Shape, address,
    cell::{BADGES, badge, prefix, present},
    chosen::Format,
    decimal::Decimal,
    markdown::{Span, spans},
    number::{duration, fixed},
    relative,
    time::today,
    zone::Zone,
};

/// The most of a text that is read for its marks, in characters.
const READ: usize = 1_000;

/// A value in a format.
#[derive(Clone, Debug, PartialEq)]
pub enum Styled {
    /// Text, which may lead somewhere.
    Text(Presented),
    /// A badge.
    Badge(Presented),
    /// A bar: how full it is, out of the most.
    Progress(Presented, Arc<str>, u32),
    /// A picture and its source.
    Picture(Presented, String),
    /// Text with emphasis.
    Spans(Presented, Vec<Span>),
    /// Text that is seen while its cell has the focus.
    Masked(Presented),
}

/// What a reader's clock says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reader {
    /// The zone that times are shown in.
    pub zone: Zone,
    /// The time in milliseconds since 1970, once there is a clock: the server has none, for
    /// what it renders is read later.
    pub now: Option<f64>,
}

/// Shows a value of a column in a format. A value that the format is not for, such as a word
/// where a link should be, is shown as it is.
pub fn styled(cell: &Cell, format: &Format, column: &Column, reader: Reader) -> Styled {
    let mut plain = present(cell, Shape::Plain, column, reader.zone);
    let value = match (cell, format) {
        (Cell::Number(text) | Cell::Text(text) | Cell::Json(text), _) if !text.is_empty() => text,
        (Cell::Bool(_), Format::Masked) => return Styled::Masked(plain),
        (Cell::Bool(on), Format::Badge) => {
            let class = if *on { "b4" } else { "b0" };
            return Styled::Badge(Presented { class, ..plain });
        }
        (Cell::Bool(_), Format::Plain) => return Styled::Text(Presented { class: "", ..plain }),
        // There is nothing to hide about there being nothing.
        _ => return Styled::Text(plain),
    };
    if column.kind == ColumnKind::Enum {
        // Its colour is a badge's.
        plain.class = "";
    }
    let exact = |text: String, class: &'static str| {
        Styled::Text(Presented {
            text: text.into(),
            class,
            title: Some(prefix(value.clone(), READ)),
            href: None,
        })
    };
    let leading = |text: Arc<str>, href: Option<String>| {
        Styled::Text(Presented {
            text,
            href,
            ..plain.clone()
        })
    };
    match format {
        Format::Plain => Styled::Text(plain),
        Format::Number { .. }
        | Format::Currency { .. }
        | Format::Bytes { .. }
        | Format::Percent { .. }
        | Format::Duration(_) => match number(value, format) {
            Some(text) => exact(text, ""),
            None => Styled::Text(plain),
        },
        Format::Relative => {
            let text = reader.now.and_then(|now| match column.kind {
                ColumnKind::Date => relative::day(value, &today(now)),
                _ => relative::since(value, now),
            });
            match text {
                Some(text) => Styled::Text(Presented {
                    text: text.into(),
                    class: "time",
                    title: Some(plain.text),
                    href: None,
                }),
                None => Styled::Text(plain),
            }
        }
        Format::Link => match address::follow(value) {
            Some(to) => leading(prefix(address::short(&to).into(), 240), Some(to)),
            None => Styled::Text(plain),
        },
        Format::Email => leading(plain.text.clone(), address::mail(value)),
        Format::Image => {
            let name: Arc<str> = address::file_name(value).into();
            match (address::picture(value), address::follow(value)) {
                (Some(source), _) => Styled::Picture(
                    Presented {
                        text: name,
                        ..plain
                    },
                    source,
                ),
                (None, Some(to)) => leading(name, Some(to)),
                (None, None) => Styled::Text(plain),
            }
        }
        Format::Badge => {
            let class = match column.kind {
                ColumnKind::Enum => badge(column, value),
                _ => BADGES[hash(value) % BADGES.len()],
            };
            Styled::Badge(Presented { class, ..plain })
        }
        // NaN and the infinities have none.
        Format::Progress { most } if value.bytes().any(|of| of.is_ascii_digit()) => {
            Styled::Progress(plain, value.clone(), *most)
        }
        Format::Progress { .. } => Styled::Text(plain),
        Format::Markdown => {
            let spans = spans(&prefix(value.clone(), READ));
            Styled::Spans(plain, spans)
        }
        Format::Masked => Styled::Masked(Presented {
            title: None,
            ..plain
        }),
    }
}

/// A number in a format of numbers; `None` if it is none.
pub fn number(value: &str, format: &Format) -> Option<String> {
    let decimal = Decimal::parse(value)?;
    let rounded = |decimal: Decimal, digits: &Option<u8>| match digits {
        Some(digits) => decimal.rounded(usize::from(*digits)),
        None => decimal,
    };
    Some(match format {
        Format::Number { digits, grouped } => {
            let (sign, text) = rounded(decimal, digits).text(*grouped);
            [sign, &text].concat()
        }
        Format::Currency { code, digits } => {
            let places = digits.unwrap_or_else(|| places_of(code));
            let (sign, text) = decimal.rounded(usize::from(places)).text(true);
            [sign, &symbol(code), &text].concat()
        }
        Format::Percent { digits, whole } => {
            let decimal = if *whole {
                decimal
            } else {
                decimal.hundredfold()
            };
            let (sign, text) = rounded(decimal, digits).text(true);
            [sign, &text, "\u{202f}%"].concat()
        }
        Format::Bytes { binary } => bytes(decimal.about()?, *binary)?,
        Format::Duration(unit) => {
            let milliseconds = decimal.about()? * unit.milliseconds();
            let sign = if milliseconds < 0.0 { "-" } else { "" };
            [sign, &length(milliseconds.abs())].concat()
        }
        _ => return None,
    })
}

/// What stands before an amount.
fn symbol(code: &[u8; 3]) -> String {
    let symbol = match code {
        b"EUR" => "€",
        b"USD" => "$",
        b"GBP" => "£",
        b"JPY" => "¥",
        b"INR" => "₹",
        b"KRW" => "₩",
        b"ILS" => "₪",
        b"UAH" => "₴",
        b"VND" => "₫",
        b"NGN" => "₦",
        b"PHP" => "₱",
        code => {
            // A space that a line does not break at.
            return code
                .iter()
                .map(|of| char::from(*of))
                .chain(['\u{a0}'])
                .collect();
        }
    };
    symbol.to_owned()
}

/// How many digits behind the point a currency has.
fn places_of(code: &[u8; 3]) -> u8 {
    match code {
        b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"PYG" | b"UGX" | b"XAF" | b"XOF" => 0,
        b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
        _ => 2,
    }
}

/// A number of bytes to three digits: `999 B`, `1.50 kB`, `12.3 MiB`; `None` where there is no
/// unit for so many.
fn bytes(count: f64, binary: bool) -> Option<String> {
    let (step, units) = if binary {
        (1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
    } else {
        (1000.0, ["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    };
    let (mut size, mut unit) = (count.abs(), 0);
    // From here on the unit below would round to one of the next.
    while size >= step - 0.5 && unit + 1 < units.len() {
        size /= step;
        unit += 1;
    }
    let sign = if count < 0.0 { "-" } else { "" };
    let places = match unit {
        0 => 0,
        _ if size < 9.995 => 2,
        _ if size < 99.95 => 1,
        _ => 0,
    };
    Some([sign, &fixed(size, places)?, " ", units[unit]].concat())
}

/// A length of time in its two largest units: `250 ms`, `12.3 s`, `3 min 20 s`, `4 d 5 h`.
fn length(milliseconds: f64) -> String {
    if milliseconds < 59_950.0 {
        return if milliseconds == 0.0 {
            "0 s".to_owned()
        } else {
            duration(milliseconds)
        };
    }
    let seconds = (milliseconds / 1000.0).round() as u64;
    let (large, small, names) = if seconds < 3_600 {
        (60, 1, ["min", "s"])
    } else if seconds < 86_400 {
        (3_600, 60, ["h", "min"])
    } else {
        (86_400, 3_600, ["d", "h"])
    };
    let (first, second) = (seconds / large, seconds % large / small);
    if second == 0 {
        format!("{first} {}", names[0])
    } else {
        format!("{first} {} {second} {}", names[0], names[1])
    }
}

/// FNV-1a: a value has the same colour on every page.
fn hash(value: &str) -> usize {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    value.bytes().fold(0x811c_9dc5, step) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnKind) -> Column {
        Column {
            name: "c".to_owned(),
            type_name: String::new(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        }
    }

    fn shown(value: &str, format: &str) -> Option<String> {
        number(value, &Format::parse(format)?)
    }

    #[test]
    fn numbers_are_shown_in_their_format() {
        for (value, format, expected) in [
            ("1234.5", "number", "1,234.5"),
            ("1234.5", "number(0;plain)", "1235"),
            ("-1234.5", "currency(EUR)", "-€1,234.50"),
            ("1234.5", "currency(JPY)", "¥1,235"),
            ("5", "currency(CHF;0)", "CHF\u{a0}5"),
            ("0.125", "percent", "12.5\u{202f}%"),
            ("12.5", "percent(0;whole)", "13\u{202f}%"),
            ("0", "bytes", "0 B"),
            ("999", "bytes", "999 B"),
            ("1500", "bytes", "1.50 kB"),
            ("999999", "bytes", "1.00 MB"),
            ("1048576", "bytes(1024)", "1.00 MiB"),
            ("0", "duration", "0 s"),
            ("12.34", "duration(s)", "12.3 s"),
            ("200", "duration(s)", "3 min 20 s"),
            ("7200", "duration(s)", "2 h"),
            ("-1500", "duration(min)", "-1 d 1 h"),
        ] {
            assert_eq!(
                shown(value, format).as_deref(),
                Some(expected),
                "{value} {format}"
            );
        }
        assert_eq!(shown("NaN", "number"), None);
    }

    #[test]
    fn what_a_format_is_not_for_is_shown_as_it_is() {
        let reader = Reader {
            zone: Zone::Utc,
            now: None,
        };
        let link = |text| {
            styled(
                &Cell::text(text),
                &Format::Link,
                &column(ColumnKind::Text),
                reader,
            )
        };
        let Styled::Text(shown) = link("javascript:alert(1)") else {
            panic!("a link's cell holds text");
        };
        assert_eq!((&*shown.text, shown.href), ("javascript:alert(1)", None));
        let Styled::Text(shown) = link("https://a.example/b/") else {
            panic!("a link's cell holds text");
        };
        assert_eq!(&*shown.text, "a.example/b");
        assert_eq!(shown.href.as_deref(), Some("https://a.example/b/"));
        let null = styled(
            &Cell::Null,
            &Format::Masked,
            &column(ColumnKind::Text),
            reader,
        );
        assert!(matches!(null, Styled::Text(shown) if shown.class == "null"));
    }

    #[test]
    fn times_are_exact_until_there_is_a_clock() {
        let at = Cell::text("2026-03-01T11:59:00+00:00");
        let kind = column(ColumnKind::TimestampTz);
        let shown = |now| match styled(
            &at,
            &Format::Relative,
            &kind,
            Reader {
                zone: Zone::Utc,
                now,
            },
        ) {
            Styled::Text(shown) => (shown.text.to_string(), shown.title.map(|of| of.to_string())),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(None).0, "2026-03-01 11:59:00");
        assert_eq!(
            shown(Some(1_772_366_400_000.0)),
            (
                "1 min ago".to_owned(),
                Some("2026-03-01 11:59:00".to_owned())
            )
        );
    }

    #[test]
    fn a_value_keeps_the_colour_of_its_badge() {
        let reader = Reader {
            zone: Zone::Utc,
            now: None,
        };
        let class = |text| match styled(
            &Cell::text(text),
            &Format::Badge,
            &column(ColumnKind::Text),
            reader,
        ) {
            Styled::Badge(shown) => shown.class,
            other => panic!("{other:?}"),
        };
        assert_eq!(class("north"), class("north"));
        let some = ["north", "south", "east", "west"].map(class);
        assert!(some.iter().any(|one| *one != some[0]));
    }
}
