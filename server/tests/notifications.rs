//! What people are told: once, by whomever and wherever they are, over real connections to a real
//! server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "notifications/api.rs"]
mod api;
#[path = "notifications/bounds.rs"]
mod bounds;
#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "notifications/follower.rs"]
mod follower;
#[path = "notifications/live.rs"]
mod live;
#[path = "notifications/page.rs"]
mod page;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod process;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;
#[path = "notifications/restarts.rs"]
mod restarts;
#[path = "http/server.rs"]
mod server;
#[path = "notifications/sql.rs"]
mod sql;
#[path = "notifications/terminal.rs"]
mod terminal;
#[path = "notifications/world.rs"]
mod world;
