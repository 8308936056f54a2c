//! Where a standby stands.

use sqlx::{PgConnection, Row};

use super::{barrier::Barrier, reason::Reason};

/// The timeline that it receives; NULL if it is no standby, 0 if it receives none or does not tell
/// whoever asks, who has to have the rights of `pg_read_all_stats`. What is on disk tells one too, but
/// that of some minutes ago, and until then a standby that follows another primary by now would be
/// taken for ours.
pub const TIMELINE: &str = "(CASE WHEN pg_catalog.pg_is_in_recovery() THEN coalesce( \
     (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), 0) END)::int8";

/// What it says of itself.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which cluster, and which database.
    pub identity: (String, String),
    /// Who is asked for.
    pub role: String,
    timeline: Option<i64>,
    has_reached: bool,
}

impl Standing {
    /// How it stands now.
    pub async fn of(connection: &mut PgConnection, barrier: &Barrier) -> Result<Self, Reason> {
        let ask = format!(
            "SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), \
                    (SELECT oid::text FROM pg_catalog.pg_database \
                      WHERE datname = pg_catalog.current_database()), \
                    {TIMELINE}, \
                    coalesce(pg_catalog.pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false), \
                    current_user::text"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(ask))
            .bind(&barrier.position)
            .fetch_one(connection)
            .await;
        let read = |row: sqlx::postgres::PgRow| {
            Ok(Self {
                identity: (row.try_get(0)?, row.try_get(1)?),
                timeline: row.try_get(2)?,
                has_reached: row.try_get(3)?,
                role: row.try_get(4)?,
            })
        };
        row.and_then(read).map_err(|error| Reason::of(&error))
    }

    /// Whether it has reached the barrier, if it is one of the primary's standbys.
    pub fn check(&self, barrier: &Barrier) -> Result<bool, Reason> {
        if self.identity != barrier.identity || self.role != barrier.role {
            return Err(Reason::Other);
        }
        same_timeline(self.timeline, barrier)?;
        Ok(self.has_reached)
    }
}

/// Whether a timeline that was told is the barrier's: a position means the same on that one alone.
pub fn same_timeline(timeline: Option<i64>, barrier: &Barrier) -> Result<(), Reason> {
    match timeline {
        None => Err(Reason::Promoted),
        Some(timeline) if timeline == barrier.timeline => Ok(()),
        Some(_) => Err(Reason::Other),
    }
}
