//! Why a standby was not read from.

use crate::error::{Fault, fault};

/// Why the primary is read from instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It can't be reached.
    Away,
    /// It has not replayed in time what the primary shows.
    Behind,
    /// It shows what the primary does not show in time, or too much of it.
    Ahead,
    /// It is of another database, or does not say that it is in the primary's history.
    Other,
    /// It is a primary itself.
    Promoted,
    /// What it had to replay ended the read.
    Conflict,
    /// It can't answer this: a table that is not replicated, a function that writes.
    Refused,
    /// All connections to it are in use.
    Busy,
    /// Changes are copied from the write-ahead log, and what the standby shows of them is not known.
    Source,
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Away,
        Self::Behind,
        Self::Ahead,
        Self::Other,
        Self::Promoted,
        Self::Conflict,
        Self::Refused,
        Self::Busy,
        Self::Source,
    ];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Other => "other",
            Self::Promoted => "promoted",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Source => "source",
        }
    }

    /// Whether the next read would fare no better.
    pub fn lasts(self) -> bool {
        matches!(
            self,
            Self::Away | Self::Behind | Self::Other | Self::Promoted | Self::Source
        )
    }

    /// What an error of a standby's is.
    pub fn of(error: &sqlx::Error) -> Self {
        let database = error.as_database_error();
        let code = database.and_then(|error| error.code());
        match code.as_deref() {
            Some("40001" | "40P01") => Self::Conflict,
            _ if fault(error) == Fault::Unavailable => Self::Away,
            _ => Self::Refused,
        }
    }
}
