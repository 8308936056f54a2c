//! Connections, and the session settings that every one of ours has.

use std::{future::ready, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::audit::name_actor;

/// How long one statement of a reader may run before the database ends it.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one statement of a writer waits for rows that others hold.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a database URL can't be used. Its text never holds the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "{setting} is not a PostgreSQL URL ({reason}): \
     allowed is postgres://user:password@host:port/database"
)]
pub struct InvalidUrl {
    setting: &'static str,
    reason: String,
}

/// Reads a `postgres://` URL, which is that setting's.
pub fn parse_url(setting: &'static str, url: &str) -> Result<PgConnectOptions, InvalidUrl> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(InvalidUrl {
            setting,
            reason: "it does not start with postgres://".to_owned(),
        });
    }
    PgConnectOptions::from_str(url).map_err(|error| InvalidUrl {
        setting,
        reason: match error {
            sqlx::Error::Configuration(source) => source.to_string(),
            other => other.to_string(),
        },
    })
}

/// `options` with the settings on which the text and the binary form of values depend, so
/// that they do not depend on the database's or the role's own. Operators and functions are
/// looked up in `pg_catalog` alone. (The driver itself sets `client_encoding` UTF8,
/// `TimeZone` UTC and `DateStyle` ISO.)
pub fn session(options: PgConnectOptions) -> PgConnectOptions {
    forms(options).options([("search_path", "pg_catalog")])
}

/// The settings on which the form of values depends, and how statements are planned.
fn forms(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("rowcast")
        .extra_float_digits(1)
        .options([
            ("IntervalStyle", "postgres"),
            ("bytea_output", "hex"),
            ("xmloption", "content"),
            ("lc_monetary", "C"),
            // Our statements are short: compiling one takes longer than running it.
            ("jit", "off"),
            ("default_transaction_isolation", "read committed"),
            // What a view's function has to say may hold a row's values: it is not logged.
            ("client_min_messages", "error"),
            ("plan_cache_mode", "force_custom_plan"),
        ])
        .disable_statement_logging()
}

/// Connections for reading tables: nothing can be written over them, and no statement runs
/// for longer than [`STATEMENT_TIMEOUT`]. They are opened when they are needed, so the pool
/// outlives a database that is gone for a while.
pub fn readers(options: PgConnectOptions, connections: u32) -> PgPool {
    let timeout = STATEMENT_TIMEOUT.as_millis().to_string();
    lazy(
        session(options).options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", timeout.as_str()),
        ]),
        connections,
    )
}

/// Connections for writing rows on somebody's behalf: no statement waits for a lock for longer
/// than [`LOCK_TIMEOUT`] or runs for longer than [`STATEMENT_TIMEOUT`], and where the database
/// can see it, one whose client has gone away is ended.
///
/// Names are looked up where the database and the role say, for a table's triggers may count
/// on that; our own statements name their schemas.
pub fn editors(options: PgConnectOptions, connections: u32) -> PgPool {
    let statements = STATEMENT_TIMEOUT.as_millis().to_string();
    let locks = LOCK_TIMEOUT.as_millis().to_string();
    pool(connections)
        // Whether a write was done must not be left open for a connection that was dead.
        .test_before_acquire(true)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Not every platform has it, which is no reason not to write.
                let _ = keep_setting(connection, "client_connection_check_interval", "1s").await;
                Ok(())
            })
        })
        .connect_lazy_with(forms(options).options([
            ("statement_timeout", statements.as_str()),
            ("lock_timeout", locks.as_str()),
            ("idle_in_transaction_session_timeout", statements.as_str()),
        ]))
}

/// How many connections write what is ours.
pub const HOUSEKEEPERS: u32 = 3;

/// Connections for writing what is ours: removing old changes, saved views, presence. No
/// statement keeps one for long.
pub fn housekeepers(options: PgConnectOptions) -> PgPool {
    let timeout = STATEMENT_TIMEOUT.as_millis().to_string();
    noted(HOUSEKEEPERS).connect_lazy_with(session(options).options([
        ("statement_timeout", timeout.as_str()),
        ("lock_timeout", "5000"),
    ]))
}

/// How many connections look after watch rules and what they deliver.
pub const WATCHERS: u32 = 3;

/// Connections for watch rules and what they deliver.
pub fn watchers(options: PgConnectOptions) -> PgPool {
    let timeout = STATEMENT_TIMEOUT.as_millis().to_string();
    noted(WATCHERS).connect_lazy_with(session(options).options([
        ("statement_timeout", timeout.as_str()),
        ("lock_timeout", "5000"),
    ]))
}

/// How many connections know about accounts.
pub const ACCOUNTS: u32 = 3;

/// Connections for what is kept of accounts, which nothing else keeps waiting. No statement keeps
/// one for long.
pub fn accounts(options: PgConnectOptions) -> PgPool {
    noted(ACCOUNTS).connect_lazy_with(
        session(options).options([("statement_timeout", "10000"), ("lock_timeout", "5000")]),
    )
}

/// Connections that may write: for making tables live and for the demo.
pub fn writers(options: PgConnectOptions, connections: u32) -> PgPool {
    lazy(session(options), connections)
}

/// What sets something for as long as a session lasts. A [pooler](super::pooler) knows it by its
/// text, so nothing else may.
pub const KEEP_SETTING: &str = "SELECT pg_catalog.set_config($1, $2, false)";

/// Sets something for as long as the connection lasts, also over a pooler.
///
/// # Errors
/// The database's.
pub async fn keep_setting(
    connection: &mut PgConnection,
    name: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(KEEP_SETTING)
        .bind(name)
        .bind(value)
        .execute(connection)
        .await?;
    Ok(())
}

fn lazy(options: PgConnectOptions, connections: u32) -> PgPool {
    pool(connections).connect_lazy_with(options)
}

/// Connections over which nothing is done of which the audit log does not know who did it.
fn noted(connections: u32) -> PgPoolOptions {
    pool(connections)
        .after_connect(|connection, _| Box::pin(name_actor(connection)))
        .before_acquire(|connection, _| {
            Box::pin(async move { name_actor(connection).await.map(|()| true) })
        })
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_secs(300))
        // A connection that died while idle shows when its socket is written to; asking
        // first would cost every request a round trip.
        .test_before_acquire(false)
        // A connection's buffer stays as large as the largest answer that it had: a few lists
        // of huge rows, each over another connection, would be kept for ever.
        .after_release(|connection, _| {
            connection.shrink_buffers();
            Box::pin(ready(Ok(true)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_kind_is_named_without_being_repeated() {
        for url in [
            "mysql://root:secret@localhost/x",
            "secret",
            "",
            "http://secret/",
        ] {
            let text = parse_url("DATABASE_URL", url)
                .expect_err("not a PostgreSQL URL")
                .to_string();
            assert!(text.contains("DATABASE_URL"), "{text}");
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(text.lines().count(), 1);
        }
        let text = parse_url("DATABASE_URL", "postgres://u:secret@host:port/x")
            .expect_err("a port that is not a number")
            .to_string();
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_url_is_read() {
        let options =
            parse_url("DATABASE_URL", "postgres://me@db.example:5433/shop").expect("a URL");
        assert_eq!(options.get_host(), "db.example");
        assert_eq!(options.get_port(), 5433);
        assert_eq!(options.get_database(), Some("shop"));
    }
}
