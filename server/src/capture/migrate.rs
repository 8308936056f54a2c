//! Bringing the schema `rowcast` to what this version needs.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// The migrations, in order. One that has been released is never changed.
const MIGRATIONS: &[(i32, &str, &str)] = &[
    (
        1,
        "capture",
        include_str!("../../../migrations/0001_capture.sql"),
    ),
    (
        2,
        "fingerprint",
        include_str!("../../../migrations/0002_fingerprint.sql"),
    ),
    (
        3,
        "views",
        include_str!("../../../migrations/0003_views.sql"),
    ),
    (
        4,
        "history",
        include_str!("../../../migrations/0004_history.sql"),
    ),
    (
        5,
        "views and presence",
        include_str!("../../../migrations/0005_views_and_presence.sql"),
    ),
    (
        6,
        "hardening",
        include_str!("../../../migrations/0006_hardening.sql"),
    ),
    (
        7,
        "editing",
        include_str!("../../../migrations/0007_editing.sql"),
    ),
    (
        8,
        "column comments",
        include_str!("../../../migrations/0008_column_comments.sql"),
    ),
    (9, "bell", include_str!("../../../migrations/0009_bell.sql")),
    (
        10,
        "accounts",
        include_str!("../../../migrations/0010_accounts.sql"),
    ),
    (
        11,
        "permissions",
        include_str!("../../../migrations/0011_permissions.sql"),
    ),
    (
        12,
        "audit",
        include_str!("../../../migrations/0012_audit.sql"),
    ),
    (
        13,
        "manage",
        include_str!("../../../migrations/0013_manage.sql"),
    ),
    (
        14,
        "database roles",
        include_str!("../../../migrations/0014_database_roles.sql"),
    ),
    (
        15,
        "openid",
        include_str!("../../../migrations/0015_openid.sql"),
    ),
    (
        16,
        "notifications",
        include_str!("../../../migrations/0016_notifications.sql"),
    ),
    (
        17,
        "owners",
        include_str!("../../../migrations/0017_owners.sql"),
    ),
    (
        18,
        "feed",
        include_str!("../../../migrations/0018_feed.sql"),
    ),
    (
        19,
        "watching",
        include_str!("../../../migrations/0019_watching.sql"),
    ),
    (
        20,
        "comments",
        include_str!("../../../migrations/0020_comments.sql"),
    ),
    (
        21,
        "versions",
        include_str!("../../../migrations/0021_versions.sql"),
    ),
    (22, "bus", include_str!("../../../migrations/0022_bus.sql")),
    (
        23,
        "operations",
        include_str!("../../../migrations/0023_operations.sql"),
    ),
    (
        24,
        "operations_help",
        include_str!("../../../migrations/0024_operations_help.sql"),
    ),
    (
        25,
        "source",
        include_str!("../../../migrations/0025_source.sql"),
    ),
    (
        26,
        "keys",
        include_str!("../../../migrations/0026_keys.sql"),
    ),
];

/// The schema's version that the oldest program knows which works with the schema as it is after
/// [`MIGRATIONS`]. A migration that adds leaves it; one that takes away or changes what programs
/// of before use raises it to its own version, and is split over two releases where that can be.
const WORKS_FROM: i32 = 21;

/// The first version that says from which on programs work with it.
const VERSIONS: i32 = 21;

/// The oldest PostgreSQL that is supported, as `server_version_num` has it.
pub const OLDEST: i32 = 140_000;

/// The encoding that can't be converted to UTF-8.
pub const UNFIT_ENCODING: &str = "SQL_ASCII";

/// The advisory lock under which migrations run: two servers may start at once.
const LOCK: i64 = 0x726f_7763_6173_7400;

/// How long the log's writers are waited for by a migration that alters it: as long, those who
/// come wait behind it.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

/// `lock_not_available`
const LOCKED: &str = "55P03";

