//! Aggregates against PostgreSQL: what is read, what it is kept to as rows come and go, and
//! what is refused.

use std::collections::HashMap;

use rowcast::query::{
    bound::BoundQuery,
    read::{Range, Totals, WindowRead, window},
};
use rowcast_engine::{
    datum::Datum,
    record::{Key, Record},
    tally::Tallies,
};
use rowcast_protocol::Cell;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{cluster::Cluster, support::Fixture, values::Values};

/// The table's columns: name, type, and the order of its values where it is not the type's.
const COLUMNS: [(&str, &str, &str); 22] = [
    ("i2", "smallint", ""),
    ("i4", "integer", ""),
    ("i8", "bigint", ""),
    ("wild", "numeric", ""),
    ("plain", "numeric", ""),
    ("cents", "numeric(12,2)", ""),
    ("thousands", "numeric(6,-3)", ""),
    ("f4", "real", ""),
    ("f8", "double precision", ""),
    ("b", "boolean", ""),
    ("words", "text COLLATE \"C\"", ""),
    ("free", "text COLLATE \"und-x-icu\"", "COLLATE \"C\""),
    ("loose", "citext", ""),
    ("padded", "character(4)", "COLLATE \"C\""),
    ("bytes", "bytea", ""),
    ("day", "date", ""),
    ("at", "timestamptz", ""),
    ("local", "timestamp", ""),
    ("token", "uuid", ""),
    ("feeling", "mood", ""),
    ("span", "interval", ""),
    ("doc", "jsonb", ""),
];

const SETUP: &str = "
    CREATE EXTENSION citext SCHEMA public;
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok';";

/// What PostgreSQL 15 computes of which column.
fn functions(column: &str) -> Vec<&'static str> {
    let mut functions = vec!["count", "distinct", "count_by"];
    if matches!(
        column,
        "i2" | "i4" | "i8" | "wild" | "plain" | "cents" | "thousands" | "f4" | "f8" | "span"
    ) {
        functions.extend(["sum", "avg"]);
    }
    if !matches!(column, "b" | "bytes" | "token" | "doc") {
        functions.extend(["min", "max"]);
    }
    functions
}

/// An aggregate's value as plain SQL gives it.
fn expected_sql(function: &str, column: &str, order: &str) -> String {
    match function {
        "min" | "max" if matches!(column, "wild" | "plain" | "loose" | "span") => {
            let direction = if function == "max" { "DESC" } else { "ASC" };
            format!(
                "(SELECT to_jsonb(v) FROM t, LATERAL (SELECT t.{column} AS v) AS c \
                  WHERE v IS NOT NULL \
                  ORDER BY v {direction}, to_jsonb(v)::text COLLATE \"C\" LIMIT 1)"
            )
        }
        "distinct" => format!("(SELECT to_jsonb(count(DISTINCT {column})) FROM t)"),
        "count_by" => {
            let order = match column {
                "loose" | "span" | "doc" => "text COLLATE \"C\"".to_owned(),
                _ => format!("v {order}"),
            };
            format!(
                "(SELECT coalesce(jsonb_agg(jsonb_build_array(shown, number) \
                                  ORDER BY v IS NULL, {order}), '[]') \
                  FROM (SELECT v, (array_agg(v ORDER BY to_jsonb(v)::text COLLATE \"C\"))[1] \
                                      AS shown, \
                               min(coalesce(to_jsonb(v) #>> '{{}}', 'null') COLLATE \"C\") AS text, \
                               count(*) AS number \
                          FROM t, LATERAL (SELECT t.{column} AS v) AS c \
                         GROUP BY v) AS g)"
            )
        }
        _ => format!("(SELECT to_jsonb({function}({column})) FROM t)"),
    }
}

struct Checked {
    fixture: Fixture,
    connection: PgConnection,
    values: Values,
    pools: Vec<Vec<String>>,
    names: Vec<String>,
    expected: String,
    next: u64,
}

