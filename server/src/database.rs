//! The way to PostgreSQL: connections, what tables there are, as whom they are read, how names are
//! quoted.

pub mod catalog;
pub mod embedded;
pub mod impersonation;
pub mod pool;
pub mod pooler;
pub mod private_socket;
pub mod quote;
pub mod readers;
pub mod replica;
pub mod tunnel;
pub mod upstream;
