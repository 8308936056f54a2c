//! Changes to rows, as the interface takes them, and what takes them back.

use std::collections::BTreeMap;

use rowcast_protocol::{Cell, RowKey};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// Values by column.
pub type Values = BTreeMap<String, Cell>;

/// One change to one row.
///
/// `expect` is what whoever asks for it saw: where the database holds anything else there, it
/// refuses the change, and with it those that were sent together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A new row.
    Insert {
        /// Its values; the rest are defaults.
        row: Values,
        /// Whether it is a row that was there before and comes back as it was.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        restore: bool,
    },
    /// Other values in a row.
    Update {
        /// The row's key.
        key: RowKey,
        /// The new values.
        set: Values,
        /// The values there were.
        expect: Values,
    },
    /// A row less.
    Delete {
        /// The row's key.
        key: RowKey,
        /// The values there were.
        expect: Values,
    },
}

/// A change as it is read: one that has the members that its operation takes. A tagged enum
/// would be read through values that round numbers.
#[derive(Deserialize)]
struct Read {
    op: String,
    key: Option<RowKey>,
    row: Option<Values>,
    set: Option<Values>,
    #[serde(default)]
    expect: Values,
    #[serde(default)]
    restore: bool,
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let (expect, restore) = (read.expect, read.restore);
        match (&*read.op, read.key, read.row, read.set) {
            ("insert", _, Some(row), _) => Ok(Self::Insert { row, restore }),
            ("update", Some(key), _, Some(set)) => Ok(Self::Update { key, set, expect }),
            ("delete", Some(key), ..) => Ok(Self::Delete { key, expect }),
            _ => Err(D::Error::custom("no change")),
        }
    }
}

impl Change {
    /// What takes the change back, once it was made. `after` is the row as the database
    /// returned it, and `key_columns` are those of the table's key.
    ///
    /// `None` where the row that the database should have returned is missing.
    pub fn inverse(&self, after: Option<&Values>, key_columns: &[String]) -> Option<Self> {
        let key = |row: &Values| -> Option<RowKey> {
            let values = key_columns.iter().map(|name| row.get(name).cloned());
            Some(RowKey(values.collect::<Option<_>>()?))
        };
        Some(match self {
            Self::Insert { .. } => Self::Delete {
                key: key(after?)?,
                // Whoever takes back a new row saw it as it came: later work on it is not lost.
                expect: after?.clone(),
            },
            Self::Update { set, expect, .. } => {
                let after = after?;
                let now = |name: &String| Some((name.clone(), after.get(name)?.clone()));
                Self::Update {
                    key: key(after)?,
                    set: expect
                        .iter()
                        .filter(|(name, _)| set.contains_key(*name))
                        .map(|(name, cell)| (name.clone(), cell.clone()))
                        .collect(),
                    expect: set.keys().filter_map(now).collect(),
                }
            }
            Self::Delete { expect, .. } => Self::Insert {
                row: expect.clone(),
                restore: true,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: &[(&str, Cell)]) -> Values {
        of.iter()
            .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
            .collect()
    }

    fn key(id: i64) -> RowKey {
        RowKey::new([Cell::integer(id)])
    }

    #[test]
    fn an_update_is_taken_back_from_what_the_database_made_of_it() {
        let change = Change::Update {
            key: key(7),
            set: values(&[("title", Cell::text("b")), ("id", Cell::integer(8))]),
            expect: values(&[("title", Cell::text("a")), ("id", Cell::integer(7))]),
        };
        // A trigger wrote the title in capitals.
        let after = values(&[
            ("id", Cell::integer(8)),
            ("title", Cell::text("B")),
            ("other", Cell::Null),
        ]);
        let inverse = change.inverse(Some(&after), &["id".to_owned()]);
        assert_eq!(
            inverse,
            Some(Change::Update {
                key: key(8),
                set: values(&[("title", Cell::text("a")), ("id", Cell::integer(7))]),
                expect: values(&[("title", Cell::text("B")), ("id", Cell::integer(8))]),
            })
        );
    }

    #[test]
    fn an_insert_and_a_delete_take_each_other_back() {
        let row = values(&[("id", Cell::integer(1)), ("title", Cell::text("x"))]);
        let insert = Change::Insert {
            row: values(&[("title", Cell::text("x"))]),
            restore: false,
        };
        let delete = Change::Delete {
            key: key(1),
            expect: row.clone(),
        };
        let columns = ["id".to_owned()];
        assert_eq!(insert.inverse(Some(&row), &columns), Some(delete.clone()));
        assert_eq!(
            delete.inverse(None, &columns),
            Some(Change::Insert {
                row: row.clone(),
                restore: true,
            })
        );
        assert_eq!(insert.inverse(None, &columns), None);
    }

    #[test]
    fn a_change_is_written_as_the_interface_takes_it() {
        let change = Change::Update {
            key: key(7),
            set: values(&[("amount", Cell::Number("1.50".into()))]),
            expect: values(&[("amount", Cell::Null)]),
        };
        // JSON has all that a change is made of: objects with names that are text, and cells.
        let written = serde_json::to_string(&change).expect("a change is JSON");
        assert_eq!(
            written,
            r#"{"op":"update","key":[7],"set":{"amount":1.50},"expect":{"amount":null}}"#
        );
    }

    #[test]
    fn what_the_interface_answers_is_read_with_every_digit() {
        let written = r#"[{"op":"update","key":[7],"set":{"amount":1.50},"expect":{"amount":null}},{"op":"insert","row":{"id":12345678901234567890},"restore":true},{"op":"delete","key":["a"],"expect":{}}]"#;
        let read: Vec<Change> = serde_json::from_str(written).expect("changes");
        assert_eq!(serde_json::to_string(&read).expect("changes"), written);
        for wrong in [
            r#"{"op":"update","key":[7]}"#,
            r#"{"op":"insert"}"#,
            r#"{"op":"else","key":[7]}"#,
        ] {
            assert!(serde_json::from_str::<Change>(wrong).is_err(), "{wrong}");
        }
    }
}