impl Checked {
    async fn new() -> Self {
        let rounds = Cluster::shared().has(15, "numeric(6,-3)");
        let columns: Vec<String> = COLUMNS
            .iter()
            .map(|(name, sql_type, _)| match *sql_type {
                "numeric(6,-3)" if !rounds => format!("\"{name}\" numeric(9)"),
                _ => format!("\"{name}\" {sql_type}"),
            })
            .collect();
        let table = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, {})",
            columns.join(", ")
        );
        let fixture = Fixture::new(&format!("{SETUP}{table}")).await;
        let mut names = Vec::new();
        let mut expected = Vec::new();
        for (column, _, order) in COLUMNS {
            for function in functions(column) {
                names.push(format!("{function}({column})"));
                let column = format!("\"{column}\"");
                let sql = expected_sql(function, column.trim_matches('"'), order);
                expected.push(format!("({sql})::text"));
            }
        }
        let mut values = Values::seeded();
        let pools = COLUMNS
            .iter()
            .map(|(name, sql_type, _)| pool(&mut values, name, sql_type))
            .collect();
        let mut connection = fixture.database.connect().await;
        sqlx::raw_sql("SET TimeZone = 'UTC'")
            .execute(&mut connection)
            .await
            .unwrap();
        Self {
            connection,
            values,
            pools,
            names,
            expected: format!("SELECT ARRAY[{}]", expected.join(", ")),
            next: 0,
            fixture,
        }
    }

    async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.connection)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// A few rows come, change or go.
    async fn step(&mut self) {
        let count = 1 + self.values.below(4);
        for _ in 0..count {
            let random = self.values.below(10);
            let sql = if random < 4 {
                self.next += 1;
                let values: Vec<String> = (0..COLUMNS.len()).map(|at| self.literal(at)).collect();
                format!(
                    "INSERT INTO t VALUES ({}, {})",
                    self.next,
                    values.join(", ")
                )
            } else if random < 8 {
                let at = self.values.below(COLUMNS.len() as u64) as usize;
                let value = self.literal(at);
                format!(
                    "UPDATE t SET \"{}\" = {value} WHERE {}",
                    COLUMNS[at].0,
                    self.some_row()
                )
            } else if random < 9 || self.values.below(20) > 0 {
                format!("DELETE FROM t WHERE {}", self.some_row())
            } else {
                "DELETE FROM t".to_owned()
            };
            self.run(&sql).await;
        }
    }

    fn some_row(&mut self) -> String {
        let nth = self.values.below(50);
        format!("id = (SELECT id FROM t ORDER BY id OFFSET {nth} LIMIT 1)")
    }

    fn literal(&mut self, at: usize) -> String {
        if self.values.below(8) == 0 {
            return "NULL".to_owned();
        }
        // Few values, so that some are equal, and sometimes one of all.
        let pool = self.pools[at].len() as u64;
        let few = if self.values.below(3) == 0 { pool } else { 8 };
        let nth = self.values.below(few.min(pool)) as usize;
        format!("'{}'", self.pools[at][nth].replace('\'', "''"))
    }

    async fn expected(&mut self) -> Vec<Option<String>> {
        sqlx::query_scalar(AssertSqlSafe(self.expected.clone()))
            .fetch_one(&mut self.connection)
            .await
            .unwrap()
    }

    async fn read(&self, bound: &BoundQuery) -> WindowRead {
        let all = Range::Offset {
            offset: 0,
            limit: 100_000,
        };
        window(&self.fixture.pool.clone().into(), bound, &all, Totals::Kept)
            .await
            .unwrap()
    }
}

