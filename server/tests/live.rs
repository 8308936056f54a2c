//! The live queries of the public interface: messages, resuming, limits, and what happens
//! when tables, clients and the database misbehave.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "live/aggregates.rs"]
mod aggregates;
#[path = "live/changes.rs"]
mod changes;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "live/cost.rs"]
mod cost;
#[path = "live/definition.rs"]
mod definition;
#[path = "live/embedding.rs"]
mod embedding;
#[path = "live/event_stream.rs"]
mod event_stream;
#[path = "live/frames.rs"]
mod frames;
#[path = "live/limits.rs"]
mod limits;
#[path = "huge/memory.rs"]
mod memory;
#[path = "support/metrics.rs"]
mod metrics;
#[path = "live/moving.rs"]
mod moving;
#[path = "live/newer.rs"]
mod newer;
#[path = "support/ports.rs"]
mod ports;
#[path = "live/protocol.rs"]
mod protocol;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "live/resuming.rs"]
mod resuming;
#[path = "live/rights.rs"]
mod rights;
#[path = "support/server.rs"]
mod server;
#[path = "live/slow.rs"]
mod slow;
#[path = "live/socket.rs"]
mod socket;
#[path = "live/views.rs"]
mod views;

use cluster::{Cluster, Database};
use serde_json::Value;
use server::Server;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text, n numeric); \
    INSERT INTO t SELECT g, 'name ' || g, g FROM generate_series(1, 200) g; \
    SELECT rowcast.watch('t')";

async fn start() -> (Database, Server) {
    begin_with(TABLE).await
}

/// A server that has found the table live when it started.
async fn begin(database: &Database) -> Server {
    begin_on(database, TABLE).await
}

async fn begin_with(table: &str) -> (Database, Server) {
    let database = Cluster::shared().database().await;
    let server = begin_on(&database, table).await;
    (database, server)
}

async fn begin_on(database: &Database, table: &str) -> Server {
    Server::start(&database.url).await.stop().await;
    database.execute(table).await;
    Server::start(&database.url).await
}

/// A message of this type, whatever else comes before it.
fn is(message: &Value, name: &str) -> bool {
    message["type"] == name
}
