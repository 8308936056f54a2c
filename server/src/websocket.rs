//! WebSockets, as much of RFC 6455 as a server needs.
//!
//! Ten thousand connections that wait for something to happen are what this server is for, so
//! a connection that waits holds no buffers: what comes is read through the stack, and what is
//! sent is a list of shared pieces that are written as they are. (The library that was here
//! kept 150 KiB for each connection, and copied each message for each.)

pub mod frame;
mod handshake;
mod socket;

pub use self::{
    handshake::Upgrade,
    socket::{Incoming, Socket},
};

#[cfg(test)]
mod tests;
