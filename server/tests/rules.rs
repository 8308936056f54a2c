//! The database's own rules: every list, count and write of somebody is what their role in the
//! database gives, over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "rules/columns.rs"]
mod columns;
#[path = "rules/differential.rs"]
mod differential;
#[path = "rules/follower.rs"]
mod follower;
#[path = "rules/lists.rs"]
mod lists;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/random.rs"]
mod random;
#[path = "rules/reads.rs"]
mod reads;
#[path = "http/server.rs"]
mod server;
#[path = "rules/settings.rs"]
mod settings;
#[path = "rules/world.rs"]
mod world;
#[path = "rules/writes.rs"]
mod writes;
