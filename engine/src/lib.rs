//! Live queries, maintained.
//!
//! The [`Engine`](engine::Engine) is told what changed and says what each client's list
//! becomes. It does no I/O and knows no clock: what needs the database (first rows, a refill,
//! a comparison that only PostgreSQL can make) is a request that it returns, and the answer is
//! an input like any other. So the same inputs in the same order always give the same patches.
//!
//! A **query** is a table, a filter and an order; a **window** is a slice of its result. Of
//! each window the engine holds a **run**: the rows of the slice and a margin on both sides,
//! with the number of rows ahead of it. Most changes move rows within the run; one that uses
//! up a margin asks for a refill.

pub mod datum;
pub mod diff;
pub mod engine;
mod moment;
pub mod moving;
pub mod order;
pub mod predicate;
pub mod predicate_index;
pub mod query;
pub mod record;
pub mod related;
mod room;
pub mod rows;
pub mod run;
pub mod schema;
mod shared;
mod slab;
pub mod tally;
pub mod transaction;
pub mod window;

pub use engine::{Engine, Output};
