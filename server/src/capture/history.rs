//! Which history of which database a cursor belongs to.

use std::hash::Hasher;

use sqlx::{PgConnection, Row};

/// A hash that tells one history from another: the cluster, its timeline, the database, and
/// the epoch of our own that a restored copy does not share.
///
/// A crash of the database begins another history, too: transaction ids that were handed out
/// and not yet on disk are handed out again, so a snapshot from before may count a later
/// transaction as seen. PostgreSQL discards its statistics in a crash and only then, and says
/// since when it counts.
///
/// After a restore, a switch to a promoted standby, or on another cluster it differs: cursors
/// from before mean nothing there.
pub async fn epoch(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT system_identifier FROM pg_control_system())::text, \
         left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), \
         (SELECT oid FROM pg_database WHERE datname = current_database())::text, \
         (SELECT epoch::text FROM rowcast.state), \
         (SELECT extract(epoch FROM stats_reset)::text FROM pg_stat_bgwriter)",
    )
    .fetch_one(connection)
    .await?;
    let mut hasher = Fnv::default();
    for at in 0..5 {
        let part: Option<String> = row.try_get(at)?;
        hasher.write(part.unwrap_or_default().as_bytes());
        hasher.write(b"/");
    }
    Ok(hasher.finish())
}

/// Whether changes that a cursor has not seen may have been removed from the log.
pub async fn is_purged(connection: &mut PgConnection, oldest: u64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT coalesce((SELECT purged_below > $1::text::xid8 FROM rowcast.state), true)",
    )
    .bind(oldest.to_string())
    .fetch_one(connection)
    .await
}

/// FNV-1a, 64 bits: the same in every build, as cursors outlive one.
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
