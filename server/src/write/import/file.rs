//! A CSV file: its fields by line.

use csv::{ByteRecord, ReaderBuilder};
use rowcast_protocol::ApiError;

use super::Fault;

/// What may stand between fields. Of two that are there as often it is the first one: what comes
/// later is also found in text.
const DELIMITERS: [u8; 3] = [b'\t', b';', b','];

/// What is wrong with a row whose quotes are left open.
const OPEN: &str = "a quote begins in this row and does not end";

/// A file in memory, in UTF-8, with fields between commas, semicolons or tabs.
#[derive(Debug)]
pub struct File<'a> {
    text: &'a str,
    delimiter: u8,
    header: Option<Vec<String>>,
    /// How many fields a row has.
    width: usize,
}

/// A row of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its fields. `None` is one of which nothing stands there, not even quotes.
    pub fields: Vec<Option<String>>,
    /// Whether the file ends within quotes that began in it: then much of what it holds may be
    /// in one field.
    pub is_open: bool,
}

impl<'a> File<'a> {
    /// Looks at a file: what parts its fields, and their names if its first row has them.
    ///
    /// # Errors
    /// `invalid_csv` if it is not UTF-8 or holds no row.
    pub fn new(bytes: &'a [u8], has_header: bool) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            invalid(&format!("line {line} is not UTF-8"))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut file = Self {
            text,
            delimiter: delimiter(text),
            header: None,
            width: 0,
        };
        let first = file.all().next();
        let first = first.ok_or_else(|| invalid("the file is empty"))?;
        if first.is_open {
            return Err(invalid(&format!("line {}: {OPEN}", first.line)));
        }
        file.width = first.fields.len();
        if has_header {
            let names = first.fields.into_iter().map(Option::unwrap_or_default);
            file.header = Some(names.collect());
        }
        Ok(file)
    }

    /// The names that its first row gives.
    pub fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// How many fields each row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What its fields are called: by its first row, else by their numbers from 1.
    pub fn names(&self) -> Vec<String> {
        match &self.header {
            Some(header) => header.clone(),
            None => (1..=self.width).map(|nth| nth.to_string()).collect(),
        }
    }

    /// Its rows, in order, without that of the names; blank lines are none.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, Fault>> + '_ {
        let skipped = usize::from(self.header.is_some());
        self.all().skip(skipped).map(|record| {
            let fields = record.fields.len();
            let message = match fields {
                _ if record.is_open => OPEN.to_owned(),
                _ if fields == self.width => return Ok(record),
                1 => format!("the row has 1 field, the first one {}", self.width),
                _ => format!("the row has {fields} fields, the first one {}", self.width),
            };
            Err(Fault {
                line: record.line,
                column: None,
                message,
            })
        })
    }

    fn all(&self) -> impl Iterator<Item = Record> + use<'a> {
        let (text, delimiter) = (self.text, self.delimiter);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        std::iter::from_fn(move || {
            let start = usize::try_from(reader.position().byte()).ok()?;
            let line = reader.position().line();
            // Text in memory can always be read.
            if !reader.read_byte_record(&mut record).ok()? {
                return None;
            }
            let end = usize::try_from(reader.position().byte()).ok()?;
            // The reader ends a row before the line feed of a CR LF.
            let raw = text.as_bytes().get(start..end).unwrap_or_default();
            let blank = raw
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            let feeds = raw[..blank].iter().filter(|byte| **byte == b'\n').count();
            let is_last = end >= text.len();
            let (quoted, is_open) = if is_last || record.iter().any(<[u8]>::is_empty) {
                quoted(&raw[blank..], delimiter)
            } else {
                (Vec::new(), false)
            };
            let fields = record.iter().enumerate().map(|(place, field)| {
                if field.is_empty() && quoted.get(place) != Some(&true) {
                    return None;
                }
                // Fields of UTF-8 that end at ASCII are UTF-8.
                Some(String::from_utf8_lossy(field).into_owned())
            });
            Some(Record {
                line: line + feeds as u64,
                fields: fields.collect(),
                is_open,
            })
        })
    }
}

/// Of each field of a row, whether it is in quotes, and whether those of the last one are left
/// open: the reader does not tell.
fn quoted(row: &[u8], delimiter: u8) -> (Vec<bool>, bool) {
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a quote, which ends the quotes unless another one follows.
        Closed,
    }
    let mut fields = Vec::new();
    let mut at = At::Start;
    for &byte in row {
        if matches!(at, At::Start) {
            fields.push(byte == b'"');
        }
        at = match at {
            At::Quoted if byte == b'"' => At::Closed,
            At::Quoted => At::Quoted,
            _ if byte == delimiter => At::Start,
            At::Start | At::Closed if byte == b'"' => At::Quoted,
            // Behind its quotes a field goes on without any, as the reader takes it.
            At::Start | At::Plain | At::Closed => At::Plain,
        };
    }
    if matches!(at, At::Start) {
        fields.push(false);
    }
    (fields, matches!(at, At::Quoted))
}

