//! The way to PostgreSQL: connections, what tables there are, how names are quoted.

pub mod catalog;
pub mod embedded;
pub mod pool;
pub mod quote;
