//! Rowcast's server: PostgreSQL tables over HTTP, as pages, as JSON and as live queries.
//!
//! The parts, from the outside in: [`cli`] and [`config`] decide what [`commands`] run,
//! [`serve`] puts a server together, [`router`] maps requests to [`routes`], which read
//! through [`query`] with what [`database`] knows of the tables and change rows through [`write`]; [`live`] keeps queries up to
//! date with what [`capture`] reads from the change log, and [`history`] reads that backward.

pub mod capture;
pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod demo;
pub mod error;
pub mod history;
pub mod host;
pub mod listen;
pub mod live;
pub mod metrics;
pub mod query;
pub mod router;
pub mod routes;
pub mod security;
pub mod serve;
pub mod shutdown;
pub mod state;
pub mod telemetry;
pub mod websocket;
pub mod write;
