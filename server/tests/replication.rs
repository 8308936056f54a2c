//! Changes that are copied from the write-ahead log, in place of triggers.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "support/cluster.rs"]
mod cluster;

#[allow(dead_code, reason = "a part of it is for the triggers' tests")]
#[path = "capture/replica.rs"]
mod replica;

#[path = "replication/copied.rs"]
mod copied;
#[path = "replication/copier.rs"]
mod copier;
#[path = "replication/parts.rs"]
mod parts;
#[path = "replication/published.rs"]
mod published;
#[path = "replication/switch.rs"]
mod switch;
#[path = "replication/unseen.rs"]
mod unseen;
#[path = "replication/wraparound.rs"]
mod wraparound;
#[path = "replication/writers.rs"]
mod writers;
