//! What people write to each other, over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "feed/api.rs"]
mod api;
#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "notifications/follower.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod follower;
#[path = "feed/images.rs"]
mod images;
#[path = "feed/live.rs"]
mod live;
#[path = "feed/many.rs"]
mod many;
#[path = "feed/mentions.rs"]
mod mentions;
#[path = "feed/page.rs"]
mod page;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod process;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;
#[path = "http/server.rs"]
mod server;
#[path = "feed/sql.rs"]
mod sql;
#[path = "notifications/world.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod world;
