//! Signing in by an OpenID Connect provider, which runs beside the tests and misbehaves on demand.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed, and uses a part of what helps others"
)]

#[path = "accounts/browser.rs"]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "openid/encryption.rs"]
mod encryption;
#[path = "openid/identities.rs"]
mod identities;
#[path = "openid/joining.rs"]
mod joining;
#[path = "openid/keys.rs"]
mod keys;
#[path = "openid/noted.rs"]
mod noted;
#[path = "openid/outages.rs"]
mod outages;
#[path = "support/ports.rs"]
mod ports;
#[path = "openid/provider.rs"]
mod provider;
#[path = "openid/refusals.rs"]
mod refusals;
#[path = "http/server.rs"]
mod server;
#[path = "openid/sign_in.rs"]
mod sign_in;
#[path = "openid/world.rs"]
mod world;
