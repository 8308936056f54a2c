//! What Rowcast's server and its clients say to each other.
//!
//! A client names a **query** (a table, a filter, an order, a slice of it) and receives a
//! [`Snapshot`](message::Snapshot) of its rows followed by [`Patch`](message::Patch)es, each
//! of which takes the list from one version of the database to a later one. This crate holds
//! the words of that conversation and the list that they change; it does no I/O and builds
//! for the server and for the browser.

pub mod calendar;
pub mod cell;
pub mod cursor;
pub mod error;
pub mod json;
pub mod list;
pub mod message;
pub mod query;
pub mod table;
pub mod version;

pub use cell::{Cell, RowKey};
pub use cursor::{Cursor, Snapshot as PgSnapshot};
pub use error::ApiError;
pub use table::{Column, ColumnKind, May, Reference, Table, TableKind};
