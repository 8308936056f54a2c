//! Change capture: what anyone commits to a watched table, in the order of the database.
//!
//! Triggers write row images to `rowcast.change_log` within the writer's transaction; a
//! [`Tail`](tail::Tail) reads the log from a cursor that is a snapshot, so that neither a late
//! commit nor a lost connection makes a gap. `NOTIFY` only rings the bell, and not at all
//! while the tail is awake.

pub mod bus;
pub mod change_log;
pub mod copier;
pub mod fingerprint;
pub mod history;
pub mod migrate;
pub mod retention;
pub mod session;
pub mod source;
pub mod tail;
pub mod watch;

pub use change_log::{ChangeKind, LogRow, Read};
pub use tail::{TailEvent, TailHandle, TailOptions};
