//! What a page is made of: loaded on the server while rendering, carried in the document to
//! the browser, and loaded there only when it goes on to another page.

mod carried;
mod load;

use std::{future::Future, pin::Pin};

use leptos::{prelude::Resource, server::codee::string::FromToStringCodec};
use rowcast_protocol::{ApiError, Table, message::Snapshot};
use serde::{Deserialize, Serialize};

use crate::saved_views::SavedView;

pub use carried::Carried;
pub use load::{load_table, load_tables};

/// The content of a page. It is one type, for what waits for it is compiled for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Of the list of tables.
    Tables(Tables),
    /// Of a table's page.
    Table(Box<TableContent>),
}

/// A page's content that is on its way.
pub type Loading = Pin<Box<dyn Future<Output = Carried<Content>> + Send>>;

/// What `load` loads for what `of` says, again whenever that changes.
pub fn content_of(
    of: Box<dyn Fn() -> String + Send + Sync>,
    load: Box<dyn Fn(String) -> Loading + Send + Sync>,
) -> Resource<Carried<Content>, FromToStringCodec> {
    Resource::new_str_blocking(of, load)
}

/// The content of the list of tables.
pub type Tables = Result<Vec<Table>, ApiError>;

/// The content of a table's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableContent {
    /// Every table, for going from one to another.
    pub tables: Vec<TableName>,
    /// The table, unless there is none of that name.
    pub table: Option<Table>,
    /// The first rows, where the server rendered them.
    pub first: Option<Snapshot>,
    /// Why there are none.
    pub error: Option<ApiError>,
    /// Of the saved views those that the page begins with: the one that its address is of, and
    /// the defaults.
    pub views: Vec<SavedView>,
}

/// A table in a list of tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableName {
    /// Its name as the public interface takes it.
    pub path: String,
    /// Whether it is live.
    pub live: bool,
}

impl TableContent {
    /// Finds the table called `path` among `tables`.
    fn new(path: &str, tables: Vec<Table>) -> Self {
        let found = tables
            .iter()
            .find(|table| table.path() == path)
            .or_else(|| {
                tables.iter().find(|table| {
                    path.strip_prefix(table.schema.as_str())
                        .and_then(|rest| rest.strip_prefix('.'))
                        == Some(table.name.as_str())
                })
            })
            .cloned();
        Self {
            tables: tables
                .iter()
                .map(|table| TableName {
                    path: table.path(),
                    live: table.live,
                })
                .collect(),
            table: found,
            first: None,
            error: None,
            views: Vec::new(),
        }
    }

    /// A page that only says what went wrong.
    fn failed(error: ApiError) -> Self {
        Self {
            tables: Vec::new(),
            table: None,
            first: None,
            error: Some(error),
            views: Vec::new(),
        }
    }
}

/// The error of a name that no table has.
pub(crate) fn unknown_table(path: &str) -> ApiError {
    ApiError::new(
        "unknown_table",
        format!("There is no table “{path}”."),
        "It may have been dropped or renamed, or you may not read it.",
    )
}
