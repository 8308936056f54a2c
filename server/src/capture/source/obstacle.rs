//! What keeps changes from coming from the write-ahead log.

use std::fmt;

use sqlx::{PgConnection, Row, postgres::PgConnectOptions};

use crate::capture::copier::{slot, way};

/// The tables that are named at most.
const NAMED: usize = 10;

/// Something that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The write-ahead log does not have what is needed; this is what it has.
    Level(String),
    /// Somebody else's publication has the name.
    Taken,
    /// The database is a standby.
    Standby,
    /// The role may not replicate.
    Role(String),
    /// There is no place for a slot among so many.
    Slots(i32),
    /// There is none for who sends the log, among so many.
    Senders(i32),
    /// The role may not make the publication.
    Publication {
        /// The role.
        role: String,
        /// In which database.
        database: String,
    },
    /// No connection for replication can be opened.
    Way {
        /// Why.
        reason: String,
        /// How to mend it.
        fix: &'static str,
    },
    /// Live tables can't be published: which, and why.
    Tables(Vec<(String, String)>),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => {
                write!(formatter, "PostgreSQL's wal_level is {level}, not logical")
            }
            Self::Taken => formatter
                .write_str("there is a publication named rowcast that Rowcast did not make"),
            Self::Standby => formatter.write_str("this is a standby, which can't be written to"),
            Self::Role(role) => write!(formatter, "the role {role} may not replicate"),
            Self::Slots(most) => write!(
                formatter,
                "there is no free replication slot (max_replication_slots is {most})"
            ),
            Self::Senders(most) => write!(
                formatter,
                "nobody more may receive the write-ahead log (max_wal_senders is {most})"
            ),
            Self::Publication { role, database } => write!(
                formatter,
                "there is no publication rowcast yet, and {role} may not make one in {database}"
            ),
            Self::Way { reason, .. } => {
                write!(
                    formatter,
                    "no replication connection can be opened: {reason}"
                )
            }
            Self::Tables(tables) => {
                formatter.write_str("live tables can't be published: ")?;
                for (nth, (table, why)) in tables.iter().take(NAMED).enumerate() {
                    let between = if nth == 0 { "" } else { "; " };
                    write!(formatter, "{between}{table}, for {why}")?;
                }
                match tables.len().saturating_sub(NAMED) {
                    0 => Ok(()),
                    more => write!(formatter, "; and {more} more"),
                }
            }
        }
    }
}

impl Obstacle {
    /// How to mend it.
    pub fn fix(&self) -> String {
        match self {
            Self::Level(_) => "ALTER SYSTEM SET wal_level = logical and restart PostgreSQL; a \
                               managed one has a setting for it, such as rds.logical_replication"
                .to_owned(),
            Self::Taken => "ALTER PUBLICATION rowcast RENAME TO …".to_owned(),
            Self::Standby => "name the primary in DATABASE_URL".to_owned(),
            Self::Role(role) => format!(
                "ALTER ROLE {role} REPLICATION, as a superuser; where there is a role \
                 rds_replication, GRANT rds_replication TO {role}"
            ),
            Self::Slots(_) => "drop a slot that nobody reads (pg_replication_slots), or raise \
                               max_replication_slots and restart PostgreSQL"
                .to_owned(),
            Self::Senders(_) => "raise max_wal_senders and restart PostgreSQL".to_owned(),
            Self::Publication { role, database } => format!(
                "GRANT CREATE ON DATABASE {database} TO {role}, or run rowcast migrate with this \
                 setting as a role that has it"
            ),
            Self::Way { fix, .. } => (*fix).to_owned(),
            Self::Tables(_) => {
                "give each a PRIMARY KEY or ALTER TABLE … REPLICA IDENTITY FULL, or \
                                SELECT rowcast.unwatch('…')"
                    .to_owned()
            }
        }
    }
}

