//! What pages have said, as rows.

use std::collections::HashMap;

use sqlx::PgPool;

use super::{FORGOTTEN, Seen, Session};
use crate::error::{Fault, fault};

/// Writes what was gathered, and removes what is forgotten.
pub async fn batch(pool: &PgPool, said: HashMap<Session, Option<Seen>>) -> Result<(), sqlx::Error> {
    let mut said: Vec<(Session, Option<Seen>)> = said.into_iter().collect();
    // Two servers that write at the same time lock rows in the same order.
    said.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let written = write(pool, &said).await;
    let Err(error) = written else {
        return Ok(());
    };
    if said.len() < 2
        || matches!(
            fault(&error),
            Fault::Unavailable | Fault::TooSlow | Fault::Table
        )
    {
        return Err(error);
    }
    // One that the database can't take, such as a name outside its encoding, is in nobody
    // else's way.
    for one in said.chunks(1) {
        match write(pool, one).await {
            Err(error) if fault(&error) == Fault::Unavailable => return Err(error),
            _ => {}
        }
    }
    Err(error)
}

async fn write(pool: &PgPool, said: &[(Session, Option<Seen>)]) -> Result<(), sqlx::Error> {
    let gone = said.iter().filter(|(_, seen)| seen.is_none());
    let (gone, theirs): (Vec<&str>, Vec<Option<i64>>) = gone
        .map(|(session, _)| (session.as_str(), session.account()))
        .unzip();
    let mut there: Vec<(&Session, &Seen)> = said
        .iter()
        .filter_map(|(session, seen)| Some((session, seen.as_ref()?)))
        .collect();
    // Of several accounts' pages of one name there is one row.
    there.dedup_by(|(one, _), (other, _)| one.as_str() == other.as_str());
    let of = |text: fn(&Seen) -> Option<&str>| -> Vec<Option<&str>> {
        there.iter().map(|(_, seen)| text(seen)).collect()
    };
    let sessions: Vec<&str> = there.iter().map(|(session, _)| session.as_str()).collect();
    let accounts: Vec<Option<i64>> = there.iter().map(|(session, _)| session.account()).collect();
    let editing: Vec<bool> = there.iter().map(|(_, seen)| seen.editing).collect();
    sqlx::query(
        "WITH gone AS ( \
             DELETE FROM rowcast.presence p \
              WHERE EXISTS (SELECT FROM unnest($1::text[], $9::int8[]) AS g (session, account) \
                             WHERE g.session = p.session \
                               AND g.account IS NOT DISTINCT FROM p.account) \
                 OR p.seen_at < now() - make_interval(secs => $7) AND p.session <> ALL ($2)) \
         INSERT INTO rowcast.presence AS p \
                (session, table_path, name, row_key, column_name, is_editing, account, seen_at) \
         SELECT s.*, now() \
           FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $8::bool[], \
                     $10::int8[]) AS s \
         ON CONFLICT (session) DO UPDATE SET table_path = excluded.table_path, \
             name = excluded.name, row_key = excluded.row_key, \
             column_name = excluded.column_name, \
             is_editing = excluded.is_editing, seen_at = excluded.seen_at \
          WHERE p.account IS NOT DISTINCT FROM excluded.account",
    )
    .bind(gone)
    .bind(sessions)
    .bind(of(|seen| Some(&seen.table)))
    .bind(of(|seen| Some(&seen.name)))
    .bind(of(|seen| seen.key.as_deref()))
    .bind(of(|seen| seen.column.as_deref()))
    .bind(FORGOTTEN.as_secs_f64())
    .bind(editing)
    .bind(theirs)
    .bind(accounts)
    .execute(pool)
    .await?;
    Ok(())
}
