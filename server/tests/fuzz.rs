//! Whatever comes in from outside, broken in all the ways that chance finds: queries, messages,
//! frames, files, cookies, forwarded addresses, whole requests, an identity provider's answers. For a bounded time, from a seed
//! that a failure prints.
//!
//! `FUZZ_SECONDS` is for how long each is tried (3), `FUZZ_SEED` the seed to try again. Frames of
//! the WebSocket are compared with a library's in `src/websocket/tests.rs`.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed, and uses a part of what helps others"
)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "fuzz/entrance.rs"]
mod entrance;
#[path = "fuzz/grammar.rs"]
mod grammar;
#[path = "openid/keys.rs"]
mod keys;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/openid.rs"]
mod openid;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/random.rs"]
mod random;
#[path = "fuzz/requests.rs"]
mod requests;
#[path = "http/server.rs"]
mod server;
#[path = "live/socket.rs"]
mod socket;
#[path = "fuzz/sockets.rs"]
mod sockets;
#[path = "fuzz/trial.rs"]
mod trial;

fn is(message: &serde_json::Value, name: &str) -> bool {
    message["type"] == name
}
