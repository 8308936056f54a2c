//! How clients come in: encrypted or not, by whichever name, through proxies, too often, too
//! slowly. Over real connections to a real server on a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "entrance/certificates.rs"]
mod certificates;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "entrance/encryption.rs"]
mod encryption;
#[path = "entrance/limits.rs"]
mod limits;
#[path = "huge/memory.rs"]
mod memory;
#[path = "entrance/names.rs"]
mod names;
#[path = "entrance/nginx.rs"]
mod nginx;
#[path = "entrance/people.rs"]
mod people;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod process;
#[path = "entrance/proxies.rs"]
mod proxies;
#[path = "support/nginx.rs"]
mod proxy_program;
#[path = "entrance/refusals.rs"]
mod refusals;
#[path = "entrance/renewal.rs"]
mod renewal;
#[path = "http/server.rs"]
mod server;
#[path = "entrance/slow.rs"]
mod slow;
