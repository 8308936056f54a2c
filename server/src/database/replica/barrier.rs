//! What a standby has to have reached.

use rowcast_protocol::PgSnapshot;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row};

/// A version of the primary, and what a standby that shows all of it is known by.
#[derive(Clone, Debug)]
pub struct Barrier {
    /// The version.
    pub snapshot: PgSnapshot,
    /// How far the log of writes goes that has every commit of the version, or further.
    pub position: String,
    /// The primary's timeline.
    pub timeline: i64,
    /// Which cluster's, and which database.
    pub identity: (String, String),
    /// Who reads: policies decide by that what is shown.
    pub role: String,
    /// Which history of it, of those that a restart may end.
    pub history: (i64, String),
    /// Whether what it shows may not be in the change log yet: that does not tell then what a
    /// standby sees.
    pub is_replicated: bool,
}

/// The snapshot is taken before anything is asked, so the position is behind all that it shows.
/// It is that of what was inserted, not of what is on disk: with `synchronous_commit` off a commit is
/// shown before it is there.
const ASK: &str = "SELECT pg_catalog.pg_current_snapshot()::text, \
     pg_catalog.pg_current_wal_insert_lsn()::text, \
     pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8), \
     (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), \
     (SELECT oid::text FROM pg_catalog.pg_database \
       WHERE datname = pg_catalog.current_database()), \
     (SELECT stats_reset::text FROM pg_catalog.pg_stat_bgwriter), \
     current_user::text";

/// Whether changes are copied, as whoever serves may ask.
const IS_REPLICATED: &str = "(SELECT s.source = 'replication' FROM rowcast.state s)";

impl Barrier {
    /// The one of now.
    pub async fn of(primary: &PgPool) -> Result<Self, sqlx::Error> {
        Self::ask(&mut *primary.acquire().await?, IS_REPLICATED).await
    }

    /// The same, of a database that need not be set up, over a connection.
    pub async fn on(primary: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Self::ask(primary, "false").await
    }

    async fn ask(primary: &mut PgConnection, is_replicated: &str) -> Result<Self, sqlx::Error> {
        let ask = AssertSqlSafe(format!("{ASK}, {is_replicated}"));
        let row = sqlx::query(ask).fetch_one(primary).await?;
        let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        let snapshot: &str = row.try_get(0)?;
        let timeline = i64::from_str_radix(row.try_get(2)?, 16);
        let timeline = timeline.map_err(|error| decode(error.into()))?;
        let crash: Option<String> = row.try_get(5)?;
        Ok(Self {
            snapshot: snapshot.parse().map_err(|error| decode(Box::new(error)))?,
            position: row.try_get(1)?,
            timeline,
            identity: (row.try_get(3)?, row.try_get(4)?),
            role: row.try_get(6)?,
            history: (timeline, crash.unwrap_or_default()),
            is_replicated: row.try_get(7)?,
        })
    }
}

/// Has the primary write out what it has inserted, which it may have no other reason to do for a
/// while: a transaction that only took a number has it do so within `wal_writer_delay`.
pub async fn nudge(primary: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_current_xact_id()::text")
        .execute(primary)
        .await?;
    Ok(())
}
