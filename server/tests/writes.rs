//! Writing rows over the HTTP interface: into a real PostgreSQL, by a real server.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "writes/batch.rs"]
mod batch;
#[path = "writes/bulk.rs"]
mod bulk;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "writes/concurrency.rs"]
mod concurrency;
#[path = "writes/constraints.rs"]
mod constraints;
#[path = "writes/import.rs"]
mod import;
#[path = "writes/keys.rs"]
mod keys;
#[path = "writes/live.rs"]
mod live;
#[path = "writes/requests.rs"]
mod requests;
#[path = "writes/rights.rs"]
mod rights;
#[path = "writes/rows.rs"]
mod rows;
#[path = "http/server.rs"]
mod server;
#[path = "live/socket.rs"]
mod socket;
#[path = "writes/values.rs"]
mod values;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

fn is(message: &Value, name: &str) -> bool {
    message["type"] == name
}

/// What a query of one text value says.
async fn text(server: &server::Server, sql: &str) -> Option<String> {
    let mut connection = server.database.connect().await;
    let row = sqlx::query(AssertSqlSafe(format!("SELECT ({sql})::text")))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    row.get(0)
}
