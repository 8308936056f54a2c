//! The settings of a session that lasts, told to each transaction of those that do not.

use std::{collections::BTreeMap, io};

use bytes::{BufMut, Bytes, BytesMut};

use super::message::{broken, put, take_text};

/// What every pooler takes at the beginning of a session, and has hold for whoever said it.
const TAKEN: [&str; 6] = [
    "user",
    "database",
    "application_name",
    "client_encoding",
    "DateStyle",
    "TimeZone",
];

/// Protocol 3.0, before what a session begins with.
const VERSION: [u8; 4] = [0, 3, 0, 0];

/// What a session's transactions are to find set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads how a session begins: what a pooler is told of it, and what is left to be told to
    /// transactions.
    ///
    /// # Errors
    /// Where it is none of this protocol.
    pub fn read(mut begun: Bytes) -> io::Result<(BytesMut, Self)> {
        if !begun.starts_with(&VERSION) {
            return Err(broken("a session of another protocol"));
        }
        let mut told = BytesMut::from(&begun.split_to(VERSION.len())[..]);
        let mut settings = Self::default();
        loop {
            let name = text(take_text(&mut begun)?)?;
            if name.is_empty() {
                told.put_u8(0);
                return Ok((told, settings));
            }
            let value = text(take_text(&mut begun)?)?;
            if TAKEN.contains(&name.as_str()) {
                for text in [&name, &value] {
                    told.put_slice(text.as_bytes());
                    told.put_u8(0);
                }
            }
            match name.as_str() {
                "options" => {
                    for (name, value) in of_options(&value)? {
                        settings.set(name, value);
                    }
                }
                // Not every pooler has them hold.
                "DateStyle" | "TimeZone" | "extra_float_digits" => settings.set(name, value),
                _ => {}
            }
        }
    }

    /// From now on `name` is `value`.
    pub fn set(&mut self, name: String, value: String) {
        // What transactions begin as is set when they have begun, so it is they that are set.
        let name = match name.as_str() {
            "default_transaction_read_only" => "transaction_read_only".to_owned(),
            // It can't be changed any more by then; what it is is looked at once, at the start.
            "default_transaction_isolation" => return,
            _ => name,
        };
        self.0.insert(name, value);
    }

    /// Whether there is nothing to set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes what sets them for the transaction that it is part of: a statement that is parsed,
    /// bound and executed.
    pub fn put(&self, out: &mut BytesMut) {
        let calls: Vec<String> = (0..self.0.len())
            .map(|at| {
                format!(
                    "pg_catalog.set_config(${}, ${}, true)",
                    2 * at + 1,
                    2 * at + 2
                )
            })
            .collect();
        let sql = format!("SELECT {}", calls.join(", "));
        put(out, b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"]);
        let mut bound = BytesMut::new();
        // No portal's and no statement's name; all as text.
        bound.put_slice(b"\0\0\0\0");
        // There are some dozen.
        #[allow(clippy::cast_possible_truncation, reason = "there are some dozen")]
        bound.put_u16(2 * self.0.len() as u16);
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "an int4 is a value's length"
            )]
            bound.put_u32(text.len() as u32);
            bound.put_slice(text.as_bytes());
        }
        bound.put_slice(b"\0\0");
        put(out, b'B', &[&bound]);
        put(out, b'E', &[b"\0\0\0\0\0"]);
    }
}

/// The settings of `-c name=value -c …`, in which spaces and backslashes have one before them.
fn of_options(options: &str) -> io::Result<Vec<(String, String)>> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match (character, words.last_mut()) {
            (' ', _) => words.push(String::new()),
            ('\\', Some(word)) => word.extend(characters.next()),
            (_, Some(word)) => word.push(character),
            (_, None) => {}
        }
    }
    let mut settings = Vec::new();
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => None,
        };
        let setting = setting
            .as_deref()
            .and_then(|setting| setting.split_once('='));
        let (name, value) = setting.ok_or_else(|| broken("options that are no settings"))?;
        settings.push((name.to_owned(), value.to_owned()));
    }
    Ok(settings)
}

/// What is said in UTF-8.
///
/// # Errors
/// Where it is not.
pub fn text(bytes: Bytes) -> io::Result<String> {
    String::from_utf8(bytes.into()).map_err(|_| broken("a text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_driver_writes_them() {
        let found =
            of_options("-c a=b\\ c -c x.y=\\\\\\ z -csearch_path=p --jit=off").expect("options");
        let pairs: Vec<(&str, &str)> = found.iter().map(|(n, v)| (&**n, &**v)).collect();
        let expected = [
            ("a", "b c"),
            ("x.y", "\\ z"),
            ("search_path", "p"),
            ("jit", "off"),
        ];
        assert_eq!(pairs, expected);
        assert!(of_options("-d 5").is_err());
        assert!(of_options("-c").is_err());
    }

    #[test]
    fn a_pooler_is_told_what_it_takes_and_transactions_the_rest() {
        let begun = b"\0\x03\0\0user\0ann\0TimeZone\0UTC\0extra_float_digits\x001\0\
                      options\0-c default_transaction_read_only=on -c jit=off\0\0";
        let (told, settings) = Settings::read(Bytes::from_static(begun)).expect("a session");
        assert_eq!(&told[..], b"\0\x03\0\0user\0ann\0TimeZone\0UTC\0\0");
        let names: Vec<&str> = settings.0.keys().map(String::as_str).collect();
        let expected = [
            "TimeZone",
            "extra_float_digits",
            "jit",
            "transaction_read_only",
        ];
        assert_eq!(names, expected);
        assert!(Settings::read(Bytes::from_static(b"\x04\xd2\x16\x2f")).is_err());
    }
}
