//! The pages, one a route.

pub mod home;
pub mod not_found;
pub mod table;
