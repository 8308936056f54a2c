//! A change of one row, as its table takes it.

use super::values::Values;

/// What is to be done to one row.
#[derive(Clone, Debug)]
pub enum Change {
    /// A row more.
    Insert {
        /// Its values; of other columns their defaults.
        row: Values,
        /// Whether identities are given rather than made: a row comes back.
        restore: bool,
    },
    /// Other values in a row.
    Update {
        /// Which.
        key: Values,
        /// The values.
        set: Values,
        /// What the row must still hold.
        expect: Values,
    },
    /// A row less.
    Delete {
        /// Which.
        key: Values,
        /// What the row must still hold.
        expect: Values,
    },
}

impl Change {
    /// What is done, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Insert { .. } => "insert",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
        }
    }

    /// The values that it stores, if it stores any.
    pub fn written(&self) -> Option<&Values> {
        match self {
            Self::Insert { row, .. } => Some(row),
            Self::Update { set, .. } => Some(set),
            Self::Delete { .. } => None,
        }
    }

    /// The values that it brings, each with as what they are read.
    pub fn values(&self) -> Vec<(Values, ReadAs)> {
        match self {
            Self::Insert { row, .. } => vec![(row.clone(), ReadAs::Declared)],
            Self::Update { key, set, expect } => vec![
                (set.clone(), ReadAs::Declared),
                (expect.clone(), ReadAs::Base),
                (key.clone(), ReadAs::Base),
            ],
            Self::Delete { key, expect } => {
                vec![(expect.clone(), ReadAs::Base), (key.clone(), ReadAs::Base)]
            }
        }
    }
}

/// As what a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// As what is stored: of the column's length, precision and domain.
    Declared,
    /// As what is compared: a value that the column could not hold equals none of its values,
    /// rather than the one that it would be rounded to.
    Base,
}
