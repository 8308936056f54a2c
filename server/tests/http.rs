//! The routes, over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "http/api.rs"]
mod api;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/collector.rs"]
mod collector;
#[path = "http/doctor.rs"]
mod doctor;
#[path = "http/draining.rs"]
mod draining;
#[path = "http/export.rs"]
mod export;
#[path = "http/figures.rs"]
mod figures;
#[path = "http/outages.rs"]
mod outages;
#[path = "http/pages.rs"]
mod pages;
#[path = "support/ports.rs"]
mod ports;
#[path = "http/program.rs"]
mod program;
#[path = "http/protection.rs"]
mod protection;
#[path = "http/server.rs"]
mod server;
#[path = "http/traces.rs"]
mod traces;
