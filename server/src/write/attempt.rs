//! Writing, tried again where that makes sense.

use std::sync::Arc;

use sqlx::PgConnection;

use super::{
    change::ReadAs,
    explain::{self, is_passing, is_stale},
    permitted::with_permitted,
    refusal::Refusal,
    values::Values,
    writer::Writer,
};
use crate::{auth::Identity, database::catalog::TableMeta, state::AppState};

/// How often something is tried.
const ATTEMPTS: usize = 3;

/// Something that writes.
pub trait Work {
    /// What it answers.
    type Done;

    /// Does it, or leaves everything as it was, with no transaction open.
    fn run(
        &self,
        connection: &mut PgConnection,
        table: &Arc<TableMeta>,
    ) -> impl Future<Output = Result<Self::Done, Failure>> + Send;
}

/// Why something was not written.
#[derive(Debug)]
pub enum Failure {
    /// For a reason that is known.
    Refused(Refusal),
    /// Because the database says so.
    Database {
        /// What it says.
        error: sqlx::Error,
        /// The values that it may be about.
        values: Vec<(Values, ReadAs)>,
        /// Which change of several it is about.
        index: Option<usize>,
    },
}

/// Does it over a connection for writing, with the table as it is now. What fails because
/// others write at the same time, or because the table was altered, wrote nothing, and is
/// tried again.
///
/// # Errors
/// `unknown_table`; those of the work; docs/api.md lists those of writing.
pub async fn attempt<W: Work>(
    state: &AppState,
    identity: &Identity,
    table: &str,
    work: &W,
) -> Result<(Arc<TableMeta>, W::Done), Refusal> {
    let mut attempt = 1;
    loop {
        let table = state.seen(identity).table(table).await?;
        let table = with_permitted(state, table).await?;
        let mut writer = Writer::acquire(&state.writers).await?;
        let connection = writer.connection();
        let outcome = match work.run(connection, &table).await {
            Ok(done) => Some(Ok(done)),
            Err(Failure::Refused(refusal))
                if attempt < ATTEMPTS && refusal.error.code == "catalog_changed" =>
            {
                None
            }
            Err(Failure::Refused(refusal)) => Some(Err(refusal)),
            Err(Failure::Database { error, .. })
                if attempt < ATTEMPTS && (is_passing(&error) || is_stale(&error)) =>
            {
                None
            }
            Err(Failure::Database {
                error,
                values,
                index,
            }) => {
                let values: Vec<_> = values.iter().map(|(values, as_)| (values, *as_)).collect();
                let mut refusal = explain::refusal(connection, &table, &values, &error).await;
                refusal.about.index = index;
                Some(Err(refusal))
            }
        };
        writer.finish();
        if let Some(outcome) = outcome {
            return Ok((table, outcome?));
        }
        attempt += 1;
    }
}

impl Failure {
    /// The database's, about no value in particular.
    pub fn database(error: sqlx::Error) -> Self {
        Self::about(error, Vec::new())
    }

    /// The database's, about one of these values.
    pub fn about(error: sqlx::Error, values: Vec<(Values, ReadAs)>) -> Self {
        Self::Database {
            error,
            values,
            index: None,
        }
    }

    /// The same, about the change of that index.
    pub fn at(self, at: usize) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.at(at)),
            Self::Database { error, values, .. } => Self::Database {
                error,
                values,
                index: Some(at),
            },
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
