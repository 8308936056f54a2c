//! One change, by itself.

use std::sync::Arc;

use rowcast_protocol::Cell;
use sqlx::{Connection, PgConnection};

use super::{
    attempt::{Failure, Work},
    author::Author,
    change::Change,
    noted::note_changes,
    perform::{Outcome, perform},
    refusal::Refusal,
    statement::Guard,
};
use crate::{
    database::{catalog::TableMeta, impersonation::take_on},
    error::internal,
};

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
        if table.rules.is_some() {
            return impersonated(connection, table, self.author, &change).await;
        }
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

/// The same under the role of whoever makes it, who need not be allowed to know of anything of ours:
/// so the entry about it is another statement, of the same transaction.
async fn impersonated(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    change: &Change,
) -> Result<Option<Vec<Cell>>, Failure> {
    let about = |error| Failure::about(error, change.values());
    let mut transaction = connection.begin().await.map_err(about)?;
    match under_role(&mut transaction, table, author, change).await {
        Ok(row) => {
            transaction.commit().await.map_err(about)?;
            Ok(row)
        }
        Err(failure) => {
            transaction.rollback().await.map_err(about)?;
            Err(failure)
        }
    }
}

async fn under_role(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    change: &Change,
) -> Result<Option<Vec<Cell>>, Failure> {
    let about = |error| Failure::about(error, change.values());
    take_on(&mut *connection, table).await.map_err(about)?;
    let mut outcome = perform(&mut *connection, table, author, change, Guard::None)
        .await
        .map_err(about)?;
    if matches!(outcome, Outcome::Kept { .. }) && !matches!(change, Change::Insert { .. }) {
        outcome = perform(&mut *connection, table, author, change, Guard::None)
            .await
            .map_err(about)?;
    }
    let rows = [outcome.into_row(table)?];
    let changes = std::slice::from_ref(change);
    note_changes(connection, table, author, changes, &rows)
        .await
        .map_err(about)?;
    let [row] = rows;
    Ok(row)
}
