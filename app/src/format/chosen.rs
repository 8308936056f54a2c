//! How a reader wants a column's values shown, as the address writes it.

use std::fmt;

use rowcast_protocol::ColumnKind;

/// The most digits behind the point that can be asked for.
pub const MOST_DIGITS: u8 = 12;

/// What a column's values are shown as, in place of what its type says.
///
/// As text a word, with options in brackets: `number(2)`, `currency(EUR;0)`. Options may stand
/// in any order, and those that can't be read are as if they weren't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The value itself: no badge, no link.
    Plain,
    /// A number.
    Number {
        /// How many digits behind the point; as many as there are if none.
        digits: Option<u8>,
        /// Whether thousands are set apart.
        grouped: bool,
    },
    /// An amount of money.
    Currency {
        /// The three letters of ISO 4217.
        code: [u8; 3],
        /// How many digits behind the point; as the currency has them if none.
        digits: Option<u8>,
    },
    /// A number of bytes.
    Bytes {
        /// Whether a unit is 1,024 of the one before, not 1,000.
        binary: bool,
    },
    /// A part of a whole.
    Percent {
        /// How many digits behind the point; as many as there are if none.
        digits: Option<u8>,
        /// Whether 25 is a quarter, not 0.25.
        whole: bool,
    },
    /// A number as a length of time.
    Duration(Unit),
    /// How long ago.
    Relative,
    /// An address to follow.
    Link,
    /// An address to write to.
    Email,
    /// A picture.
    Image,
    /// A badge, coloured by the value.
    Badge,
    /// A bar that is full at the most.
    Progress {
        /// That most.
        most: u32,
    },
    /// Text with emphasis, code and links.
    Markdown,
    /// Hidden until the cell has the focus.
    Masked,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    #[default]
    Seconds,
    /// Minutes.
    Minutes,
}

impl Unit {
    /// Every unit, with its word in an address and its name.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Milliseconds, "ms", "Milliseconds"),
        (Self::Seconds, "s", "Seconds"),
        (Self::Minutes, "min", "Minutes"),
    ];

    /// How many milliseconds one is.
    pub fn milliseconds(self) -> f64 {
        match self {
            Self::Milliseconds => 1.0,
            Self::Seconds => 1_000.0,
            Self::Minutes => 60_000.0,
        }
    }
}

impl Format {
    /// One of each, with its name, in the order they are offered.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Plain, "Plain text"),
        (
            Self::Number {
                digits: None,
                grouped: true,
            },
            "Number",
        ),
        (
            Self::Currency {
                code: *b"EUR",
                digits: None,
            },
            "Currency",
        ),
        (
            Self::Percent {
                digits: None,
                whole: false,
            },
            "Percent",
        ),
        (Self::Bytes { binary: false }, "File size"),
        (Self::Duration(Unit::Seconds), "Duration"),
        (Self::Progress { most: 100 }, "Progress bar"),
        (Self::Relative, "Relative time"),
        (Self::Link, "Link"),
        (Self::Email, "E-mail"),
        (Self::Image, "Image"),
        (Self::Markdown, "Markdown"),
        (Self::Badge, "Badge"),
        (Self::Masked, "Hidden until clicked"),
    ];

    /// Its word in an address.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Number { .. } => "number",
            Self::Currency { .. } => "currency",
            Self::Bytes { .. } => "bytes",
            Self::Percent { .. } => "percent",
            Self::Duration(_) => "duration",
            Self::Relative => "relative",
            Self::Link => "link",
            Self::Email => "email",
            Self::Image => "image",
            Self::Badge => "badge",
            Self::Progress { .. } => "progress",
            Self::Markdown => "markdown",
            Self::Masked => "masked",
        }
    }

    /// Reads what `Display` writes, and shorter texts of the same meaning.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once('(').unwrap_or((text, ")"));
        let options: Vec<&str> = rest.strip_suffix(')')?.split(';').collect();
        let (mut format, _) = Self::ALL.into_iter().find(|(of, _)| of.word() == word)?;
        let places = || {
            let digits = options.iter().find_map(|of| of.parse::<u8>().ok());
            digits.map(|digits| digits.min(MOST_DIGITS))
        };
        let says = |word| options.contains(&word);
        match &mut format {
            Self::Number { digits, grouped } => {
                *digits = places();
                *grouped = !says("plain");
            }
            Self::Currency { code, digits } => {
                let named = options.iter().find_map(|of| currency(of));
                *code = named.unwrap_or(*code);
                *digits = places();
            }
            Self::Bytes { binary } => *binary = says("1024"),
            Self::Percent { digits, whole } => {
                *digits = places();
                *whole = says("whole");
            }
            Self::Duration(unit) => {
                let named = Unit::ALL.into_iter().find(|(_, word, _)| says(word));
                *unit = named.map_or(*unit, |(unit, ..)| unit);
            }
            Self::Progress { most } => {
                let named = options.iter().find_map(|of| of.parse().ok());
                *most = named.filter(|most| *most > 0).unwrap_or(*most);
            }
            _ => {}
        }
        Some(format)
    }

    /// Whether it is for columns of that kind.
    pub fn fits(&self, kind: ColumnKind) -> bool {
        use ColumnKind::{Date, Float, Integer, Numeric, Text, Timestamp, TimestampTz};
        match self {
            Self::Plain | Self::Badge | Self::Masked => true,
            Self::Number { .. }
            | Self::Currency { .. }
            | Self::Bytes { .. }
            | Self::Percent { .. }
            | Self::Duration(_)
            | Self::Progress { .. } => matches!(kind, Integer | Numeric | Float),
            Self::Relative => matches!(kind, Date | Timestamp | TimestampTz),
            Self::Link | Self::Email | Self::Image | Self::Markdown => {
                matches!(kind, Text | ColumnKind::Other)
            }
        }
    }
}

