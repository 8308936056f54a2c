//! A table's rows, as the page follows them.

use leptos::prelude::*;
use rowcast_protocol::{ApiError, message::Snapshot};

#[cfg(feature = "hydrate")]
mod follow;

use super::rows::Rows;

/// A live query of a page.
#[derive(Clone, Copy)]
pub struct LiveQuery {
    /// Its rows.
    pub rows: Rows,
    /// Why there are none.
    pub error: RwSignal<Option<ApiError>>,
    /// Whether the rows shown are still those of the query before.
    pub loading: RwSignal<bool>,
    /// How many changes have arrived since the page was opened.
    pub changes: RwSignal<u64>,
}

/// Follows the table called `path` through every `query`: from the rows that the server
/// rendered, if it did, and with a new subscription whenever the query changes. A table
/// that is not live is read once for each query.
///
/// `query` is the query's text, or an error that is shown instead of rows.
pub fn use_live_query(
    path: String,
    live: bool,
    first: Option<Snapshot>,
    error: Option<ApiError>,
    query: Memo<Result<String, ApiError>>,
) -> LiveQuery {
    let shown = LiveQuery {
        rows: Rows::new(first.as_ref()),
        loading: RwSignal::new(first.is_none() && error.is_none()),
        error: RwSignal::new(error),
        changes: RwSignal::new(0),
    };
    #[cfg(feature = "hydrate")]
    follow::follow(shown, path, live, first, query);
    #[cfg(not(feature = "hydrate"))]
    let _ = (path, live, query);
    shown
}
