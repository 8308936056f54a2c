//! What is around rows: their history, saved views, presence, charts; over real connections to
//! a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "around/history.rs"]
mod history;
#[path = "http/server.rs"]
#[allow(dead_code, reason = "the routes' own tests use all of it")]
mod server;
