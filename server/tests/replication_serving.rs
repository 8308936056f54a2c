//! Real servers whose changes come from the write-ahead log.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "replication_serving/bus.rs"]
mod bus;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "replication_serving/encrypted.rs"]
mod encrypted;
#[path = "bus/follower.rs"]
mod follower;
#[path = "support/metrics.rs"]
mod metrics;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "replication_serving/rights.rs"]
mod rights;
#[path = "support/server.rs"]
mod server;
#[path = "replication_serving/slot.rs"]
mod slot;
#[path = "live/socket.rs"]
mod socket;
#[path = "replication_serving/start.rs"]
mod start;
#[path = "replication_serving/switch.rs"]
mod switch;
#[path = "replication_serving/takeover.rs"]
mod takeover;
#[path = "replication_serving/told.rs"]
mod told;
#[path = "replication_serving/world.rs"]
mod world;

/// Whether a message of a socket is of this type.
fn is(message: &serde_json::Value, name: &str) -> bool {
    message["type"] == name
}
