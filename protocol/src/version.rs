//! Which messages a peer understands.

/// The version of the postcard messages. The page and the server must agree on it; a page
/// from before an upgrade is told to load itself again.
pub const WIRE_VERSION: u32 = 3;