/// Texts for a column: those used often first.
fn pool(values: &mut Values, name: &str, sql_type: &str) -> Vec<String> {
    let integers = |values: &mut Values, scale: &str| -> Vec<String> {
        (0..100)
            .map(|_| format!("{}e{scale}", values.below(2_000_001) as i64 - 1_000_000))
            .collect()
    };
    let mut pool = match name {
        "plain" => {
            let mut pool: Vec<String> = ["1", "1.0", "1.00", "-1.0", "0", "0.000", "2.5", "1e12"]
                .map(String::from)
                .to_vec();
            for _ in 0..200 {
                let whole = values.below(20_001) as i64 - 10_000;
                let scale = values.below(7);
                pool.push(format!("{whole}e-{scale}"));
            }
            return pool;
        }
        "cents" => integers(values, "-2"),
        "thousands" => integers(values, "3"),
        "loose" => ["a", "A", "b", "B", "straße", "STRASSE", "é", "É"]
            .map(String::from)
            .to_vec(),
        "padded" => values.of_type("character(5)"),
        "words" | "free" => values.of_type("text"),
        "at" => values.of_type("timestamptz"),
        _ => values.of_type(sql_type),
    };
    if name == "padded" {
        pool.retain(|text| text.chars().count() <= 4);
    }
    if name == "feeling" {
        pool = ["sad", "meh", "ok", "happy"].map(String::from).to_vec();
    }
    if name == "wild" {
        // A sum of the largest has no place in the type.
        pool.retain(|text| text.len() < 200 && !text.contains('e'));
    }
    // Equal numbers of floats' sums in every order of the rows.
    if matches!(name, "f4" | "f8") {
        pool = (0..64).map(|nth| format!("{}.25", nth * 3)).collect();
        pool.extend(["NaN", "-0", "0", "Infinity"].map(String::from));
    }
    if matches!(name, "i4" | "i8" | "i2" | "day" | "at" | "local") {
        let boundaries = pool.split_off(pool.len() / 2);
        pool.splice(0..0, boundaries);
    }
    if name == "span" {
        pool = [
            "1 day",
            "24:00:00",
            "1 mon",
            "30 days",
            "-00:00:00.5",
            "00:00",
            "2 years",
        ]
        .map(String::from)
        .to_vec();
    }
    pool
}

/// How long a test goes on: `ROWCAST_STEPS`.
fn steps(usual: u32) -> u32 {
    std::env::var("ROWCAST_STEPS").map_or(usual, |steps| steps.parse().unwrap())
}

fn records(bound: &BoundQuery, read: &WindowRead) -> HashMap<Key, std::sync::Arc<Record>> {
    read.rows
        .iter()
        .map(|row| {
            let record = Record::new(&bound.table.schema, row.clone());
            (record.key().clone(), record)
        })
        .collect()
}

/// JSON text of each value, for comparison with SQL's.
fn texts(cells: &[Cell]) -> Vec<Option<String>> {
    cells
        .iter()
        .map(|cell| (*cell != Cell::Null).then(|| cell.to_json()))
        .collect()
}

#[tokio::test]
async fn tallies_are_what_postgresql_says_as_rows_come_and_go() {
    let mut checked = Checked::new().await;
    // A few queries, for one may have only so many aggregates.
    let names = checked.names.clone();
    let queries: Vec<Vec<String>> = names.chunks(17).map(<[String]>::to_vec).collect();
    let mut bound = Vec::new();
    for names in &queries {
        let query = format!("aggregate={}", names.join(","));
        bound.push(checked.fixture.bind("t", &query).await.unwrap());
    }
    let mut held: Vec<Option<Tallies>> = vec![None; bound.len()];
    let mut rows = HashMap::new();
    let (mut known, mut read_again) = (HashMap::<String, u32>::new(), 0);
    for _ in 0..steps(150) {
        checked.step().await;
        let expected = checked.expected().await;
        let mut expected = expected.chunks(17);
        let mut now = HashMap::new();
        for (at, bound) in bound.iter().enumerate() {
            let expected = expected.next().unwrap();
            let read = checked.read(bound).await;
            for ((name, found), expected) in queries[at]
                .iter()
                .zip(texts(&read.aggregates.values))
                .zip(expected)
            {
                assert_eq!(found, *expected, "{name} as it is read");
            }
            now = records(bound, &read);
            if let Some(tallies) = &mut held[at] {
                let keys = rows.keys().chain(now.keys());
                let keys: std::collections::HashSet<&Key> = keys.collect();
                for key in keys {
                    let (old, new): (Option<&std::sync::Arc<Record>>, _) =
                        (rows.get(key), now.get(key));
                    tallies.change(old.map(|row| &**row), new.map(|row| &**row));
                }
                if tallies.is_known() {
                    let found = texts(tallies.values());
                    for ((name, found), expected) in queries[at].iter().zip(found).zip(expected) {
                        assert_eq!(found, *expected, "{name} as it is kept");
                        *known.entry(name.clone()).or_default() += 1;
                    }
                    continue;
                }
                read_again += 1;
            }
            let aggregates = bound.tallied();
            held[at] = Some(Tallies::new(
                &aggregates,
                &bound.table.schema,
                read.aggregates,
            ));
        }
        rows = now;
    }
    println!("{read_again} read again, {} kept", known.len());
}

