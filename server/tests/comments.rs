//! What people write about rows, over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "comments/api.rs"]
mod api;
#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "comments/counts.rs"]
mod counts;
#[path = "notifications/follower.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod follower;
#[path = "comments/keys.rs"]
mod keys;
#[path = "comments/live.rs"]
mod live;
#[path = "comments/meanwhile.rs"]
mod meanwhile;
#[path = "comments/mentions.rs"]
mod mentions;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod process;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;
#[path = "comments/roles.rs"]
mod roles;
#[path = "rules/world.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod ruled;
#[path = "http/server.rs"]
mod server;
#[path = "permissions/stream.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod stream;
#[path = "comments/threads.rs"]
mod threads;
#[path = "comments/who.rs"]
mod who;
#[path = "notifications/world.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod world;
