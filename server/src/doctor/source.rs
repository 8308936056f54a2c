//! Where changes come from.

use sqlx::{PgConnection, Row, postgres::PgConnectOptions};

use super::Finding;
use crate::{
    capture::{
        copier::slot,
        source::{in_the_way, obstacles, present},
    },
    config::{ChangesFrom, SourceConfig},
};

const SUBJECT: &str = "source";

/// How a slot that is not needed any more goes.
const DROP: &str = "SELECT pg_drop_replication_slot(…) with its name, as a role that may replicate";

pub(super) async fn source(
    connection: &mut PgConnection,
    database: &PgConnectOptions,
    config: SourceConfig,
) -> Result<Vec<Finding>, sqlx::Error> {
    let present = present(connection).await?;
    let wanted = config.said.unwrap_or(present);
    let mut found = Vec::new();
    if wanted == ChangesFrom::Replication {
        let mut obstacles = obstacles(connection).await?;
        // While somebody copies it works, and there may be no place for one more.
        if obstacles.is_empty() && !slot::is_read(connection).await? {
            obstacles.extend(in_the_way(connection, database).await?);
        }
        for obstacle in obstacles {
            found.push(Finding::wrong(
                SUBJECT,
                format!("ROWCAST_SOURCE is replication, but {obstacle}"),
                obstacle.fix(),
            ));
        }
    }
    if present != wanted {
        found.push(Finding::warning(
            SUBJECT,
            format!(
                "changes come from {present}, and ROWCAST_SOURCE says {wanted}: a server that starts \
                 with that changes it if no other runs, and is refused else"
            ),
            format!(
                "set it to {present} for all servers, or stop all of them before one is started"
            ),
        ));
    }
    match present {
        ChangesFrom::Triggers => found.extend(left(connection).await?),
        ChangesFrom::Replication => {
            found.extend(kept(connection, config.slot_max).await?);
            found.extend(counted(connection).await?);
        }
    }
    if found.is_empty() {
        found.push(Finding::fine(
            SUBJECT,
            format!("changes come from {present}"),
        ));
    }
    Ok(found)
}

/// Whoever copies, where PostgreSQL takes them for a standby that has what was committed.
async fn counted(connection: &mut PgConnection) -> Result<Option<Finding>, sqlx::Error> {
    let is_counted: bool = sqlx::query_scalar(
        r#"SELECT pg_catalog.current_setting('synchronous_standby_names')
                  OPERATOR(pg_catalog.~*) '(^|[(, ])"?(\*|rowcast)"?($|[), ])'"#,
    )
    .fetch_one(connection)
    .await?;
    Ok(is_counted.then(|| {
        Finding::warning(
            SUBJECT,
            "synchronous_standby_names is met by whoever copies changes: commits wait for them, and \
             may be told as done that no standby has",
            "name the standbys in it, in place of *",
        )
    }))
}

/// A slot of before, where changes come from triggers.
async fn left(connection: &mut PgConnection) -> Result<Option<Finding>, sqlx::Error> {
    let slot = slot::name(connection).await?;
    let is_left: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)")
            .bind(&slot)
            .fetch_one(connection)
            .await?;
    Ok(is_left.then(|| {
        Finding::wrong(
            SUBJECT,
            format!(
                "changes come from triggers, and the replication slot {slot} is still there: the \
                 write-ahead log is kept for it without an end"
            ),
            DROP,
        )
    }))
}

/// How the slot does, where changes come from it.
async fn kept(connection: &mut PgConnection, slot_max: u64) -> Result<Vec<Finding>, sqlx::Error> {
    let slot = slot::name(connection).await?;
    let row = sqlx::query(
        "SELECT s.active, s.wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::int8, \
                (SELECT setting::int8 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') \
           FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = $1",
    )
    .bind(&slot)
    .fetch_one(connection)
    .await?;
    let (is_read, status): (Option<bool>, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let (bytes, bound): (Option<i64>, i64) = (row.try_get(2)?, row.try_get(3)?);
    let mut found = Vec::new();
    match (is_read, status.as_deref()) {
        (Some(_), Some("lost")) => found.push(Finding::warning(
            SUBJECT,
            format!(
                "PostgreSQL has not kept what the replication slot {slot} needs: it is made anew, \
                 and every list is read again"
            ),
            "raise max_slot_wal_keep_size if it happens while servers run",
        )),
        (Some(true), _) => {
            let bytes = u64::try_from(bytes.unwrap_or_default()).unwrap_or_default();
            let said = format!(
                "changes come from replication; {} MiB of the write-ahead log are kept for the slot \
                 {slot}, of {} at most",
                bytes >> 20,
                slot_max >> 20,
            );
            found.push(if bytes > slot_max / 2 {
                Finding::warning(
                    SUBJECT,
                    said,
                    "see whether a transaction has been open for long, or the copying server is \
                     behind; past the bound every list is read again",
                )
            } else {
                Finding::fine(SUBJECT, said)
            });
        }
        _ => found.push(Finding::warning(
            SUBJECT,
            "changes come from replication, and nobody copies them now",
            "start a server; if one runs, its log says why it does not copy",
        )),
    }
    if bound < 0 {
        found.push(Finding::note(
            SUBJECT,
            "while no server runs nothing bounds what is kept for the slot but \
             max_slot_wal_keep_size, which is not set",
        ));
    }
    Ok(found)
}
