//! A table's rows, as the page follows them.

use leptos::prelude::*;
use rowcast_protocol::{ApiError, message::Snapshot, query::Query};

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
    /// Counts what the page itself has written.
    written: RwSignal<u32>,
}

impl LiveQuery {
    /// The page has written something. Where nothing tells it of changes, because the table is
    /// not live, its rows are read again.
    pub fn read_again(&self) {
        self.written.update(|written| *written += 1);
    }
}

/// What a page asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The rows.
    pub query: Query,
    /// Whether they are a slice that is moved through the result: the same query at another
    /// slice then goes on from what is shown.
    pub slides: bool,
}

impl Asked {
    /// Whether this is another slice of what `before` asked for.
    #[cfg(feature = "hydrate")]
    fn slides_from(&self, before: &Self) -> bool {
        let whole = |asked: &Self| Query {
            limit: 0,
            offset: 0,
            ..asked.query.clone()
        };
        self.slides && before.slides && whole(self) == whole(before)
    }
}

/// Follows the table called `path` through every `query`: from the rows that the server
/// rendered, if it did, and with a new subscription whenever the query changes. A table
/// that is not live is read once for each query.
///
/// `asked` may be an error, which is shown instead of rows.
pub fn use_live_query(
    path: String,
    live: bool,
    first: Option<Snapshot>,
    error: Option<ApiError>,
    asked: Memo<Result<Asked, ApiError>>,
) -> LiveQuery {
    let shown = LiveQuery {
        rows: Rows::new(first.as_ref()),
        loading: RwSignal::new(first.is_none() && error.is_none()),
        error: RwSignal::new(error),
        changes: RwSignal::new(0),
        written: RwSignal::new(0),
    };
    #[cfg(feature = "hydrate")]
    follow::follow(shown, path, live, first, asked);
    #[cfg(not(feature = "hydrate"))]
    let _ = (path, live, asked);
    shown
}
