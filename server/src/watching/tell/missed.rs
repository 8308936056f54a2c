//! What rules may have missed.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::SENDER;
use crate::watching::{rule::Rule, words};

/// How long it takes until somebody is told again that a rule may have missed something.
const MISSED_APART: &str = "1 h";

/// Tells the owners of rules that these may have missed something, once in a while.
///
/// # Errors
/// The database's.
pub async fn miss(
    connection: &mut PgConnection,
    rules: &[&Rule],
    why: &str,
) -> Result<(), sqlx::Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = rules.iter().map(|rule| rule.id).collect();
    let sql = format!(
        "WITH due AS ( \
             SELECT r.id FROM rowcast.watch_rule r \
              WHERE r.id = ANY ($1) \
                AND (r.missed IS DISTINCT FROM $2 \
                     OR r.missed_at < clock_timestamp() - interval '{MISSED_APART}') \
              ORDER BY r.id FOR UPDATE), \
         noted AS ( \
             UPDATE rowcast.watch_rule r SET missed_at = clock_timestamp(), missed = $2 \
               FROM due WHERE r.id = due.id RETURNING r.account, r.name) \
         INSERT INTO rowcast.notification (account, title, body, link, sender) \
         SELECT n.account, left(n.name || ': hits may have been missed', 200), $2, '/watches', $3 \
           FROM noted n"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(ids)
        .bind(why)
        .bind(SENDER)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes why rules told nothing, for their page alone.
///
/// # Errors
/// The database's.
pub async fn note_missed(
    connection: &mut PgConnection,
    rules: &BTreeSet<i64>,
    why: &str,
) -> Result<(), sqlx::Error> {
    if rules.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE rowcast.watch_rule r SET missed = $2, missed_at = clock_timestamp() \
          WHERE r.id = ANY ($1) \
            AND (r.missed IS DISTINCT FROM $2 OR r.missed_at < clock_timestamp() - interval '1 min')",
    )
    .bind(rules.iter().copied().collect::<Vec<_>>())
    .bind(why)
    .execute(connection)
    .await?;
    Ok(())
}

/// Another history began: the log and its numbers are others.
///
/// # Errors
/// The database's.
pub async fn begin_anew(connection: &mut PgConnection, rules: &[Rule]) -> Result<(), sqlx::Error> {
    // What is copied later is looked at, though this has it happened already.
    for sql in [
        "UPDATE rowcast.watch_rule \
            SET since = rowcast.version(), gap_from = '{}', gap_to = '{}', relations = NULL",
        "UPDATE rowcast.watch_cursor c SET seen = rowcast.version(), looked_at = now(), epoch = s.epoch \
           FROM rowcast.state s",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    let rules: Vec<&Rule> = rules.iter().collect();
    miss(connection, &rules, words::RESTORED).await
}
