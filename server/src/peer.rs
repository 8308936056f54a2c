//! Where a request comes from.

use std::net::IpAddr;

use axum::extract::Request;

/// The other end of a request's connection, in its extensions.
///
/// Whatever stands before the server and is trusted to say who is behind it replaces this, in one
/// place, before anything asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address.
    pub address: IpAddr,
    /// Whether all of the way from the client is encrypted.
    pub is_secure: bool,
}

impl Peer {
    /// The one of a request.
    pub fn of(request: &Request) -> Self {
        // Requests come from `listen`, which names the peer; what does not is of this process.
        request.extensions().get().copied().unwrap_or(Self {
            address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            is_secure: false,
        })
    }
}
