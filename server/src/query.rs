//! From a query in the grammar to rows.
//!
//! [`bind`](bind::bind) makes a query of the grammar into one whose values PostgreSQL has
//! accepted, [`sql`] writes it as SQL, [`read`] runs it.

pub mod aggregate;
pub mod bind;
pub mod bound;
pub mod images;
pub mod list;
pub mod literal;
pub mod moving;
pub mod read;
pub mod slice;
pub mod sql;
pub mod unkeyed;
