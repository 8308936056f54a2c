//! Where a list stands: in the database's history, and in time if it depends on that.

use std::sync::Arc;

use rowcast_protocol::{Cursor, PgSnapshot};

/// A version of the database, and for a list that depends on the time a moment.
///
/// One window's places are ordered: neither its versions nor its moments go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The version.
    pub version: Arc<PgSnapshot>,
    /// The moment, in microseconds since 1970.
    pub moment: Option<i64>,
}

impl Place {
    /// Whether it lies at or behind another one.
    pub fn covers(&self, other: &Self) -> bool {
        self.version.covers(&other.version) && self.moment >= other.moment
    }

    /// The place as clients are told of it.
    pub fn cursor(&self, epoch: u64) -> String {
        Cursor {
            epoch,
            snapshot: PgSnapshot::clone(&self.version),
            moment: self.moment,
        }
        .to_string()
    }
}

impl From<&Cursor> for Place {
    fn from(cursor: &Cursor) -> Self {
        Self {
            version: Arc::new(cursor.snapshot.clone()),
            moment: cursor.moment,
        }
    }
}
