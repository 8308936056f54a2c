//! Counting the rows of a file while it comes.

/// How a file's rows are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV with a line of names first; line ends in quotes part nothing.
    Csv,
    /// A JSON array with a row on each line.
    Json,
}

impl Format {
    /// What the file's name ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// What the file is called where types are told.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
        }
    }
}

/// How much has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    format: Format,
    /// Bytes.
    pub bytes: u64,
    lines: u64,
    quoted: bool,
}

impl Tally {
    /// Nothing yet.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            bytes: 0,
            lines: 0,
            quoted: false,
        }
    }

    /// More has come: any part of the file, in order.
    pub fn add(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        for byte in part {
            match byte {
                // A doubled quote is left and entered again.
                b'"' if self.format == Format::Csv => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.lines += 1,
                _ => {}
            }
        }
    }

    /// How many rows that is.
    pub fn rows(self) -> u64 {
        match self.format {
            Format::Csv => self.lines.saturating_sub(1),
            // `[]` and a line end.
            Format::Json if self.bytes <= 3 => 0,
            Format::Json => self.lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: Format, text: &str) -> u64 {
        // However it is parted.
        let mut by_byte = Tally::new(format);
        text.as_bytes().chunks(1).for_each(|part| by_byte.add(part));
        let mut whole = Tally::new(format);
        whole.add(text.as_bytes());
        assert_eq!(whole, by_byte);
        assert_eq!(whole.bytes, text.len() as u64);
        whole.rows()
    }

    #[test]
    fn lines_of_csv_are_rows_but_the_first_and_those_in_quotes() {
        assert_eq!(rows(Format::Csv, "a,b\r\n"), 0);
        assert_eq!(rows(Format::Csv, "a,b\r\n1,2\r\n3,4\r\n"), 2);
        assert_eq!(rows(Format::Csv, "a\r\n\"x\r\n\"\"y\"\"\n\"\r\n2\r\n"), 2);
    }

    #[test]
    fn lines_of_json_are_rows() {
        assert_eq!(rows(Format::Json, "[]\n"), 0);
        assert_eq!(rows(Format::Json, "[{\"a\":1}]\n"), 1);
        assert_eq!(rows(Format::Json, "[{\"a\":\"\\n\"},\n{\"a\":2}]\n"), 2);
    }
}
