//! Watch rules: who is told of which rows, once, whatever dies; and what is sent beside the page.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "watching/api.rs"]
mod api;
#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "watching/bulk.rs"]
mod bulk;
#[path = "watching/certificates.rs"]
mod certificates;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "watching/deliveries.rs"]
mod deliveries;
#[path = "watching/hits.rs"]
mod hits;
#[path = "watching/late.rs"]
mod late;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod process;
#[path = "support/random.rs"]
mod random;
#[path = "watching/receiver.rs"]
mod receiver;
#[path = "watching/restarts.rs"]
mod restarts;
#[path = "http/server.rs"]
mod server;
#[path = "watching/world.rs"]
mod world;
#[path = "watching/writers.rs"]
mod writers;
