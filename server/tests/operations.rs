//! What servers say they are at: two real servers of one real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "its forms are for other tests")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/ports.rs"]
mod ports;
#[path = "operations/queries.rs"]
mod queries;
#[path = "operations/reading.rs"]
mod reading;
#[path = "http/server.rs"]
mod server;
#[path = "operations/servers.rs"]
mod servers;
#[path = "permissions/stream.rs"]
mod stream;
#[path = "operations/world.rs"]
mod world;
