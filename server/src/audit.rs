//! The audit log: what was done, by whom.
//!
//! It is the table `rowcast.audit`, which administrators read as any other and nobody writes as
//! one. An entry is written by the transaction that does what it tells of: of accounts and
//! permissions by triggers, so whoever changes them is noted, of rows by the statement that
//! writes them. Who does it reaches both by the setting `rowcast.actor`, which [`Actor`] is.

mod actor;
mod entry;
pub mod tidy;

pub use self::{
    actor::{Actor, Means, name_actor, scope, with_actor},
    entry::{Entry, Export, counted, reading},
};
