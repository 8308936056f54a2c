//! What is told together.

use std::collections::{BTreeSet, HashMap};

use sqlx::{PgConnection, Row};

use super::Entry;
use crate::watching::rule::Rule;

/// What was told before, and belongs to what is told now.
#[derive(Debug)]
pub struct Open {
    /// By which notification.
    pub notification: Option<i64>,
    /// How many rows.
    pub rows: i64,
    /// Why that is no more than a bound.
    pub unsure: Option<String>,
    /// For how many seconds more it belongs to it.
    pub left: f64,
}

/// What was told lately of these rules, as far as it was not read yet.
///
/// # Errors
/// The database's.
pub async fn open_groups(
    connection: &mut PgConnection,
    ids: &BTreeSet<i64>,
) -> Result<HashMap<(i64, i64), Open>, sqlx::Error> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    let rows = sqlx::query(
        "SELECT g.rule, g.account, g.notification, g.rows, g.unsure, \
                extract(epoch FROM g.since + make_interval(secs => r.group_seconds) \
                                   - clock_timestamp())::float8 \
           FROM rowcast.watch_group g JOIN rowcast.watch_rule r ON r.id = g.rule \
          WHERE g.rule = ANY ($1) \
            AND g.since + make_interval(secs => r.group_seconds) > clock_timestamp()",
    )
    .bind(ids)
    .fetch_all(&mut *connection)
    .await?;
    let mut open = HashMap::with_capacity(rows.len());
    for row in &rows {
        open.insert(
            (row.try_get(0)?, row.try_get(1)?),
            Open {
                notification: row.try_get(2)?,
                rows: row.try_get(3)?,
                unsure: row.try_get(4)?,
                left: row.try_get(5)?,
            },
        );
    }
    let told: Vec<i64> = open.values().filter_map(|open| open.notification).collect();
    // In the order in which they are marked as read, so that the two do not wait for each other.
    let unread: Vec<i64> = sqlx::query_scalar(
        "SELECT n.id FROM rowcast.notification n WHERE n.id = ANY ($1) AND n.read_at IS NULL \
          ORDER BY n.id FOR UPDATE",
    )
    .bind(told)
    .fetch_all(connection)
    .await?;
    let unread: BTreeSet<i64> = unread.into_iter().collect();
    open.retain(|_, open| open.notification.is_none_or(|id| unread.contains(&id)));
    Ok(open)
}

/// What is told next may belong to what was told now.
///
/// # Errors
/// The database's.
pub async fn remember_groups(
    connection: &mut PgConnection,
    rules: &[Rule],
    entries: &[Entry],
) -> Result<(), sqlx::Error> {
    let grouped: Vec<&Entry> = entries
        .iter()
        .filter(|entry| rules[entry.rule].group_seconds > 0)
        .collect();
    let of =
        |value: fn(&Entry) -> i64| grouped.iter().map(|entry| value(entry)).collect::<Vec<_>>();
    let ids: Vec<i64> = grouped.iter().map(|entry| rules[entry.rule].id).collect();
    let told: Vec<Option<i64>> = grouped.iter().map(|entry| entry.notification).collect();
    let unsure: Vec<Option<&str>> = grouped
        .iter()
        .map(|entry| entry.unsure.as_deref())
        .collect();
    let begins: Vec<bool> = grouped.iter().map(|entry| entry.left.is_none()).collect();
    sqlx::query(
        "INSERT INTO rowcast.watch_group AS g (rule, account, notification, rows, unsure) \
         SELECT u.rule, u.account, u.notification, u.rows, u.unsure \
           FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::text[], $6::boolean[]) \
                AS u (rule, account, notification, rows, unsure, begins) \
         ON CONFLICT (rule, account) DO UPDATE \
            SET notification = excluded.notification, rows = excluded.rows, \
                unsure = excluded.unsure, \
                since = CASE WHEN excluded.notification IS NOT DISTINCT FROM g.notification \
                              AND NOT EXISTS (SELECT FROM unnest($1::int8[], $2::int8[], $6::boolean[]) \
                                                     AS b (rule, account, begins) \
                                               WHERE b.rule = g.rule AND b.account = g.account \
                                                 AND b.begins) \
                             THEN g.since ELSE excluded.since END",
    )
    .bind(ids)
    .bind(of(|entry| entry.account))
    .bind(told)
    .bind(of(|entry| entry.rows))
    .bind(unsure)
    .bind(begins)
    .execute(connection)
    .await?;
    Ok(())
}
