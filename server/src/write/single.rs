//! One change, by itself.

use std::sync::Arc;

use rowcast_protocol::Cell;
use sqlx::PgConnection;

use super::{
    attempt::{Failure, Work},
    author::Author,
    change::Change,
    perform::{Outcome, perform},
    refusal::Refusal,
    statement::Guard,
};
use crate::{database::catalog::TableMeta, error::internal};

/// One change in one statement.
#[derive(Debug)]
pub struct Single<'a, F> {
    /// Who makes it.
    pub author: &'a Author,
    /// What it is of the table as it is now.
    pub change: F,
}

impl<F> Work for Single<'_, F>
where
    F: Fn(&TableMeta) -> Result<Change, Refusal> + Sync,
{
    /// The row that was written; `None` if it was deleted.
    type Done = Option<Vec<Cell>>;

    async fn run(
        &self,
        connection: &mut PgConnection,
        table: &Arc<TableMeta>,
    ) -> Result<Self::Done, Failure> {
        let change = (self.change)(table)?;
        let about = |error| match error {
            // What was written can't be shown; to write it again would be to write it twice.
            sqlx::Error::Decode(_) => Failure::Refused(internal().into()),
            error => Failure::about(error, change.values()),
        };
        let perform = async |connection: &mut PgConnection| {
            perform(connection, table, self.author, &change, Guard::Unaltered)
                .await
                .map_err(about)
        };
        let mut outcome = perform(&mut *connection).await?;
        // What it was expected to hold may have come back between the two statements.
        if matches!(outcome, Outcome::Kept { .. }) && !matches!(change, Change::Insert { .. }) {
            outcome = perform(connection).await?;
        }
        Ok(outcome.into_row(table)?)
    }
}
