//! The catalog, binding and reading, against a real PostgreSQL.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "reads/binding.rs"]
mod binding;
#[path = "reads/catalog.rs"]
mod catalog;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "reads/embedding.rs"]
mod embedding;
#[path = "reads/keyset.rs"]
mod keyset;
#[path = "reads/moving.rs"]
mod moving;
#[path = "reads/support.rs"]
mod support;
#[path = "reads/tallies.rs"]
mod tallies;
#[path = "reads/unkeyed.rs"]
mod unkeyed;
#[path = "datum/values.rs"]
#[allow(dead_code, reason = "the tests of datums use all of it")]
mod values;