/// Each aggregate alone: how often it had to be read again.
#[tokio::test]
async fn what_can_be_kept_is_seldom_read_again() {
    let mut checked = Checked::new().await;
    let names = checked.names.clone();
    let mut bound = Vec::new();
    for name in &names {
        let query = format!("aggregate={name}");
        bound.push(checked.fixture.bind("t", &query).await.unwrap());
    }
    let mut rows: HashMap<Key, std::sync::Arc<Record>> = HashMap::new();
    let mut held: Vec<Option<Tallies>> = vec![None; bound.len()];
    let mut lost: HashMap<String, u32> = HashMap::new();
    for _ in 0..steps(40) {
        checked.step().await;
        let expected = checked.expected().await;
        let read = checked.read(&bound[0]).await;
        let now = records(&bound[0], &read);
        for ((bound, held), expected) in bound.iter().zip(&mut held).zip(&expected) {
            let name = &bound.aggregates[0].name;
            if let Some(tallies) = held {
                let keys: std::collections::HashSet<&Key> = rows.keys().chain(now.keys()).collect();
                for key in keys {
                    let old = rows.get(key).map(|row| &**row);
                    tallies.change(old, now.get(key).map(|row| &**row));
                }
                if tallies.is_known() {
                    assert_eq!(texts(tallies.values())[0], *expected, "{name}");
                    continue;
                }
                *lost.entry(name.clone()).or_default() += 1;
            }
            let read = checked.read(bound).await;
            *held = Some(Tallies::new(
                &bound.tallied(),
                &bound.table.schema,
                read.aggregates,
            ));
        }
        rows = now;
    }
    let kept = |name: &str| !lost.contains_key(name);
    for (column, _, _) in COLUMNS {
        assert!(kept(&format!("count({column})")), "{column}");
    }
    for column in [
        "i2", "i4", "i8", "wild", "plain", "cents", "f4", "f8", "b", "words", "free", "padded",
        "bytes", "day", "at", "local", "token", "feeling",
    ] {
        assert!(kept(&format!("distinct({column})")), "{column}");
        assert!(kept(&format!("count_by({column})")), "{column}");
    }
    for column in ["i2", "i4", "i8", "wild", "plain", "cents", "thousands"] {
        assert!(kept(&format!("sum({column})")), "{column}");
        assert!(kept(&format!("avg({column})")), "{column}");
    }
    for column in [
        "i4", "wild", "plain", "cents", "f8", "words", "day", "at", "feeling",
    ] {
        assert!(kept(&format!("min({column})")), "{column}");
        assert!(kept(&format!("max({column})")), "{column}");
    }
    assert!(!kept("sum(f8)") && !kept("min(free)") && !kept("count_by(loose)"));
}

#[tokio::test]
async fn a_margin_of_first_values_lets_that_many_leave() {
    let fixture = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY, n int);
         INSERT INTO t SELECT i, i FROM generate_series(1, 200) AS i",
    )
    .await;
    let bound = fixture.bind("t", "aggregate=min(n),max(n)").await.unwrap();
    let all = Range::Offset {
        offset: 0,
        limit: 1,
    };
    let read = window(&fixture.pool.clone().into(), &bound, &all, Totals::Kept)
        .await
        .unwrap();
    let mut tallies = Tallies::new(&bound.tallied(), &bound.table.schema, read.aggregates);
    let row = |n: i64| Record::new(&bound.table.schema, vec![Datum::Int(n), Datum::Int(n)]);
    let mut gone = 0;
    while tallies.is_known() {
        assert_eq!(tallies.values()[0], Cell::integer(gone + 1));
        assert_eq!(tallies.values()[1], Cell::integer(200));
        gone += 1;
        tallies.change(Some(&row(gone)), None);
    }
    assert_eq!(gone, 32);
    // A row that comes before all that were read is the least again.
    tallies.change(None, Some(&row(5)));
    assert!(tallies.is_known());
    assert_eq!(tallies.values()[0], Cell::integer(5));
}

