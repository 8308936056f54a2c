//! Huge things: whatever is done to one table, memory stays within what the settings allow,
//! the clients of other tables keep being told, and those of that table end up exact.
//!
//! Sizes are those that a test run can afford; `HUGE_ROWS` (100,000 unless set) sets another,
//! such as 10,000,000.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "huge/documents.rs"]
mod documents;
#[path = "huge/follower.rs"]
mod follower;
#[path = "huge/memory.rs"]
mod memory;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;
#[path = "huge/tables.rs"]
mod tables;
#[path = "huge/transactions.rs"]
mod transactions;

use cluster::{Cluster, Database};
use server::Server;

/// How many rows a huge table has.
fn rows() -> u64 {
    std::env::var("HUGE_ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok())
        .unwrap_or(100_000)
}

/// A server with these tables, live since before it started.
async fn start(sql: &str, settings: &[(&'static str, &'static str)]) -> (Database, Server) {
    let database = Cluster::shared().database().await;
    // Makes the schema.
    Server::start(&database.url).await.stop().await;
    database.execute(sql).await;
    let server = Server::with(&database.url, settings).await;
    (database, server)
}
