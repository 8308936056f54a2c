//! What tables are made of: with a partition rows come and go that no image tells of.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::types::Oid};

use super::{
    evaluator::Parts,
    rule::{Kind, Rule},
    tell, words,
};
use crate::{
    capture::change_log,
    database::{catalog::TableMeta, quote::quote_qualified},
};

/// How many rows of a new partition are looked at.
const ROWS: i64 = 1_000;

/// A rule whose table is made of something else than before.
#[derive(Debug)]
pub struct Shape {
    /// The rule's place among those of the round.
    rule: usize,
    relations: Vec<Oid>,
    /// What that may have done which the rule tells of.
    why: Option<&'static str>,
}

/// What a table is made of, itself first.
pub fn made_of(table: &TableMeta) -> Vec<Oid> {
    let mut partitions = table.partitions.clone();
    partitions.sort_unstable();
    std::iter::once(table.oid)
        .chain(partitions)
        .map(Oid)
        .collect()
}

/// The rules whose tables are made of something else than when they were last looked at.
///
/// # Errors
/// Those of a read.
pub async fn look(
    parts: &Parts,
    rules: &[Rule],
    tables: &HashMap<u32, Arc<TableMeta>>,
) -> Result<Vec<Shape>, sqlx::Error> {
    let made: HashMap<String, Vec<Oid>> = tables
        .values()
        .map(|table| (table.table.path(), made_of(table)))
        .collect();
    // Several rules are of one table.
    let mut full: BTreeMap<u32, bool> = BTreeMap::new();
    let mut shapes = Vec::new();
    for (nth, rule) in rules.iter().enumerate() {
        let is = made.get(&rule.table).map(Vec::as_slice).unwrap_or_default();
        let Some(was) = &rule.relations else {
            shapes.push(Shape {
                rule: nth,
                relations: is.to_vec(),
                why: None,
            });
            continue;
        };
        if was == is {
            continue;
        }
        let why = match &rule.kind {
            // It is read as a whole.
            Kind::Total(_) => None,
            _ if is.first() != was.first() => Some(words::REPLACED),
            Kind::Leaves => was
                .iter()
                .any(|relation| !is.contains(relation))
                .then_some(words::PARTED),
            Kind::Enters => {
                let new = is.iter().filter(|relation| !was.contains(relation));
                let mut is_any = false;
                for relation in new {
                    let known = full.get(&relation.0).copied();
                    let is_full = match known {
                        Some(known) => known,
                        None => came_with_rows(parts.readers.ours(), is[0], *relation).await,
                    };
                    full.insert(relation.0, is_full);
                    is_any |= is_full;
                }
                is_any.then_some(words::JOINED)
            }
            Kind::Changes(_) => None,
        };
        shapes.push(Shape {
            rule: nth,
            relations: is.to_vec(),
            why,
        });
    }
    Ok(shapes)
}

/// Writes down what tables are made of now, and tells of what that may have done.
///
/// # Errors
/// Those of a write.
pub async fn remember(
    connection: &mut PgConnection,
    rules: &[Rule],
    shapes: &[Shape],
) -> Result<(), sqlx::Error> {
    for shape in shapes {
        sqlx::query("UPDATE rowcast.watch_rule r SET relations = $2 WHERE r.id = $1")
            .bind(rules[shape.rule].id)
            .bind(&shape.relations)
            .execute(&mut *connection)
            .await?;
    }
    for why in [words::REPLACED, words::PARTED, words::JOINED] {
        let of = shapes.iter().filter(|shape| shape.why == Some(why));
        let of: Vec<&Rule> = of.map(|shape| &rules[shape.rule]).collect();
        tell::miss(connection, &of, why).await?;
    }
    Ok(())
}

/// Whether a partition holds rows of which the log does not tell who wrote them. One that can't be
/// looked at may.
async fn came_with_rows(pool: &PgPool, table: Oid, partition: Oid) -> bool {
    holds_unlogged(pool, table, partition).await.unwrap_or(true)
}

async fn holds_unlogged(pool: &PgPool, table: Oid, partition: Oid) -> Result<bool, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let name = sqlx::query(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE c.oid = $1 AND c.relkind = 'r'",
    )
    .bind(partition)
    .fetch_optional(&mut *connection)
    .await?;
    // It is gone again, or is made of partitions itself.
    let Some(name) = name else {
        return Ok(false);
    };
    let name = quote_qualified(name.try_get(0)?, name.try_get(1)?);
    // What is not in the log because it was not copied yet was written when it was a partition.
    let source = change_log::source(&mut connection).await?;
    let up_to = change_log::reached(&mut connection, source).await?;
    // A row says the number of whoever wrote it without what goes beyond 32 bits.
    let sql = format!(
        "SELECT EXISTS ( \
             SELECT FROM (SELECT DISTINCT (s.next - mod(s.next - r.writer, 4294967296))::text::xid8 AS xid \
                            FROM (SELECT t.xmin::text::numeric AS writer FROM ONLY {name} AS t LIMIT $2) AS r, \
                                 (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric AS next) AS s) AS w \
              WHERE ($3::text IS NULL OR pg_visible_in_snapshot(w.xid, $3::text::pg_snapshot)) \
                AND NOT EXISTS (SELECT FROM rowcast.change_log c \
                                 WHERE c.relation = $1 AND c.kind <> 'd' AND c.xid = w.xid))"
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(table)
        .bind(ROWS)
        .bind(up_to.map(|version| version.to_string()))
        .fetch_one(&mut *connection)
        .await
}
