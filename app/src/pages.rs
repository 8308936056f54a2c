//! The pages, one a route.

#[cfg(feature = "ssr")]
pub mod accounts;
pub mod home;
pub mod not_found;
pub mod table;
