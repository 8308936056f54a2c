//! Change capture against a real PostgreSQL: what triggers log, what the tail tells of it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "support/cluster.rs"]
mod cluster;

#[path = "capture/replica.rs"]
mod replica;

#[path = "capture/bell.rs"]
mod bell;
#[path = "capture/concurrency.rs"]
mod concurrency;
#[path = "capture/definition.rs"]
mod definition;
#[path = "capture/environment.rs"]
mod environment;
#[path = "capture/migration.rs"]
mod migration;
#[path = "capture/recovery.rs"]
mod recovery;
#[path = "capture/retention.rs"]
mod retention;
#[path = "capture/sleep.rs"]
mod sleep;
#[path = "capture/statements.rs"]
mod statements;
#[path = "capture/subscription.rs"]
mod subscription;
#[path = "capture/watching.rs"]
mod watching;