/// What parts the fields of the first row: what is most often outside of its quotes.
fn delimiter(text: &str) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut inside = false;
    for byte in text.trim_start_matches(['\r', '\n']).bytes() {
        match byte {
            b'"' => inside = !inside,
            b'\n' | b'\r' if !inside => break,
            byte if !inside => {
                for (count, delimiter) in counts.iter_mut().zip(DELIMITERS) {
                    *count += usize::from(byte == delimiter);
                }
            }
            _ => {}
        }
    }
    let mut most = (0, b',');
    for (count, delimiter) in counts.into_iter().zip(DELIMITERS) {
        if count > most.0 {
            most = (count, delimiter);
        }
    }
    most.1
}

fn invalid(why: &str) -> ApiError {
    ApiError::new(
        "invalid_csv",
        format!("the file can't be read: {why}"),
        "send CSV in UTF-8, with fields between commas, semicolons or tabs",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<Option<String>>)> {
        let file = File::new(text.as_bytes(), false).expect("a file");
        let records = file.records().map(|record| record.expect("a row"));
        records.map(|record| (record.line, record.fields)).collect()
    }

    fn some(fields: &[&str]) -> Vec<Option<String>> {
        let fields = fields.iter().map(|field| (*field).to_owned());
        fields
            .map(|field| (field != "NULL").then_some(field))
            .collect()
    }

    #[test]
    fn nothing_is_null_and_quotes_around_nothing_are_text() {
        assert_eq!(
            rows("a,,\"\"\r\n,\"\",\r\n\"\",x,\n"),
            [
                (1, some(&["a", "NULL", ""])),
                (2, some(&["NULL", "", "NULL"])),
                (3, some(&["", "x", "NULL"])),
            ]
        );
    }

    #[test]
    fn a_row_is_on_the_line_on_which_it_begins() {
        for feed in ["\n", "\r\n"] {
            let text = ["a,b", "", "\"x", "y\",\"q\"\"\"", "", "", "1,2", "3,4"].join(feed);
            let lines: Vec<u64> = rows(&text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [1, 3, 7, 8], "{feed:?}");
        }
    }

    #[test]
    fn what_parts_the_fields_is_found_out() {
        assert_eq!(rows("a;\"b,c,d\";e"), [(1, some(&["a", "b,c,d", "e"]))]);
        assert_eq!(rows("a\tb, c"), [(1, some(&["a", "b, c"]))]);
        assert_eq!(rows("alone"), [(1, some(&["alone"]))]);
        assert_eq!(rows("\u{feff}a,b"), [(1, some(&["a", "b"]))]);
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        for (bytes, why) in [
            (&b""[..], "empty"),
            (b"\r\n\n", "empty"),
            (b"a\nb\xff", "line 2"),
            (b"\"a,b\n1,2\n", "line 1: a quote"),
        ] {
            let error = File::new(bytes, false).expect_err("no file");
            assert_eq!(error.code, "invalid_csv");
            assert!(error.message.contains(why), "{}", error.message);
        }
        let file = File::new(b"a,b\n1\n2,3\n4,5,6\n", true).expect("a file");
        let faults: Vec<_> = file.records().map(|record| record.err()).collect();
        let line = |line: u64, fields: &str| {
            Some(Fault {
                line,
                column: None,
                message: format!("the row has {fields}, the first one 2"),
            })
        };
        assert_eq!(faults, [line(2, "1 field"), None, line(4, "3 fields")]);
    }

    #[test]
    fn a_row_whose_quotes_are_left_open_is_wrong() {
        for text in [
            "a\n1\n\"x\n3\n",
            "a\n1\n\"x\"\"\n3",
            "a\n1\n\"",
            "a\r\n1\r\n\"x\r\n",
        ] {
            let file = File::new(text.as_bytes(), true).expect("a file");
            let faults: Vec<_> = file.records().map(|record| record.err()).collect();
            assert_eq!(faults.len(), 2, "{text:?}");
            assert_eq!(faults[0], None);
            let fault = faults[1].as_ref().expect("a fault");
            assert_eq!((fault.line, &*fault.message), (3, OPEN), "{text:?}");
        }
        for text in [
            "a\n\"x\"",
            "a\n5\" disk\n",
            "a\n\"x\"\"\"\r\n",
            "a\n\"\"\n",
            "a\n\"6\" nails\"",
            "a,b\n\"6\" nails\",\n",
        ] {
            let file = File::new(text.as_bytes(), true).expect("a file");
            assert!(file.records().all(|record| record.is_ok()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            rows_written in prop::collection::vec(
                prop::collection::vec(prop::option::of("[a,;\t\"\r\n \u{e4}]{0,4}"), 2..=2), 1..6)
        ) {
            let mut text = String::from("x,x\r\n");
            for row in &rows_written {
                for (place, field) in row.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    if let Some(field) = field {
                        text.push_str(&format!("\"{}\"", field.replace('"', "\"\"")));
                    }
                }
                text.push_str("\r\n");
            }
            let file = File::new(text.as_bytes(), true).expect("a file");
            let read: Vec<_> = file.records().map(|record| record.expect("a row").fields).collect();
            prop_assert_eq!(read, rows_written);
        }
    }
}
