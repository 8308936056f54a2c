//! The database server: its version, settings, clock, connections and notifications.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    PgConnection, Row,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::Finding;
use crate::{
    capture::migrate::{OLDEST, UNFIT_ENCODING},
    config::Config,
    serve::{connections_needed, reason},
};

/// How far two clocks may be apart before somebody is confused: what a page says of "last here"
/// and "expires" is told by the database's clock.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// How long a notification may take.
const BELL_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn version(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int4, \
                current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await?;
    let (name, number, encoding): (String, i32, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let mut found = vec![if number < OLDEST {
        Finding::wrong(
            "version",
            format!("PostgreSQL {name} is too old"),
            format!("upgrade it to {} or later", OLDEST / 10_000),
        )
    } else {
        Finding::fine("version", format!("PostgreSQL {name}"))
    }];
    if encoding == UNFIT_ENCODING {
        found.push(Finding::wrong(
            "encoding",
            format!("the database's encoding is {encoding}, which says nothing about its text"),
            "make a database with the encoding UTF8, and restore a dump of this one into it",
        ));
    }
    Ok(found)
}

pub(super) async fn settings(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT pg_is_in_recovery(), d.setconfig IS NOT NULL \
           FROM (SELECT array_agg(c) AS setconfig FROM pg_db_role_setting s, unnest(s.setconfig) c \
                  WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database \
                         WHERE datname = current_database())) \
                    AND (s.setrole = 0 OR s.setrole = current_user::regrole) \
                    AND c LIKE 'default\\_transaction\\_read\\_only=%' \
                    AND split_part(c, '=', 2)::bool) d",
    )
    .fetch_one(connection)
    .await?;
    let (is_standby, is_read_only): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let mut found = Vec::new();
    if is_standby {
        found.push(Finding::wrong(
            "settings",
            "this is a standby: it can't be written to, and notifies nobody",
            "name the primary in DATABASE_URL (target_session_attrs is not looked at)",
        ));
    }
    if is_read_only {
        found.push(Finding::wrong(
            "settings",
            "default_transaction_read_only is on for this role or database",
            "ALTER ROLE … RESET default_transaction_read_only, or ALTER DATABASE …",
        ));
    }
    if found.is_empty() {
        found.push(Finding::fine(
            "settings",
            "it is a primary, and may be written to",
        ));
    }
    Ok(found)
}

pub(super) async fn encryption(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<Vec<Finding>, sqlx::Error> {
    let is_encrypted: Option<bool> =
        sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_optional(connection)
            .await?
            .flatten();
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    Ok(vec![match (is_encrypted, is_here) {
        (Some(true), _) => Finding::fine("encryption", "the way to the database is encrypted"),
        (_, true) => Finding::fine("encryption", "the database is on this machine"),
        _ => Finding::warning(
            "encryption",
            "the way to the database is not encrypted, and leaves this machine",
            "add ?sslmode=verify-full&sslrootcert=… to DATABASE_URL",
        ),
    }])
}

pub(super) async fn clock(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let asked = SystemTime::now();
    let theirs: f64 = sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp())::float8")
        .fetch_one(connection)
        .await?;
    let answered = SystemTime::now();
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64()
    };
    Ok(vec![compared(theirs, seconds(asked), seconds(answered))])
}

/// What is said of a clock that showed `theirs` at some time between two of ours.
fn compared(theirs: f64, asked: f64, answered: f64) -> Finding {
    let apart = (asked - theirs).max(theirs - answered).max(0.0);
    if apart > CLOCKS_APART.as_secs_f64() {
        Finding::warning(
            "clock",
            format!("the database's clock and this machine's are {apart:.0} s apart"),
            "have both set by NTP (chrony, systemd-timesyncd)",
        )
    } else {
        Finding::fine("clock", "the database's clock agrees with this machine's")
    }
}

pub(super) async fn connections(
    connection: &mut PgConnection,
    config: &Config,
) -> Result<Vec<Finding>, sqlx::Error> {
    // A limit of -1 is none.
    let row = sqlx::query(
        "SELECT r.rolname::text, least( \
                  current_setting('max_connections')::int4 - CASE WHEN r.rolsuper THEN 0 \
                    ELSE current_setting('superuser_reserved_connections')::int4 END, \
                  CASE WHEN r.rolconnlimit < 0 OR r.rolsuper THEN NULL ELSE r.rolconnlimit END, \
                  CASE WHEN d.datconnlimit < 0 OR r.rolsuper THEN NULL ELSE d.datconnlimit END), \
                (SELECT count(*)::int4 FROM pg_stat_activity a \
                  WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() \
                    AND a.application_name <> 'rowcast') \
           FROM pg_roles r, pg_database d \
          WHERE r.rolname = current_user AND d.datname = current_database()",
    )
    .fetch_one(connection)
    .await?;
    let (role, limit, others): (String, i32, i32) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(vec![fitting(
        &role,
        limit.unsigned_abs(),
        others.unsigned_abs(),
        connections_needed(config),
    )])
}

/// What is said where `others` have connections of those that there may be, and one server
/// needs so many.
fn fitting(role: &str, limit: u32, others: u32, needed: u32) -> Finding {
    let fix = "raise max_connections (or the limit of the role or the database), or set \
               ROWCAST_CONNECTIONS lower";
    let text = format!(
        "a server opens up to {needed} connections, {role} may have {limit}, and other programs \
         hold {others} now"
    );
    if needed > limit {
        Finding::wrong("connections", text, fix)
    } else if needed > limit.saturating_sub(others) {
        Finding::warning("connections", text, fix)
    } else {
        Finding::fine("connections", text)
    }
}

/// Whether what one connection notifies another hears, which a pooler between may prevent.
pub(super) async fn bell(connection: &mut PgConnection, options: &PgConnectOptions) -> Finding {
    let rung = tokio::time::timeout(BELL_TIMEOUT, ring(connection, options)).await;
    let why = match rung {
        Ok(Ok(())) => {
            return Finding::fine("bell", "what one connection notifies another one hears");
        }
        Ok(Err(error)) => reason(&error),
        Err(_) => "nothing was heard within 5 s".to_owned(),
    };
    Finding::wrong(
        "bell",
        format!("LISTEN does not hear what NOTIFY tells: {why}"),
        "set ROWCAST_DIRECT_URL to the URL of PostgreSQL itself, and leave the pooler's in \
         DATABASE_URL",
    )
}

async fn ring(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    let channel = format!("rowcast_doctor_{}", std::process::id());
    listener.listen(&channel).await?;
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(&channel)
        .execute(connection)
        .await?;
    match listener.try_recv().await? {
        Some(_) => Ok(()),
        None => Err(sqlx::Error::WorkerCrashed),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn clocks_are_apart_by_more_than_the_question_took() {
        assert_eq!(compared(100.0, 99.0, 101.0).level, Level::Fine);
        assert_eq!(compared(104.9, 99.0, 100.0).level, Level::Fine);
        let ahead = compared(160.0, 99.0, 100.0);
        assert_eq!(ahead.level, Level::Warning);
        assert!(ahead.said.contains("60 s"), "{ahead}");
        assert_eq!(compared(80.0, 99.0, 100.0).level, Level::Warning);
    }

    #[test]
    fn connections_have_to_suffice_now_and_alone() {
        assert_eq!(fitting("r", 97, 50, 30).level, Level::Fine);
        assert_eq!(fitting("r", 97, 70, 30).level, Level::Warning);
        assert_eq!(fitting("r", 20, 0, 30).level, Level::Wrong);
    }
}
