//! The change log: how much is in it, whether it is purged, and who holds it back.

use std::time::Duration;

use sqlx::{PgConnection, Row};

use super::Finding;

/// How much older than it has to be kept the oldest change may be: the log is looked through
/// once a minute, in batches.
const SLACK: f64 = 600.0;

/// How long a transaction may be open before it is worth a warning: all that is written
/// meanwhile is read once more until it ends, and the log can't be cleaned up.
const OPEN_TOO_LONG: f64 = 300.0;

pub(super) async fn size(
    connection: &mut PgConnection,
    kept: Duration,
) -> Result<Vec<Finding>, sqlx::Error> {
    // By the index on xid: the oldest transaction's, not the oldest time of all.
    let row = sqlx::query(
        "SELECT pg_size_pretty(pg_total_relation_size('rowcast.change_log')), \
                (SELECT extract(epoch FROM clock_timestamp() - l.at)::float8 \
                   FROM rowcast.change_log l ORDER BY l.xid LIMIT 1), \
                s.n_dead_tup > 100000 AND s.n_dead_tup > 4 * s.n_live_tup \
           FROM (VALUES (1)) AS one \
           LEFT JOIN pg_stat_all_tables s ON s.relid = 'rowcast.change_log'::regclass",
    )
    .fetch_one(connection)
    .await?;
    let (size, oldest): (String, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
    let mut found = vec![retained(&size, oldest.unwrap_or_default(), kept)];
    if row.try_get::<Option<bool>, _>(2)? == Some(true) {
        found.push(Finding::warning(
            "log",
            "most of the log is rows that were removed and not vacuumed",
            "see why autovacuum does not get to rowcast.change_log (a transaction left open, \
             autovacuum off); VACUUM rowcast.change_log does it now",
        ));
    }
    Ok(found)
}

fn retained(size: &str, oldest: f64, kept: Duration) -> Finding {
    let hours = |seconds: f64| format!("{:.1} h", seconds / 3600.0);
    let kept = kept.as_secs_f64();
    if oldest > kept + SLACK {
        Finding::warning(
            "log",
            format!(
                "it holds {size}, and changes {} old, though they are kept for {}",
                hours(oldest),
                hours(kept)
            ),
            "a server that runs removes them (its log says if it can't): start one with this \
             ROWCAST_RETENTION",
        )
    } else {
        Finding::fine("log", format!("it holds {size}, {} back", hours(oldest)))
    }
}

pub(super) async fn held_back(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    // Of others' sessions a role without pg_read_all_stats sees no times: their age in
    // transactions is seen by all.
    let rows = sqlx::query(
        "SELECT what, seconds FROM ( \
           SELECT format('session %s (%s, %s)', a.pid, coalesce(nullif(a.application_name, ''), \
                    'of no name'), coalesce(a.state, 'state not to be seen')) AS what, \
                  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds \
             FROM pg_stat_activity a \
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
              AND a.backend_type = 'client backend' AND a.xact_start IS NOT NULL \
           UNION ALL \
           SELECT format('prepared transaction %L', p.gid), \
                  extract(epoch FROM clock_timestamp() - p.prepared)::float8 \
             FROM pg_prepared_xacts p WHERE p.database = current_database()) AS open \
          WHERE seconds > $1 ORDER BY seconds DESC LIMIT 5",
    )
    .bind(OPEN_TOO_LONG)
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(vec![Finding::fine(
            "transactions",
            "none that can be seen has been open for long",
        )]);
    }
    rows.iter()
        .map(|row| {
            let (what, seconds): (String, f64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Finding::warning(
                "transactions",
                format!(
                    "{what} has had a transaction open for {:.0} min: the log can't be cleaned up \
                     behind it",
                    seconds / 60.0
                ),
                "end it (COMMIT, ROLLBACK PREPARED, pg_terminate_backend), and set \
                 idle_in_transaction_session_timeout",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn a_log_that_is_not_purged_is_noticed() {
        let day = Duration::from_secs(86_400);
        assert_eq!(retained("1 MB", 0.0, day).level, Level::Fine);
        assert_eq!(retained("1 MB", 86_700.0, day).level, Level::Fine);
        let late = retained("1 MB", 2.0 * 86_400.0, day);
        assert_eq!(late.level, Level::Warning);
        assert!(
            late.said.contains("48.0 h") && late.said.contains("24.0 h"),
            "{late}"
        );
    }
}
