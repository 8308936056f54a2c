//! Rules by which people are told of rows, and what is sent beside the page.
//!
//! One evaluator of all servers at a time reads the change log from a cursor of its own, which is a
//! snapshot in `rowcast.watch_cursor`. What it finds (notifications, what is to be delivered, what a
//! rule remembers) is written by the transaction that moves the cursor, so a rule misses nothing
//! while nobody looks, and tells once however many servers there are and whatever dies. What a
//! transaction did is looked at by itself: which rules it hits does not depend on when that is.
//!
//! It reads when the tail of this server has found something of a table that has a rule. Writers do
//! nothing for it.

pub mod cursor;
pub mod delivery;
pub mod evaluator;
mod look;
mod net;
mod part;
mod rule;
mod run;
mod seen;
mod shape;
pub mod store;
mod tell;
mod total;
mod words;

use std::sync::Arc;

use tokio::sync::Notify;

pub use self::{
    evaluator::{Evaluator, Parts},
    rule::{Kind, Total, conditions},
    run::run,
    store::{Edit, NewRule},
};

/// Tells what works behind the requests of this server that there is something to do.
#[derive(Clone, Debug, Default)]
pub struct Watching {
    /// A rule is another one.
    pub changed: Arc<Notify>,
    /// Something is to be delivered.
    pub queued: Arc<Notify>,
}
