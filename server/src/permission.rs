//! What somebody may do with which tables.
//!
//! [`Rights`] are a part of an [`Identity`](crate::auth::Identity), so whoever changes them ends
//! or renews what was opened by them. [`Seen`] is the catalog as somebody may see it: every route
//! has its tables from there, and a table that may not be read is one that does not exist. Rows
//! and columns are kept back by [`restrict`], which makes of a query the one that its reader may
//! ask: what is bound, followed, counted and shared is that one.

mod grant;
pub mod manage;
pub mod path;
pub mod preview;
mod restrict;
mod rights;
pub mod roles;
mod rows;
mod seen;
pub mod store;

pub use self::{
    grant::{Grant, Permission},
    restrict::{may_know_view, restrict},
    rights::{Action, Limits, Rights},
    seen::{Seen, forget_references},
};
