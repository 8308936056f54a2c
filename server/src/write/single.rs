//! One change, by itself.

use std::sync::Arc;

use rowcast_protocol::Cell;

use super::{
    author::Author,
    change::Change,
    explain::{self, is_passing, is_stale},
    perform::{Outcome, perform},
    refusal::Refusal,
    writer::Writer,
};
use crate::{database::catalog::TableMeta, state::AppState};

/// How often a change is tried.
const ATTEMPTS: usize = 3;

/// Makes one change in one statement. `change` says what it is of the table as it is now.
///
/// What fails because others write at the same time, or because the table was altered, wrote
/// nothing, and is tried again.
///
/// # Errors
/// `unknown_table`; those of `change`; see docs/api.md for those of writing.
pub async fn write(
    state: &AppState,
    table: &str,
    author: &Author,
    change: impl Fn(&TableMeta) -> Result<Change, Refusal>,
) -> Result<(Arc<TableMeta>, Option<Vec<Cell>>), Refusal> {
    let mut attempt = 1;
    loop {
        let meta = state.catalog.table(table).await?;
        let change = change(&meta)?;
        let mut writer = Writer::acquire(&state.writers).await?;
        let connection = writer.connection();
        let again = attempt < ATTEMPTS;
        let outcome = match perform(connection, &meta, author, &change).await {
            // What it was expected to hold may have come back between the two statements.
            Ok(Outcome::Kept { .. })
                if attempt == 1 && !matches!(change, Change::Insert { .. }) =>
            {
                None
            }
            Ok(outcome) => Some(outcome.into_row(&meta)),
            Err(error) if again && (is_passing(&error) || is_stale(&error)) => None,
            Err(error) => Some(Err(explain::refusal(
                connection,
                &meta,
                &change.values(),
                &error,
            )
            .await)),
        };
        writer.finish();
        if let Some(outcome) = outcome {
            return Ok((meta, outcome?));
        }
        attempt += 1;
    }
}
