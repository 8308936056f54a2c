//! What one role may do with one table.

use std::collections::BTreeSet;

use rowcast_protocol::{
    ApiError, Table,
    query::{Filter, Query},
};
use serde::{Deserialize, Serialize};

use super::{path::EVERY_TABLE, rows};

/// The most columns that are named.
const MAX_COLUMNS: usize = 1_600;

/// What a role may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Reading rows. Without it nothing else is worth anything.
    pub read: bool,
    /// Inserting rows.
    pub insert: bool,
    /// Changing rows.
    pub update: bool,
    /// Deleting rows.
    pub delete: bool,
    /// Saying what others may do with the table: only together with reading all of it.
    pub manage: bool,
    /// Which rows, in the grammar of queries, `$user.name` standing for an attribute of whoever
    /// asks; `None`: all.
    pub rows: Option<String>,
    /// Columns that are as if they did not exist.
    pub hidden: BTreeSet<String>,
    /// Columns that are not written.
    pub read_only: BTreeSet<String>,
}

/// What a role may do with a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// The role.
    pub role: String,
    /// As [`path`](super::path::path) writes it, or `*`.
    pub table: String,
    /// What it may do.
    #[serde(flatten)]
    pub grant: Grant,
}

impl Grant {
    /// Whether the table has every column that it names.
    pub fn fits(&self, table: &Table) -> bool {
        let has = |name: &str| table.column(name).is_some();
        let named = self.hidden.iter().chain(&self.read_only);
        named.into_iter().all(|name| has(name))
            && self.rows.as_ref().is_none_or(|text| {
                Query::parse(text).is_ok_and(|query| {
                    let tests = query.filter.iter().flat_map(Filter::tests);
                    tests.into_iter().all(|test| has(&test.column))
                })
            })
    }

    /// Refuses what could not be kept to.
    ///
    /// # Errors
    /// `invalid_permission`; those of the grammar, of the row filter.
    pub fn check(&self, table: &str) -> Result<(), ApiError> {
        let invalid = |message: &str| ApiError::new("invalid_permission", message, "");
        let is_whole = self.rows.is_none() && self.hidden.is_empty() && self.read_only.is_empty();
        if table == EVERY_TABLE && !is_whole {
            return Err(invalid("rows and columns are of one table, not of all"));
        }
        if self.manage && !(self.read && is_whole) {
            return Err(invalid(
                "who manages a table reads all of it, and no column of it is hidden or read-only: \
                 they could allow themselves the rest",
            ));
        }
        if self.hidden.len() > MAX_COLUMNS || self.read_only.len() > MAX_COLUMNS {
            return Err(invalid("a table has no more than 1,600 columns"));
        }
        let names = self.hidden.iter().chain(&self.read_only);
        if names
            .clone()
            .any(|name| name.is_empty() || name.len() > 63 || name.contains('\0'))
        {
            return Err(invalid("a column's name has 1 to 63 bytes"));
        }
        match &self.rows {
            Some(text) => rows::check(text),
            None => Ok(()),
        }
    }
}
