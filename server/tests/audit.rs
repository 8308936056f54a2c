//! What was done, by whom: over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "audit/accounts.rs"]
mod accounts;
#[path = "audit/bounds.rs"]
mod bounds;
#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "its forms are for other tests")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "audit/exports.rs"]
mod exports;
#[path = "support/ports.rs"]
mod ports;
#[path = "audit/reading.rs"]
mod reading;
#[path = "http/server.rs"]
mod server;
#[path = "permissions/stream.rs"]
mod stream;
#[path = "audit/together.rs"]
mod together;
#[path = "audit/views.rs"]
mod views;
#[path = "audit/world.rs"]
mod world;
#[path = "audit/writes.rs"]
mod writes;
