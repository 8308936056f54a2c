//! Reading the catalog.

use std::sync::Arc;

use rowcast_engine::{datum::Codec, schema::Collation};
use rowcast_protocol::{Column, ColumnKind, May, Table, TableKind, table::Reference};
use serde::Deserialize;
use sqlx::{
    AssertSqlSafe, PgPool, Row,
    postgres::{PgRow, types::Oid},
};

use super::{ColumnMeta, ForeignKey, TableMeta, column::OwnOperators};
use crate::database::quote::{quote_ident, quote_qualified};

/// Which state of which table.
#[derive(Debug)]
pub struct Version {
    pub oid: u32,
    pub fingerprint: String,
}

/// The relations that exist for clients, `c` and `n` being their rows in `pg_class` and
/// `pg_namespace`: users' own, and those of ours that are followed like them. Which those are is
/// said by `rowcast.is_followed` alone: whatever else we keep there no route reads as a table.
const VISIBLE: &str = "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' \
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
     AND (n.nspname <> 'rowcast' OR rowcast.is_followed(c.oid)) \
     AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')";

/// An expression that is [`TableMeta::fingerprint`] as of its statement's snapshot.
pub fn fingerprint_sql(oid: u32) -> String {
    format!("rowcast.fingerprint({oid})")
}

/// The most bytes of an identifier that is looked for. PostgreSQL as it is usually built knows
/// none of more than 63.
const NAME_MAX: usize = 255;

/// The visible relation that `name` means, if there is one.
///
/// A name with a dot is a schema and a table where such a table exists, and otherwise the
/// whole name of a table in `public`.
pub async fn resolve(pool: &PgPool, name: &str) -> Result<Option<Version>, sqlx::Error> {
    first_of(pool, &candidates(name)).await
}

