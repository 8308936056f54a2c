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
#[path = "support/ports.rs"]
mod ports;
#[path = "writes/requests.rs"]
mod requests;
#[path = "writes/rights.rs"]
mod rights;
#[path = "writes/rows.rs"]
mod rows;
#[path = "http/server.rs"]
mod server;
#[path = "writes/sets.rs"]
mod sets;
#[path = "live/socket.rs"]
mod socket;
#[path = "writes/values.rs"]
mod values;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

/// Writes, and asserts that it is refused for a reason, in words and by column: `columns` are
/// `null` where it is not about any.
async fn assert_refused(
    server: &server::Server,
    (method, path, body): (&str, &str, &str),
    (status, code, message): (u16, &str, &str),
    columns: Value,
) {
    let (got, answer) = server.write(method, path, body).await.json();
    let error = &answer["error"];
    assert_eq!(
        (got, &error["code"], &error["message"], &answer["columns"]),
        (status, &json!(code), &json!(message), &columns),
        "{method} {path} {body}: {answer}"
    );
}

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
