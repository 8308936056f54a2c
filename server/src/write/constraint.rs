//! What a constraint demands, and of which columns.

use serde::Deserialize;
use sqlx::{PgConnection, Row, postgres::types::Oid};

use crate::database::catalog::TableMeta;

/// A constraint, or a unique index, that a write has violated.
#[derive(Debug, Deserialize)]
pub struct Constraint {
    /// As `pg_constraint.contype` has it; `u` for an index.
    pub kind: char,
    /// Whether it is of the table that was written, or of a partition of it.
    pub own: bool,
    /// Whether it is a foreign key to that table.
    pub refers_to_own: bool,
    /// Its columns, in its order.
    pub columns: Option<Vec<String>>,
    /// The columns that a foreign key refers to.
    pub referred_columns: Option<Vec<String>>,
    /// A check's condition.
    pub expression: Option<String>,
    /// What its owner says of it.
    pub comment: Option<String>,
    /// The table that it is of, where it may be read.
    pub table: Option<String>,
    /// The table that it refers to, where that may be read.
    pub referred: Option<String>,
}

impl Constraint {
    /// The constraint as whoever wrote into the table may know of it; `None` if that is not at
    /// all, for it is about what is hidden.
    pub fn seen_of(mut self, written: &TableMeta) -> Option<Self> {
        let Some(limits) = &written.limits else {
            return Some(self);
        };
        let mut columns = self.columns.iter().chain(&self.referred_columns).flatten();
        if columns.any(|name| limits.hidden.contains(name))
            || self.expression.is_some() && !limits.hidden.is_empty()
        {
            return None;
        }
        let path = written.table.path();
        let is_known = |table: &String| {
            let mut keys = written.foreign_keys.iter();
            *table == path || keys.any(|key| key.references.table == *table)
        };
        self.table = self.table.filter(is_known);
        self.referred = self.referred.filter(is_known);
        Some(self)
    }
}

/// Looks up the constraint of that name of that table.
///
/// # Errors
/// The database's.
pub async fn find(
    connection: &mut PgConnection,
    written: &TableMeta,
    schema: &str,
    table: &str,
    constraint: &str,
) -> Result<Option<Constraint>, sqlx::Error> {
    const SQL: &str = "
        WITH own AS (SELECT relid::oid AS oid FROM pg_catalog.pg_partition_tree($1) UNION SELECT $1),
        found AS (
            SELECT c.oid, 'pg_constraint' AS catalog, c.contype::text AS kind, c.conrelid,
                   c.confrelid, c.confkey,
                   CASE WHEN c.contype = 'c' THEN pg_catalog.pg_get_expr(c.conbin, c.conrelid) END AS expression,
                   (SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.place)
                      FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
                      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns
              FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
             WHERE n.nspname = $2 AND r.relname = $3 AND c.conname = $4
            UNION ALL
            SELECT x.oid, 'pg_class', 'u', i.indrelid, 0, NULL, NULL,
                   (SELECT pg_catalog.jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                     WHERE a.attrelid = i.indrelid AND EXISTS (
                           SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = x.oid
                              AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid
                              AND d.refobjsubid = a.attnum))
              FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
              JOIN pg_catalog.pg_class r ON r.oid = i.indrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
             WHERE n.nspname = $2 AND r.relname = $3 AND x.relname = $4
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = x.oid))
        SELECT pg_catalog.jsonb_build_object(
            'kind', f.kind, 'columns', f.columns, 'expression', f.expression,
            'own', f.conrelid IN (SELECT own.oid FROM own),
            'refers_to_own', f.confrelid IN (SELECT own.oid FROM own),
            'referred_columns', (
                SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.place)
                  FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, place)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum),
            -- Of a partition's it may be on what it is part of.
            'comment', coalesce(pg_catalog.obj_description(f.oid, f.catalog), (
                SELECT pg_catalog.obj_description(c.oid, 'pg_constraint') FROM pg_catalog.pg_constraint c
                 WHERE c.conrelid = $1 AND c.conname = $4)),
            'table', (SELECT CASE WHEN n.nspname = 'public' THEN r.relname::text
                                  ELSE pg_catalog.concat(n.nspname, '.', r.relname) END
                        FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
                       WHERE r.oid = f.conrelid AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                         AND pg_catalog.has_table_privilege(r.oid, 'SELECT')),
            'referred', (SELECT CASE WHEN n.nspname = 'public' THEN r.relname::text
                                     ELSE pg_catalog.concat(n.nspname, '.', r.relname) END
                           FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
                          WHERE r.oid = f.confrelid AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                            AND pg_catalog.has_table_privilege(r.oid, 'SELECT')))::text
          FROM found f LIMIT 1";
    let row = sqlx::query(SQL)
        .persistent(false)
        .bind(Oid(written.oid))
        .bind(schema)
        .bind(table)
        .bind(constraint)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let text: &str = row.try_get(0)?;
        serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
    })
    .transpose()
}

/// What a domain's constraint demands: its comment, else its condition.
///
/// # Errors
/// The database's.
pub async fn domain(
    connection: &mut PgConnection,
    domain: &str,
    constraint: &str,
) -> Result<String, sqlx::Error> {
    const SQL: &str = "
        SELECT pg_catalog.obj_description(c.oid, 'pg_constraint'), pg_catalog.pg_get_constraintdef(c.oid)
          FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_type t ON t.oid = c.contypid
         WHERE t.typname = $1 AND c.conname = $2 LIMIT 1";
    let row = sqlx::query(SQL)
        .persistent(false)
        .bind(domain)
        .bind(constraint)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(format!("the value is not one of {domain}"));
    };
    if let Some(comment) = row.try_get::<Option<String>, _>(0)? {
        return Ok(comment);
    }
    let definition: &str = row.try_get(1)?;
    let condition = definition.strip_prefix("CHECK ").unwrap_or(definition);
    Ok(format!("the value must satisfy {}", unwrapped(condition)))
}

/// The columns that decide which partition a row belongs to.
///
/// # Errors
/// The database's.
pub async fn partition_key(
    connection: &mut PgConnection,
    table: &TableMeta,
) -> Result<Vec<String>, sqlx::Error> {
    const SQL: &str = "
        SELECT DISTINCT a.attname::text FROM pg_catalog.pg_partitioned_table p
          JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
         WHERE p.partrelid = $1 OR p.partrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1))
         ORDER BY 1";
    sqlx::query_scalar(SQL)
        .persistent(false)
        .bind(Oid(table.oid))
        .fetch_all(connection)
        .await
}

/// A condition without the parentheses around the whole of it.
pub fn unwrapped(condition: &str) -> &str {
    let Some(inside) = condition
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return condition;
    };
    let mut depth = 0_usize;
    for character in inside.chars() {
        match character {
            '(' => depth += 1,
            // One closes here that was not opened inside: these are not around the whole.
            ')' if depth == 0 => return condition,
            ')' => depth -= 1,
            _ => {}
        }
    }
    unwrapped(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parentheses_around_the_whole_are_taken_off() {
        assert_eq!(
            unwrapped("(amount > (0)::numeric)"),
            "amount > (0)::numeric"
        );
        assert_eq!(unwrapped("((a > 0))"), "a > 0");
        assert_eq!(unwrapped("(a) OR (b)"), "(a) OR (b)");
        assert_eq!(unwrapped("((a) OR (b))"), "(a) OR (b)");
        assert_eq!(unwrapped("a"), "a");
    }
}
