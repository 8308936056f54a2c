//! One reader of the log for many servers.
//!
//! One server, which an advisory lock of the database elects, follows the log as it would by
//! itself, and [writes](writer) each read of it to a stream. The others [read](reader) that. An
//! [`Entry`](entry::Entry) says from which version of the database to which it leads, so whoever
//! stands at a version can tell by it [alone](step) whether it goes on from there, is known already, or
//! leaves something out; then the log is read. So whatever becomes of the stream costs time
//! at the most, never a change. Entries are [signed](signature) with a secret of the database's.

pub mod address;
pub mod clock;
pub mod connection;
pub mod election;
pub mod entry;
pub mod reader;
pub mod signature;
pub mod step;
pub mod writer;

use std::time::Duration;

pub use self::address::Address;

/// How often whoever leads says that they are there, if there is nothing else to say.
pub const BEAT: Duration = Duration::from_millis(500);

/// After what time without a word nobody is there.
pub const SILENCE: Duration = Duration::from_secs(2);

/// After what time an entry comes so late that one reads the log instead.
pub const LATE: Duration = Duration::from_secs(1);

/// A bus and what one is on it.
#[derive(Clone, Debug)]
pub struct BusOptions {
    /// Where it is.
    pub address: Address,
    /// What one does there.
    pub part: Part,
}

/// What one does on a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Follows it, and leads if nobody does.
    Server,
    /// Leads, as soon as it may, and does nothing else.
    Leader,
}

/// The stream of a history of a database. What belongs to another one is another stream, so
/// nobody ever goes on from one history in another.
pub fn stream_of(epoch: u64) -> String {
    format!("rowcast:{{{epoch:016x}}}:log")
}

/// The stream of what followers ask of whoever leads.
pub fn asks_of(epoch: u64) -> String {
    format!("rowcast:{{{epoch:016x}}}:asks")
}