/// What is in the way.
///
/// # Errors
/// Those of the database.
pub async fn obstacles(connection: &mut PgConnection) -> Result<Vec<Obstacle>, sqlx::Error> {
    let slot = slot::name(connection).await?;
    let row = sqlx::query(
        "SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(), \
                r.rolsuper OR r.rolreplication OR EXISTS ( \
                  SELECT FROM pg_catalog.pg_roles m WHERE m.rolname = 'rds_replication' \
                     AND pg_catalog.pg_has_role(m.oid, 'USAGE')), \
                EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1) \
                  OR (SELECT count(*) FROM pg_catalog.pg_replication_slots) \
                     < pg_catalog.current_setting('max_replication_slots')::int4, \
                pg_catalog.current_setting('max_replication_slots')::int4, \
                EXISTS (SELECT FROM pg_catalog.pg_replication_slots s \
                         WHERE s.slot_name = $1 AND s.active) \
                  OR (SELECT count(*) FROM pg_catalog.pg_stat_replication) \
                     < pg_catalog.current_setting('max_wal_senders')::int4, \
                pg_catalog.current_setting('max_wal_senders')::int4, \
                EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = 'rowcast') \
                  OR pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), \
                pg_catalog.quote_ident(r.rolname), \
                pg_catalog.quote_ident(pg_catalog.current_database()), \
                rowcast.is_publication_taken() \
           FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
    )
    .bind(slot)
    .fetch_one(&mut *connection)
    .await?;
    let (level, is_standby): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let (role, database): (String, String) = (row.try_get(8)?, row.try_get(9)?);
    let mut found = Vec::new();
    let mut unless = |is_fine: bool, obstacle: Obstacle| {
        if !is_fine {
            found.push(obstacle);
        }
    };
    unless(!is_standby, Obstacle::Standby);
    unless(level == "logical", Obstacle::Level(level));
    unless(row.try_get(2)?, Obstacle::Role(role.clone()));
    unless(row.try_get(3)?, Obstacle::Slots(row.try_get(4)?));
    unless(row.try_get(5)?, Obstacle::Senders(row.try_get(6)?));
    let publication = Obstacle::Publication { role, database };
    unless(row.try_get(7)?, publication);
    let is_taken: bool = row.try_get(10)?;
    unless(!is_taken, Obstacle::Taken);
    // Where changes are copied already, a table that can't be published is not live any more.
    let tables = sqlx::query(
        "SELECT u.relation::text, u.reason FROM ( \
           SELECT w.relation, rowcast.publication_refusal(w.relation) AS reason \
             FROM rowcast.watched w JOIN pg_catalog.pg_class c ON c.oid = w.relation \
            WHERE c.relkind IN ('r', 'p') AND NOT rowcast.is_replicated() \
              AND c.relnamespace <> 'rowcast'::pg_catalog.regnamespace) AS u \
          WHERE u.reason IS NOT NULL ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    let tables: Result<Vec<(String, String)>, sqlx::Error> = tables
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect();
    let tables = tables?;
    unless(tables.is_empty(), Obstacle::Tables(tables));
    Ok(found)
}

/// What is in the way where there is none of the [obstacles]: it is tried.
///
/// # Errors
/// Those of the database.
pub async fn in_the_way(
    connection: &mut PgConnection,
    database: &PgConnectOptions,
) -> Result<Option<Obstacle>, sqlx::Error> {
    let slot = slot::name(connection).await?;
    let probed = way::probe(database, &slot).await;
    Ok(probed.err().map(|failure| Obstacle::Way {
        reason: failure.reason(),
        fix: failure.fix(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tables_are_counted() {
        let table = |nth| (format!("t{nth}"), "it has no replica identity".to_owned());
        let told = Obstacle::Tables((0..12).map(table).collect()).to_string();
        assert!(
            told.ends_with("t9, for it has no replica identity; and 2 more"),
            "{told}"
        );
    }
}
