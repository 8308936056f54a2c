//! What the documents say: commands that work, links that lead somewhere, settings that exist.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a document that can't be read has failed"
)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "guides/commands.rs"]
mod commands;
#[path = "guides/document.rs"]
mod document;
#[path = "guides/links.rs"]
mod links;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;
#[path = "guides/settings.rs"]
mod settings;