#[tokio::test]
async fn too_many_groups_are_counted_and_not_shown() {
    let fixture = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY, few int, many int, long text, most text);
         INSERT INTO t SELECT i, i % 1000, i % 1001, repeat('x', 70) || i % 999, i
           FROM generate_series(1, 10001) AS i",
    )
    .await;
    let query = "limit=0&aggregate=distinct(few),count_by(few),distinct(many),count_by(many),\
                 distinct(long),count_by(long),distinct(most),count_by(most)";
    let bound = fixture.bind("t", query).await.unwrap();
    let all = Range::Offset {
        offset: 0,
        limit: 0,
    };
    let read = window(&fixture.pool.clone().into(), &bound, &all, Totals::Kept)
        .await
        .unwrap();
    assert_eq!(read.total, Some(10_001));
    let values = &read.aggregates.values;
    assert_eq!(values[0], Cell::integer(1000));
    assert!(matches!(&values[1], Cell::Json(json) if json.starts_with("[[0, 10], [1, 11]")));
    assert_eq!(values[2..4], [Cell::integer(1001), Cell::Null]);
    assert_eq!(values[4..6], [Cell::integer(999), Cell::Null]);
    assert_eq!(values[6..8], [Cell::integer(10_001), Cell::Null]);
    assert!(read.aggregates.parts[3].is_none());
    let mut tallies = Tallies::new(&bound.tallied(), &bound.table.schema, read.aggregates);
    assert!(tallies.is_known());
    // One value fewer, and all groups are shown.
    let rows: Vec<_> = (0..9)
        .map(|nth| {
            let many = Datum::Int(1000);
            let text = |text: String| Datum::Text(text.into());
            Record::new(
                &bound.table.schema,
                vec![
                    Datum::Int(nth),
                    Datum::Int(0),
                    many,
                    text(format!("{}0", "x".repeat(70))),
                    Datum::Null,
                ],
            )
        })
        .collect();
    for row in &rows {
        tallies.change(Some(row), None);
    }
    // The last column's values are too many to be kept.
    assert!(!tallies.is_known());
}

#[tokio::test]
async fn columns_of_related_rows_are_aggregated() {
    let fixture = Fixture::new(
        "CREATE TABLE people (id int PRIMARY KEY, name text, age numeric);
         CREATE TABLE task (id int PRIMARY KEY, who int REFERENCES people);
         INSERT INTO people VALUES (1, 'Ann', 30), (2, 'Ben', 41.5);
         INSERT INTO task VALUES (1, 1), (2, 1), (3, 2), (4, NULL)",
    )
    .await;
    let query = "select=id,by:people(id)&aggregate=count_by(by.name),sum(by.age),max(id)";
    let read = fixture.read("task", query).await.unwrap();
    assert_eq!(
        texts(&read.aggregates.values),
        [r#"[["Ann", 2], ["Ben", 1], [null, 1]]"#, "101.5", "4"].map(|text| Some(text.to_owned()))
    );
}

#[tokio::test]
async fn what_a_type_lacks_is_refused() {
    let fixture = Fixture::new(
        "CREATE EXTENSION citext SCHEMA public;
         CREATE DOMAIN price AS numeric(8, 2);
         CREATE TABLE t (id int PRIMARY KEY, y bytea, po point, ip inet, a int[], r int4range,
                         ci citext, p price, ja json[], n name, v varchar(5), iv interval)",
    )
    .await;
    for query in [
        "min(ip)",
        "max(ci)",
        "min(n)",
        "max(v)",
        "sum(p)",
        "avg(iv)",
        "min(a)",
        "count(po)",
        "distinct(ip)",
        "count_by(r)",
        "distinct(ci)",
        "count(ja)",
        "min(p)",
    ] {
        let read = fixture.read("t", &format!("aggregate={query}")).await;
        let read = read.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        let value = &read.aggregates.values[0];
        let expected = match &query[..query.find('(').unwrap()] {
            "count" | "distinct" => Cell::integer(0),
            "count_by" => Cell::Json("[]".into()),
            _ => Cell::Null,
        };
        assert_eq!(*value, expected, "{query}");
    }
    for query in [
        "max(po)",
        "distinct(po)",
        "count_by(po)",
        "min(r)",
        "sum(ip)",
    ] {
        let read = fixture.read("t", &format!("aggregate={query}")).await;
        let error = read.unwrap_err();
        assert_eq!(error.code, "invalid_aggregate", "{query}");
        assert!(error.message.contains("can't be asked of"), "{error:?}");
        assert!(!error.hint.is_empty());
    }
    // Of bytes there is a least one since 18.
    let least = fixture.read("t", "aggregate=min(y)").await;
    assert_eq!(least.is_ok(), Cluster::shared().major() >= 18);
}
