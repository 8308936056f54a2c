//! What the pages ask of the server they are rendered on.

#[cfg(feature = "ssr")]
use std::sync::Arc;

#[cfg(feature = "ssr")]
use futures::future::BoxFuture;
#[cfg(feature = "ssr")]
use rowcast_protocol::ApiError;
use rowcast_protocol::{Table, message::Snapshot};

#[cfg(feature = "ssr")]
use crate::saved_views::SavedView;

/// The first rows of a table's page.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePage {
    /// The table.
    pub table: Table,
    /// The rows of the query, and where the page continues from.
    pub snapshot: Snapshot,
}

/// The data that the server renders pages from, provided as the context `Arc<dyn PageData>`.
#[cfg(feature = "ssr")]
pub trait PageData: Send + Sync + 'static {
    /// All tables that may be shown, in the order they are listed.
    fn tables(&self) -> BoxFuture<'_, Result<Vec<Table>, ApiError>>;

    /// Of a table's saved views the one of that number, and those that the table opens with,
    /// for everybody and for whoever asks; none where they can't be read.
    fn views(&self, table: &str, id: Option<i64>) -> BoxFuture<'_, Vec<SavedView>>;

    /// The rows of a query over the table of that name.
    ///
    /// Its errors are the public interface's; `unknown_table` makes the page a 404,
    /// `database_unavailable` and `too_slow` a 503, `too_large` a 413, any other a 400.
    fn snapshot(&self, table: &str, query: &str) -> BoxFuture<'_, Result<TablePage, ApiError>>;
}

/// Sets the status of the response that is being rendered. Provided as a context by the
/// server; the last status set wins.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct ResponseStatus(pub Arc<dyn Fn(u16) + Send + Sync>);

/// Answers with another address instead of the page. Provided as a context by the server.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct Redirect(pub Arc<dyn Fn(&str) + Send + Sync>);

/// The status that an error gives a page.
pub fn status_of(code: &str) -> u16 {
    match code {
        "unknown_table" => 404,
        "too_large" => 413,
        "database_unavailable"
        | "unavailable"
        | "too_slow"
        | "too_busy"
        | "not_following"
        | "stopping"
        | "catalog_changed" => 503,
        "internal" | "failing_row" => 500,
        _ => 400,
    }
}
