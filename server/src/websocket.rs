//! WebSockets, as much of RFC 6455 as a server needs.
//!
//! Ten thousand connections that wait for something to happen are what this server is for, so
//! a connection that waits holds no buffers: what comes is read through the stack, and what is
//! sent is a list of shared pieces that are written as they are. The library that was
//! here, tungstenite, copies each message for each connection into a buffer that stays as large as
//! the largest message was: measured with the smallest buffers it takes, 4.7 KiB beside that, so
//! 20 KiB after a first list of 16 and 107 after one of 100, where ours takes 3. It says what is
//! right: the tests compare the two on whatever a client may send.

pub mod frame;
mod handshake;
mod socket;

pub use self::{
    handshake::Upgrade,
    socket::{Incoming, Socket},
};

#[cfg(test)]
mod tests;