/// A currency's letters, in capitals.
fn currency(text: &str) -> Option<[u8; 3]> {
    let code: [u8; 3] = text.as_bytes().try_into().ok()?;
    let is_code = code.iter().all(u8::is_ascii_alphabetic);
    is_code.then(|| code.map(|letter| letter.to_ascii_uppercase()))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        let places = |digits: &Option<u8>| digits.map(|digits| digits.to_string());
        match self {
            Self::Number { digits, grouped } => {
                options.extend(places(digits));
                options.extend((!grouped).then(|| "plain".to_owned()));
            }
            Self::Currency { code, digits } => {
                options.push(code.iter().copied().map(char::from).collect());
                options.extend(places(digits));
            }
            Self::Bytes { binary } => options.extend(binary.then(|| "1024".to_owned())),
            Self::Percent { digits, whole } => {
                options.extend(places(digits));
                options.extend(whole.then(|| "whole".to_owned()));
            }
            Self::Duration(unit) => {
                let word = Unit::ALL.into_iter().find(|(of, ..)| of == unit);
                options.extend(word.map(|(_, word, _)| word.to_owned()));
            }
            Self::Progress { most } => options.push(most.to_string()),
            _ => {}
        }
        f.write_str(self.word())?;
        if options.is_empty() {
            return Ok(());
        }
        write!(f, "({})", options.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_survives_its_text() {
        for text in [
            "plain",
            "number",
            "number(2)",
            "number(0;plain)",
            "currency(EUR)",
            "currency(JPY;0)",
            "bytes",
            "bytes(1024)",
            "percent(1;whole)",
            "duration(ms)",
            "duration(min)",
            "relative",
            "progress(5)",
            "masked",
        ] {
            let format = Format::parse(text);
            assert_eq!(format.map(|of| of.to_string()).as_deref(), Some(text));
        }
        for (format, _) in Format::ALL {
            assert_eq!(Format::parse(format.word()), Some(format));
        }
    }

    #[test]
    fn options_that_can_t_be_read_are_not_there() {
        let read = |text| Format::parse(text).map(|of| of.to_string());
        assert_eq!(read("currency(usd)").as_deref(), Some("currency(USD)"));
        assert_eq!(read("currency(€)").as_deref(), Some("currency(EUR)"));
        assert_eq!(read("number(99)").as_deref(), Some("number(12)"));
        assert_eq!(read("progress(0)").as_deref(), Some("progress(100)"));
        assert_eq!(read("number(2").as_deref(), None);
        assert_eq!(read("blink").as_deref(), None);
    }
}
