//! Whether watched tables are still what their triggers were made for.

use std::{collections::HashMap, hash::Hasher};

use sqlx::{PgConnection, Row, postgres::types::Oid};

use super::history::Fnv;

/// A hash of every watched relation's definition, and of that of partitions of them and views
/// over them: columns with the transactions that last wrote them, name, keys, rule, triggers,
/// whether it is published, what this role may see of it, and whether triggers are known not to fit; and of all, which
/// casts to json are not ours, for on them depends what triggers may image.
const ALL: &str = "SELECT c.oid, md5(concat_ws('/', c.relname, c.relnamespace, c.relkind, \
     (SELECT w.definition IS NULL FROM rowcast.watched w WHERE w.relation = c.oid), \
     (SELECT string_agg(k.oid::text, ',' ORDER BY k.oid) FROM pg_cast k \
       WHERE k.casttarget = 'json'::regtype AND rowcast.is_foreign_cast(k.oid)), \
     has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid), \
     (SELECT string_agg(concat(a.attnum, ':', a.xmin, ':', t.xmin), ',' ORDER BY a.attnum) \
        FROM pg_attribute a LEFT JOIN pg_type t ON t.oid = a.atttypid \
       WHERE a.attrelid = c.oid AND a.attnum > 0), \
     (SELECT string_agg(concat(i.indexrelid, ':', i.xmin), ',' ORDER BY i.indexrelid) \
        FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique), \
     (SELECT string_agg(concat(f.oid, ':', f.xmin, ':', f.confrelid::regclass), ',' \
                        ORDER BY f.oid) \
        FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'), \
     (SELECT string_agg(concat(e.oid, ':', e.xmin), ',' ORDER BY e.oid) \
        FROM pg_enum e JOIN pg_attribute a ON a.atttypid = e.enumtypid \
       WHERE a.attrelid = c.oid AND a.attnum > 0), \
     (SELECT string_agg(h.inhrelid::text, ',' ORDER BY h.inhrelid) FROM pg_inherits h \
       WHERE h.inhparent = c.oid), \
     (SELECT string_agg(concat(g.oid, ':', g.tgenabled), ',' ORDER BY g.oid) FROM pg_trigger g \
       WHERE g.tgrelid = c.oid AND NOT g.tgisinternal), \
     (SELECT string_agg(concat(r.oid, ':', r.xmin), ',' ORDER BY r.oid) \
        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid \
       WHERE r.prrelid = c.oid AND p.pubname = 'rowcast'), \
     (SELECT string_agg(concat(r.oid, ':', r.xmin), ',' ORDER BY r.oid) FROM pg_rewrite r \
       WHERE r.ev_class = c.oid AND c.relkind IN ('v', 'm')))) \
     FROM pg_class c WHERE c.oid IN ( \
        WITH watched (oid) AS MATERIALIZED (SELECT relation::oid FROM rowcast.watched \
            UNION SELECT p.relid FROM rowcast.watched w, pg_partition_tree(w.relation) p) \
        SELECT oid FROM watched UNION SELECT rowcast.readers(ARRAY(SELECT oid FROM watched)))";

/// The fingerprint of every relation that is watched.
pub async fn all(connection: &mut PgConnection) -> Result<HashMap<u32, String>, sqlx::Error> {
    let rows = sqlx::query(ALL).fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok((row.try_get::<Oid, _>(0)?.0, row.try_get(1)?)))
        .collect()
}

/// The relations that are in one of the two only, or not the same in both.
pub fn differences(before: &HashMap<u32, String>, now: &HashMap<u32, String>) -> Vec<u32> {
    let gone_or_changed = before
        .iter()
        .filter(|(relation, print)| now.get(relation) != Some(print));
    let new = now
        .iter()
        .filter(|(relation, _)| !before.contains_key(relation));
    let mut relations: Vec<u32> = gone_or_changed
        .chain(new)
        .map(|(relation, _)| *relation)
        .collect();
    relations.sort_unstable();
    relations
}

/// A hash of all of them, by which two who know the same see that.
pub fn hash(fingerprints: &HashMap<u32, String>) -> u64 {
    let mut all: Vec<_> = fingerprints.iter().collect();
    all.sort_unstable();
    let mut hasher = Fnv::default();
    for (relation, print) in all {
        hasher.write(&relation.to_le_bytes());
        hasher.write(print.as_bytes());
    }
    hasher.finish()
}

/// Whether the log itself tells of definitions that change: whether our event triggers are
/// there and enabled.
pub async fn is_told(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(DISTINCT e.evtevent) = 2 FROM pg_event_trigger e \
         JOIN pg_proc f ON f.oid = e.evtfoid \
         JOIN pg_namespace n ON n.oid = f.pronamespace \
         WHERE n.nspname = 'rowcast' AND e.evtenabled IN ('O', 'A') \
           AND e.evtevent IN ('ddl_command_end', 'sql_drop')",
    )
    .fetch_one(connection)
    .await
}
