//! Writing rows for clients.
//!
//! A [`Change`](change::Change) is of one row. Alone it is a single statement, so it is done
//! whole or not at all and never leaves a transaction open; several are one transaction, and
//! those of one shape one statement of it (see [`set`]). What
//! the writer has seen of the row (`expect`) is compared inside that statement, so that nobody
//! can write between the comparison and the change.
//!
//! Values are read by PostgreSQL as their column's type, from the JSON that the client wrote:
//! no digit passes through a number of ours.

pub mod attempt;
pub mod author;
pub mod batch;
pub mod blame;
pub mod bulk;
pub mod change;
pub mod constraint;
pub mod explain;
pub mod import;
pub mod key;
pub mod noted;
pub mod object;
pub mod perform;
pub mod permitted;
pub mod refusal;
pub mod row;
pub mod set;
pub mod single;
pub mod statement;
pub mod values;
pub mod writer;
