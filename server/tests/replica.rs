//! Lists that a standby fills, and the primary where it can't.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "replica/away.rs"]
mod away;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "replica/filled.rs"]
mod filled;
#[path = "bus/follower.rs"]
mod follower;
#[path = "replica/ledger.rs"]
mod ledger;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;
#[path = "replica/start.rs"]
mod start;
#[path = "replica/world.rs"]
mod world;
