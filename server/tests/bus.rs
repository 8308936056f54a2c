//! Servers that share one reader of the log, with a real bus, a real PostgreSQL, and all that can
//! happen to each of them.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database or its bus has failed"
)]

#[path = "bus/bus_fails.rs"]
mod bus_fails;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/collector.rs"]
mod collector;
#[path = "bus/doctor.rs"]
mod doctor;
#[path = "bus/follower.rs"]
mod follower;
#[path = "bus/forged.rs"]
mod forged;
#[path = "bus/leaders.rs"]
mod leaders;
#[path = "bus/listen.rs"]
mod listen;
#[path = "support/metrics.rs"]
mod metrics;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/roles.rs"]
mod roles;
#[path = "support/server.rs"]
mod server;
#[path = "bus/together.rs"]
mod together;
#[path = "bus/traces.rs"]
mod traces;
#[path = "bus/ways.rs"]
mod ways;
#[path = "bus/world.rs"]
mod world;