/// How long a migration is tried again that others were in the way of.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two attempts, so that those who waited behind ours get their turn.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database refused, or can't be reached.
    #[error("the schema rowcast can't be set up")]
    Database(#[from] sqlx::Error),
    /// The database is older than we support.
    #[error("PostgreSQL {0} is too old: Rowcast needs 14 or later")]
    TooOld(i32),
    /// Its text is not in UTF-8 and can't be turned into it.
    #[error("the database's encoding is {0}: Rowcast needs one that converts to UTF8")]
    Encoding(String),
    /// A newer Rowcast has been here.
    #[error(
        "the schema rowcast is of a newer version ({0}) than this program knows ({1}), and one \
         that it can't work with: allowed are programs that know {2} or later"
    )]
    Newer(i32, i32, i32),
}

/// Applies the migrations that are missing, each in a transaction of its own, and returns how
/// many there were. A schema that a newer program has brought further stays as it is.
///
/// # Errors
/// See [`MigrateError`]; nothing is left half done.
pub async fn migrate(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (version, encoding): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if version < OLDEST {
        return Err(MigrateError::TooOld(version / 10_000));
    }
    if encoding == UNFIT_ENCODING {
        return Err(MigrateError::Encoding(encoding));
    }
    // What is there already needs no lock and no right to create.
    if is_there(connection).await? {
        adopt(connection).await?;
        return Ok(0);
    }
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await?;
    let result = apply(connection).await;
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await?;
    let applied = result?;
    adopt(connection).await?;
    Ok(applied)
}

/// Begins the log anew where the schema came with a copy of another database.
async fn adopt(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT rowcast.adopt()")
        .execute(connection)
        .await?;
    Ok(())
}

/// The version that this program knows.
pub fn newest() -> i32 {
    MIGRATIONS[MIGRATIONS.len() - 1].0
}

/// Of a schema that is newer than this program: the oldest version that a program has to know to
/// work with it.
pub async fn works_from(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT works_from FROM rowcast.state")
        .fetch_one(connection)
        .await
}

/// The version that the schema is of; `None` where there is none.
pub async fn current(connection: &mut PgConnection) -> Result<Option<i32>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('rowcast.migration') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM rowcast.migration")
        .fetch_one(connection)
        .await
}

/// Whether the schema is one that this program works with.
async fn is_there(connection: &mut PgConnection) -> Result<bool, MigrateError> {
    let done = current(connection).await?.unwrap_or(0);
    if done <= newest() {
        return Ok(done == newest());
    }
    let works_from = works_from(connection).await?;
    if works_from > newest() {
        return Err(MigrateError::Newer(done, newest(), works_from));
    }
    tracing::info!(
        schema = done,
        known = newest(),
        "the schema is of a newer version, which this program works with"
    );
    Ok(true)
}

async fn apply(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    // Another program may have been here while this one waited.
    if is_there(connection).await? {
        return Ok(0);
    }
    let done = current(connection).await?.unwrap_or(0);
    let mut applied = 0;
    for migration in MIGRATIONS.iter().filter(|(version, ..)| *version > done) {
        let begun = Instant::now();
        while let Err(error) = apply_one(connection, migration).await {
            let locked = error
                .as_database_error()
                .is_some_and(|error| error.code().as_deref() == Some(LOCKED));
            if !locked || begun.elapsed() > PATIENCE {
                return Err(error.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        applied += 1;
    }
    Ok(applied)
}

async fn apply_one(
    connection: &mut PgConnection,
    (version, name, sql): &(i32, &str, &str),
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction.execute(LOCK_TIMEOUT).await?;
    // The schema's own functions are written with every name qualified; what creates them is
    // not.
    transaction
        .execute("CREATE SCHEMA IF NOT EXISTS rowcast")
        .await?;
    transaction
        .execute(
            "CREATE TABLE IF NOT EXISTS rowcast.migration (version int4 PRIMARY KEY, \
             name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    transaction
        .execute(sqlx::raw_sql(AssertSqlSafe((*sql).to_owned())))
        .await?;
    sqlx::query("INSERT INTO rowcast.migration (version, name) VALUES ($1, $2)")
        .bind(version)
        .bind(name)
        .execute(&mut *transaction)
        .await?;
    if *version >= VERSIONS {
        sqlx::query("UPDATE rowcast.state SET works_from = greatest(works_from, $1)")
            .bind(WORKS_FROM)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// The migrations, one after another.
#[cfg(test)]
pub(crate) fn all_sql() -> String {
    MIGRATIONS.iter().map(|(.., sql)| *sql).collect()
}