/// The first visible relation of these schemas and names, if there is one.
pub async fn first_of(
    pool: &PgPool,
    candidates: &[(&str, &str)],
) -> Result<Option<Version>, sqlx::Error> {
    if candidates.is_empty() {
        return Ok(None);
    }
    let schemas: Vec<&str> = candidates.iter().map(|(schema, _)| *schema).collect();
    let names: Vec<&str> = candidates.iter().map(|(_, name)| *name).collect();
    let sql = format!(
        "SELECT c.oid, rowcast.fingerprint(c.oid) \
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema, name, place) \
           JOIN pg_namespace n ON n.nspname = wanted.schema \
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name \
          WHERE {VISIBLE} ORDER BY wanted.place LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(schemas)
        .bind(names)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(read_version).transpose()
}

/// Whether a relation of this name can exist at all.
pub fn may_exist(name: &str) -> bool {
    name.len() <= 2 * NAME_MAX + 1 && !name.contains('\0')
}

/// The schemas and tables that a name may mean, the likeliest first. What is longer than any
/// identifier is none, which bounds their number whatever the name.
fn candidates(name: &str) -> Vec<(&str, &str)> {
    let is_name = |(schema, name): &(&str, &str)| schema.len().max(name.len()) <= NAME_MAX;
    if !may_exist(name) {
        return Vec::new();
    }
    name.match_indices('.')
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .chain([("public", name)])
        .filter(is_name)
        .collect()
}

/// The states of the visible relations of these oids.
pub async fn versions(pool: &PgPool, oids: &[u32]) -> Result<Vec<Version>, sqlx::Error> {
    let sql = format!(
        "SELECT c.oid, rowcast.fingerprint(c.oid) \
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE {VISIBLE} AND c.oid = ANY ($1)"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(oids.iter().copied().map(Oid).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    rows.iter().map(read_version).collect()
}

fn read_version(row: &PgRow) -> Result<Version, sqlx::Error> {
    Ok(Version {
        oid: row.try_get::<Oid, _>(0)?.0,
        fingerprint: row.try_get(1)?,
    })
}

/// All visible relations that are users' own and not partitions: what clients are told of them.
pub async fn tables(pool: &PgPool) -> Result<Vec<Table>, sqlx::Error> {
    // What is left out takes longer than all the rest.
    let columns = columns("'textual'");
    let chosen =
        format!("{VISIBLE} AND n.nspname <> 'rowcast' AND NOT c.relispartition AND $1 IS NULL");
    let relations = relations(pool, &chosen, &columns, "'fingerprint', ''", None).await?;
    relations
        .into_iter()
        .map(|relation| Ok(relation.into_meta(Vec::new())?.table))
        .collect()
}

/// The visible relation of that oid, with all that is under it.
pub async fn table(pool: &PgPool, oid: u32) -> Result<Option<TableMeta>, sqlx::Error> {
    let Some(relation) = whole(pool, oid, VISIBLE).await? else {
        return Ok(None);
    };
    let mut sources = Vec::new();
    for source in relation.sources.iter().flatten() {
        // Whoever may read a view need not be allowed to read what is under it. One that is
        // gone meanwhile has changed the view's fingerprint.
        if let Some(source) = whole(pool, *source, "true").await? {
            sources.push(Arc::new(source.into_meta(Vec::new())?));
        }
    }
    relation.into_meta(sources).map(Some)
}

async fn whole(pool: &PgPool, oid: u32, visible: &str) -> Result<Option<Relation>, sqlx::Error> {
    let columns = columns("rowcast.codec(a.atttypid)");
    let chosen = format!("{visible} AND c.oid = $1");
    let more = "'fingerprint', rowcast.fingerprint(c.oid), \
         'sources', CASE WHEN c.relkind = 'v' \
             THEN (SELECT jsonb_agg(s::int8 ORDER BY s) FROM rowcast.sources(c.oid) s) END";
    let relations = relations(pool, &chosen, &columns, more, Some(oid)).await?;
    Ok(relations.into_iter().next())
}

async fn relations(
    pool: &PgPool,
    chosen: &str,
    columns: &str,
    more: &str,
    oid: Option<u32>,
) -> Result<Vec<Relation>, sqlx::Error> {
    let foreign_keys = FOREIGN_KEYS.replace("{ITS_OWN}", ITS_OWN);
    let key = KEY.replace("{HAS_NO_NULLS}", HAS_NO_NULLS);
    let sql = format!(
        "SELECT jsonb_build_object( \
             'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'is_partition', c.relispartition, \
             'comment', obj_description(c.oid, 'pg_class'), 'rows', {ESTIMATE}, \
             'live', rowcast.is_live(c.oid), \
             'layout', rowcast.layout(c.oid), 'key', {key}, 'columns', {columns}, 'foreign_keys', {foreign_keys}, \
             'partitions', (SELECT jsonb_agg(p.relid::oid::int8) \
                              FROM pg_partition_tree(c.oid) p WHERE p.relid <> c.oid), \
             {more})::text \
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE {chosen} \
          ORDER BY n.nspname, c.relname"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(oid.map(Oid))
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            let text: &str = row.try_get(0)?;
            serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
        })
        .collect()
}

/// How many rows there are, roughly: the statistics' count of live ones, else the planner's
/// estimate, else none where there is no page; of a partitioned table, over its partitions.
const ESTIMATE: &str = "(SELECT sum(CASE \
         WHEN pg_stat_get_live_tuples(leaf.oid) > 0 \
             THEN pg_stat_get_live_tuples(leaf.oid)::float8 \
         WHEN leaf.reltuples >= 0 THEN leaf.reltuples::float8 \
         WHEN leaf.relkind = 'r' AND pg_relation_size(leaf.oid) = 0 THEN 0 END) \
     FROM (SELECT c.oid WHERE c.relkind <> 'p' \
           UNION ALL \
           SELECT p.relid FROM pg_partition_tree(c.oid) p WHERE c.relkind = 'p' AND p.isleaf) \
          AS part (oid) \
     JOIN pg_class leaf ON leaf.oid = part.oid)";

/// Whether no row is without a value in column `a`. From PostgreSQL 18 on a column may be NOT NULL
/// for the rows to come alone.
const HAS_NO_NULLS: &str = "(a.attnotnull AND NOT EXISTS ( \
     SELECT FROM pg_constraint u WHERE u.conrelid = a.attrelid AND u.contype = 'n' \
        AND NOT u.convalidated AND a.attnum = ANY (u.conkey)))";

/// Attribute numbers of the key: the primary key's, else those of the unique index over NOT
/// NULL columns that has the fewest. It must hold at once and for every row. `{HAS_NO_NULLS}` is
/// still to be filled in.
const KEY: &str = "(SELECT jsonb_agg(k.attnum ORDER BY k.place) FROM ( \
     SELECT i.indkey, i.indnkeyatts FROM pg_index i \
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate \
        AND i.indpred IS NULL AND i.indexprs IS NULL \
        AND NOT EXISTS (SELECT FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place) \
                          LEFT JOIN pg_attribute a \
                            ON a.attrelid = c.oid AND a.attnum = k.attnum \
                         WHERE k.place <= i.indnkeyatts \
                           AND (k.attnum <= 0 OR {HAS_NO_NULLS} IS NOT TRUE)) \
      ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS i, \
     unnest(i.indkey) WITH ORDINALITY AS k (attnum, place) WHERE k.place <= i.indnkeyatts)";

/// Locales in which an ASCII letter may have another lower case than the plain one.
const OWN_CASE: &str = "^(tr|tur|az|crh|ku|kmr|tt|lt)";

/// The columns, with their codec so.
fn columns(codec: &str) -> String {
    COLUMNS
        .replace("{CODEC}", codec)
        .replace("{OWN_CASE}", OWN_CASE)
        .replace("{ITS_OWN}", ITS_OWN)
        .replace("{HAS_NO_NULLS}", HAS_NO_NULLS)
}

/// The columns, in table order; `{CODEC}`, `{OWN_CASE}`, `{ITS_OWN}` and `{HAS_NO_NULLS}`
/// are still to be filled in. `b` is a domain's base type, else the type itself.
const COLUMNS: &str = "(SELECT jsonb_agg(jsonb_build_object( \
     'attnum', a.attnum, 'name', a.attname, 'type', regexp_replace(format_type(a.atttypid, a.atttypmod), '^public[.]', ''), \
     'declared', format_type(a.atttypid, a.atttypmod), 'always_identity', a.attidentity = 'a', \
     'codec', {CODEC}, 'base', b.typname, 'type_oid', a.atttypid::int8, \
     'base_schema', bn.nspname, 'category', b.typcategory, 'typtype', b.typtype, \
     'nullable', NOT {HAS_NO_NULLS} AND NOT coalesce(t.typnotnull, false), \
     'has_default', a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, \
     'generated', a.attgenerated <> '' OR a.attidentity = 'a', \
     'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) \
                  FROM pg_enum e WHERE e.enumtypid = b.oid), \
     'collation', CASE \
         WHEN a.attcollation = 0 THEN 'C' \
         WHEN NOT l.collisdeterministic THEN 'nondeterministic' \
         WHEN l.collprovider = 'c' AND l.collcollate IN ('C', 'POSIX') \
              AND l.collctype !~* '{OWN_CASE}' THEN 'C' \
         WHEN l.collprovider = 'd' AND (SELECT d.datcollate IN ('C', 'POSIX') \
              AND d.datctype !~* '{OWN_CASE}' \
              AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' \
              FROM pg_database d WHERE d.datname = current_database()) THEN 'C' \
         WHEN (SELECT CASE l.collprovider WHEN 'd' THEN \
                   CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') WHEN 'c' THEN d.datctype \
                        ELSE coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') \
                   END \
               ELSE coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', \
                             l.collctype) END \
               FROM pg_database d WHERE d.datname = current_database()) \
              !~* '{OWN_CASE}' THEN 'deterministic' \
         ELSE 'own case' END, \
     'collation_name', (SELECT format('%I.%I', ln.nspname, l.collname) \
                          FROM pg_namespace ln WHERE ln.oid = l.collnamespace), \
     'operators', CASE WHEN bn.nspname <> 'pg_catalog' THEN ( \
         SELECT jsonb_agg(o.oprname) FROM pg_operator o \
          WHERE o.oprleft = b.oid AND o.oprright = b.oid \
            AND o.oprnamespace = b.typnamespace \
            AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '~~', '~~*')) END, \
     'references', (SELECT jsonb_build_object('schema', rn.nspname, 'table', r.relname, \
                                              'column', ra.attname) \
                      FROM pg_constraint f \
                      JOIN pg_class r ON r.oid = f.confrelid \
                      JOIN pg_namespace rn ON rn.oid = r.relnamespace \
                      JOIN pg_attribute ra \
                        ON ra.attrelid = f.confrelid AND ra.attnum = f.confkey[1] \
                     WHERE {ITS_OWN} \
                       AND f.conkey = ARRAY[a.attnum] \
                     ORDER BY f.oid LIMIT 1), \
     'comment', col_description(c.oid, a.attnum) \
     ) ORDER BY a.attnum) \
     FROM pg_attribute a \
     JOIN pg_type t ON t.oid = a.atttypid \
     JOIN pg_type b \
       ON b.oid = CASE t.typtype WHEN 'd' THEN rowcast.base_type(t.oid) ELSE t.oid END \
     JOIN pg_namespace bn ON bn.oid = b.typnamespace \
     LEFT JOIN pg_collation l ON l.oid = a.attcollation \
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)";

/// Which foreign keys are a table's: not those by which PostgreSQL keeps one that refers to a
/// partitioned table for each of its partitions, nor those of periods, which PostgreSQL has from 18
/// on: a row refers to several rows by such a one.
const ITS_OWN: &str = "f.conrelid = c.oid AND f.contype = 'f' \
     AND NOT coalesce((to_jsonb(f) ->> 'conperiod')::bool, false) \
     AND NOT EXISTS (SELECT FROM pg_constraint whole \
                      WHERE whole.oid = f.conparentid AND whole.conrelid = f.conrelid)";

/// The foreign keys, of any number of columns; `{ITS_OWN}` is still to be filled in.
const FOREIGN_KEYS: &str = "(SELECT jsonb_agg(jsonb_build_object( \
     'name', f.conname, 'to', f.confrelid::int8, \
     'columns', (SELECT jsonb_agg(a.attname ORDER BY k.place) \
                   FROM unnest(f.conkey) WITH ORDINALITY AS k (attnum, place) \
                   JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum), \
     'references', jsonb_build_object( \
         'table', CASE WHEN rn.nspname = 'public' THEN r.relname::text \
                       ELSE concat(rn.nspname, '.', r.relname) END, \
         'columns', (SELECT jsonb_agg(a.attname ORDER BY k.place) \
                       FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, place) \
                       JOIN pg_attribute a \
                         ON a.attrelid = f.confrelid AND a.attnum = k.attnum))) \
     ORDER BY f.conname) \
     FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid \
     JOIN pg_namespace rn ON rn.oid = r.relnamespace \
     WHERE {ITS_OWN})";

#[derive(Deserialize)]
struct Relation {
    oid: u32,
    schema: String,
    name: String,
    kind: char,
    is_partition: bool,
    comment: Option<String>,
    rows: Option<f64>,
    live: bool,
    layout: Option<i32>,
    key: Option<Vec<i32>>,
    columns: Option<Vec<Attribute>>,
    partitions: Option<Vec<u32>>,
    sources: Option<Vec<u32>>,
    foreign_keys: Option<Vec<ForeignKey>>,
    fingerprint: String,
}

#[derive(Deserialize)]
struct Attribute {
    attnum: i32,
    name: String,
    #[serde(rename = "type")]
    type_name: String,
    declared: String,
    always_identity: bool,
    codec: String,
    base: String,
    type_oid: u32,
    base_schema: String,
    category: char,
    typtype: char,
    nullable: bool,
    has_default: bool,
    generated: bool,
    labels: Option<Vec<String>>,
    collation: String,
    collation_name: Option<String>,
    operators: Option<Vec<String>>,
    references: Option<Target>,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    schema: String,
    table: String,
    column: String,
}

impl Relation {
    fn into_meta(self, sources: Vec<Arc<TableMeta>>) -> Result<TableMeta, sqlx::Error> {
        let attributes = self.columns.unwrap_or_default();
        let position = |attnum: &i32| attributes.iter().position(|a| a.attnum == *attnum);
        let key: Vec<usize> = self.key.iter().flatten().filter_map(position).collect();
        let columns = attributes
            .iter()
            .map(Attribute::meta)
            .collect::<Result<Vec<_>, _>>()?;
        let mut table = Table {
            schema: self.schema,
            name: self.name,
            kind: match self.kind {
                'v' => TableKind::View,
                'm' => TableKind::MaterializedView,
                'f' => TableKind::ForeignTable,
                _ => TableKind::Table,
            },
            live: self.live,
            key: key.iter().map(|at| attributes[*at].name.clone()).collect(),
            columns: attributes.into_iter().map(Attribute::column).collect(),
            estimated_rows: self
                .rows
                .filter(|rows| *rows >= 0.0)
                .map(|rows| rows as u64),
            comment: self.comment,
            may: May::default(),
        };
        let takes_rows = table.takes_rows();
        table.may = May {
            insert: takes_rows,
            update: takes_rows && !key.is_empty(),
            delete: takes_rows && !key.is_empty(),
            comment: takes_rows
                && table.kind == TableKind::Table
                && !key.is_empty()
                && !self.is_partition,
            read_only: Vec::new(),
        };
        let (schema, codecs) = TableMeta::layout_of(self.oid, &columns, &key);
        Ok(TableMeta {
            oid: self.oid,
            codecs,
            table,
            columns,
            key,
            is_partition: self.is_partition,
            partitions: self.partitions.unwrap_or_default(),
            sources,
            foreign_keys: self.foreign_keys.unwrap_or_default(),
            schema,
            layout: self.layout.unwrap_or_default(),
            fingerprint: self.fingerprint,
            embedding: None,
            rules: None,
            limits: None,
            permitted: None,
        })
    }
}

/// `pg_type.oid` of `text`, fixed in every PostgreSQL.
const TEXT: u32 = 25;
/// `pg_type.oid` of `jsonb`, fixed in every PostgreSQL.
const JSONB: u32 = 3802;

impl Attribute {
    fn meta(&self) -> Result<ColumnMeta, sqlx::Error> {
        let codec = Codec::parse(&self.codec, self.labels.clone().unwrap_or_default())
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown codec {}", self.codec).into()))?;
        Ok(ColumnMeta {
            name: self.name.clone(),
            selected_as: None,
            image_type: match codec {
                Codec::Textual => TEXT,
                Codec::JsonbOf => JSONB,
                _ => self.type_oid,
            },
            codec,
            collation: match self.collation.as_str() {
                "C" => Collation::C,
                "deterministic" => Collation::Deterministic,
                "own case" => Collation::OwnCase,
                _ => Collation::Nondeterministic,
            },
            sql_type: quote_qualified(&self.base_schema, &self.base),
            declared_type: self.declared.clone(),
            is_always_identity: self.always_identity,
            collation_sql: self.collation_name.clone(),
            nullable: self.nullable,
            is_unreadable: false,
            own_operators: self.operators.clone().map(|names| OwnOperators {
                schema: quote_ident(&self.base_schema),
                names,
            }),
        })
    }

    fn column(self) -> Column {
        Column {
            kind: self.kind(),
            name: self.name,
            type_name: self.type_name,
            nullable: self.nullable,
            has_default: self.has_default,
            generated: self.generated,
            labels: self.labels.unwrap_or_default(),
            references: self.references.map(|target| Reference {
                table: if target.schema == "public" {
                    target.table
                } else {
                    format!("{}.{}", target.schema, target.table)
                },
                column: target.column,
            }),
            comment: self.comment,
        }
    }

    fn kind(&self) -> ColumnKind {
        match self.typtype {
            'e' => return ColumnKind::Enum,
            _ if self.category == 'A' => return ColumnKind::Array,
            _ => {}
        }
        if self.base_schema != "pg_catalog" {
            return if self.base == "citext" {
                ColumnKind::Text
            } else {
                ColumnKind::Other
            };
        }
        match self.base.as_str() {
            "bool" => ColumnKind::Boolean,
            "int2" | "int4" | "int8" | "oid" => ColumnKind::Integer,
            "numeric" => ColumnKind::Numeric,
            "float4" | "float8" => ColumnKind::Float,
            "text" | "varchar" | "bpchar" | "name" => ColumnKind::Text,
            "bytea" => ColumnKind::Bytes,
            "date" => ColumnKind::Date,
            "time" | "timetz" => ColumnKind::Time,
            "timestamp" => ColumnKind::Timestamp,
            "timestamptz" => ColumnKind::TimestampTz,
            "interval" => ColumnKind::Interval,
            "uuid" => ColumnKind::Uuid,
            "json" | "jsonb" => ColumnKind::Json,
            _ => ColumnKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_few_things_however_many_dots_it_has() {
        assert_eq!(candidates("t"), [("public", "t")]);
        assert_eq!(
            candidates("a.b.c"),
            [("a", "b.c"), ("a.b", "c"), ("public", "a.b.c")]
        );
        for length in [100, 2 * NAME_MAX + 1, 60_000] {
            let candidates = candidates(&".".repeat(length)).len();
            assert!(candidates <= NAME_MAX + 1, "{length}: {candidates}");
        }
        assert_eq!(candidates("a\0b"), []);
    }
}
