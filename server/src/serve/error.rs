//! Why a database can't be served.

use crate::{
    capture::{migrate::MigrateError, source::SourceError},
    config::InvalidSetting,
    database::{pooler::PoolerError, replica::ReplicaError},
    listen::Taken,
    starting::{is_away, was_answered},
};

/// Why a database can't be served, on one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is the database.
    #[error("the database can't be used: {reason}")]
    Database {
        /// What is wrong with it.
        reason: String,
        /// Whether that is only that it can't be reached now.
        is_away: bool,
        /// Whether somebody was there.
        was_answered: bool,
    },
    /// It is the address.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// It is what a setting names.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// It is the pooler before the database.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// It is the standby beside it.
    #[error(transparent)]
    Replica(ReplicaError),
    /// It is where changes are to come from.
    #[error(transparent)]
    Source(SourceError),
}

impl StartError {
    /// Whether it is only that the database can't be reached now.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Database { is_away: true, .. }
                | Self::Pooler(PoolerError::Way { is_away: true, .. })
        )
    }

    /// Whether it is that, and somebody was there to say so.
    pub fn was_answered(&self) -> bool {
        let Self::Database { was_answered, .. } = self else {
            return false;
        };
        self.is_away() && *was_answered
    }
}

impl From<sqlx::Error> for StartError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database {
            reason: reason(&error),
            is_away: is_away(&error),
            was_answered: was_answered(&error),
        }
    }
}

impl From<SourceError> for StartError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Database(error) => error.into(),
            other => Self::Source(other),
        }
    }
}

impl From<MigrateError> for StartError {
    fn from(error: MigrateError) -> Self {
        match &error {
            MigrateError::Database(source) => Self::Database {
                reason: format!("{error}: {}", reason(source)),
                is_away: is_away(source),
                was_answered: was_answered(source),
            },
            _ => Self::Database {
                reason: error.to_string(),
                is_away: false,
                was_answered: true,
            },
        }
    }
}

/// What the driver says, on one line. None of these errors is about a row.
pub fn reason(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
