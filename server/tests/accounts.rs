//! Accounts, sessions, tokens and links: over real connections to a real server on a real
//! PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "accounts/browser.rs"]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "accounts/commands.rs"]
mod commands;
#[path = "accounts/connections.rs"]
mod connections;
#[path = "accounts/gate.rs"]
mod gate;
#[path = "accounts/links.rs"]
mod links;
#[path = "accounts/lockout.rs"]
mod lockout;
#[path = "accounts/own.rs"]
mod own;
#[path = "support/ports.rs"]
mod ports;
#[path = "accounts/secrets.rs"]
mod secrets;
#[path = "http/server.rs"]
mod server;
#[path = "accounts/sign_in.rs"]
mod sign_in;
#[path = "accounts/tokens.rs"]
mod tokens;
#[path = "accounts/users.rs"]
mod users;
