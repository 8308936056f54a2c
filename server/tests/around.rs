//! What is around rows: their history, saved views, presence, charts; over real connections to
//! a real server on a real PostgreSQL.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed, and uses a part of what helps others"
)]

#[path = "around/chart.rs"]
mod chart;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "around/history.rs"]
mod history;
#[path = "support/ports.rs"]
mod ports;
#[path = "around/presence.rs"]
mod presence;
#[path = "http/server.rs"]
mod server;
#[path = "live/socket.rs"]
mod socket;
#[path = "around/views.rs"]
mod views;

fn is(message: &serde_json::Value, name: &str) -> bool {
    message["type"] == name
}
