//! A primary that is lost, and a standby that takes over.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "failover/bus.rs"]
mod bus;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "live/event_stream.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod event_stream;
#[path = "bus/follower.rs"]
mod follower;
#[path = "failover/history.rs"]
mod history;
#[path = "failover/lost.rs"]
mod lost;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/server.rs"]
mod server;
#[path = "live/socket.rs"]
mod socket;
#[path = "failover/world.rs"]
mod world;

/// Whether a message of a socket is of this type.
fn is(message: &serde_json::Value, name: &str) -> bool {
    message["type"] == name
}
