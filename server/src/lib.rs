//! Rowcast's server: PostgreSQL tables over HTTP, as pages, as JSON and as live queries.
//!
//! The parts, from the outside in: [`cli`] and [`config`] decide what [`commands`] run,
//! [`serve`] puts a server together, [`router`] maps requests to [`routes`], which read
//! through [`query`] with what [`database`] knows of the tables and change rows through
//! [`write`](mod@write); [`live`] keeps queries up to date with what [`capture`] reads from the
//! change log, and [`history`] reads that backward. [`auth`] knows who makes each
//! request, [`permission`] what they may do, and [`audit`] what they did. [`views`], [`presence`],
//! [`notification`], [`feed`] and [`operations`] are about tables of our own that are live like any.

pub mod audit;
pub mod auth;
pub mod body;
pub mod bounds;
pub mod capture;
pub mod chart;
pub mod cli;
pub mod commands;
pub mod comment;
pub mod config;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod feed;
pub mod history;
pub mod host;
pub mod limit;
pub mod listen;
pub mod live;
pub mod metrics;
pub mod notification;
pub mod operations;
pub mod origin;
pub mod peer;
pub mod permission;
pub mod presence;
pub mod proxy;
pub mod query;
pub mod refusal;
pub mod request_id;
pub mod router;
pub mod routes;
pub mod security;
pub mod serve;
pub mod shutdown;
pub mod site;
pub mod starting;
pub mod state;
pub mod telemetry;
pub mod traces;
pub mod views;
pub mod watching;
pub mod websocket;
pub mod write;
