//! A server behind PgBouncer, which hands out a session for one transaction at a time.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "pooler/many.rs"]
mod many;
#[path = "support/ports.rs"]
mod ports;
#[path = "http/server.rs"]
mod server;
#[path = "pooler/serving.rs"]
mod serving;
#[path = "pooler/sessions.rs"]
mod sessions;
#[path = "live/socket.rs"]
mod socket;
#[path = "pooler/start.rs"]
mod start;

use serde_json::Value;

/// Whether a message of a socket is of this type.
fn is(message: &Value, name: &str) -> bool {
    message["type"] == name
}
