//! What roles may do with tables, rows and columns: over real connections to a real server on a
//! real PostgreSQL, whatever the route.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "accounts/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod browser;
#[path = "permissions/changes.rs"]
mod changes;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "permissions/manage.rs"]
mod manage;
#[path = "permissions/matrix.rs"]
mod matrix;
#[path = "permissions/page.rs"]
mod page;
#[path = "permissions/paths.rs"]
mod paths;
#[path = "support/ports.rs"]
mod ports;
#[path = "permissions/related.rs"]
mod related;
#[path = "permissions/rules.rs"]
mod rules;
#[path = "http/server.rs"]
mod server;
#[path = "permissions/stream.rs"]
mod stream;
#[path = "permissions/tables.rs"]
mod tables;
#[path = "permissions/under_way.rs"]
mod under_way;
#[path = "permissions/visible.rs"]
mod visible;
#[path = "permissions/world.rs"]
mod world;
#[path = "permissions/writes.rs"]
mod writes;
