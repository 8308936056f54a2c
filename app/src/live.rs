//! The browser's side of a live query.
//!
//! One [`connection`] a page carries any number of subscriptions over a [`transport`]; a
//! [`use_live_query`] holds the rows of one as signals and applies what arrives once a frame.

#[cfg(feature = "hydrate")]
pub mod answer;
#[cfg(feature = "hydrate")]
pub mod connection;
#[cfg(feature = "hydrate")]
pub mod event_stream;
pub mod fetch;
#[cfg(feature = "hydrate")]
pub mod live_list;
pub mod rows;
pub mod status;
#[cfg(feature = "hydrate")]
pub mod transport;
mod use_live_query;
#[cfg(feature = "hydrate")]
pub mod websocket;

pub use use_live_query::{Asked, LiveQuery, use_live_query};
