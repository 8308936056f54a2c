//! Datums against a real PostgreSQL: whatever it stores decodes to what its `to_jsonb`
//! shows, reads back as the same value, and is ordered, matched and told apart as it does.
//!
//! `ROWCAST_SEED` replays a run; `ROWCAST_VALUES` sets how many random values of each type.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "datum/literals.rs"]
mod literals;
#[path = "datum/values.rs"]
mod values;

use std::cmp::Ordering;

use rowcast_engine::datum::{Codec, Datum, compare_as, decode_image, ilike, like, normalise_json};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use values::Values;

/// Settings that change what a value's text is, but not its image.
const ODD_SETTINGS: &str = "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'; \
     SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape'; \
     SET extra_float_digits = -3";

/// A type whose values are imaged and shown.
struct Kind {
    sql_type: &'static str,
    codec: &'static str,
    /// Whether Rust orders its values and writes text that the type reads again.
    ordered: bool,
}

const fn ordered(sql_type: &'static str, codec: &'static str) -> Kind {
    Kind {
        sql_type,
        codec,
        ordered: true,
    }
}

const fn shown(sql_type: &'static str, codec: &'static str) -> Kind {
    Kind {
        sql_type,
        codec,
        ordered: false,
    }
}

#[tokio::test]
async fn numbers_are_postgresql_s() {
    let kinds = [
        ordered("boolean", "bool"),
        ordered("smallint", "int2"),
        ordered("integer", "int4"),
        ordered("bigint", "int8"),
        ordered("real", "float4"),
        ordered("double precision", "float8"),
        ordered("numeric", "numeric"),
        ordered("numeric(12,4)", "numeric"),
    ];
    check_all(&kinds, "").await;
}

#[tokio::test]
async fn text_and_bytes_are_postgresql_s() {
    let kinds = [
        ordered("text", "text"),
        ordered("varchar(9)", "text"),
        ordered("character(5)", "bpchar"),
        ordered("name", "text"),
        ordered("bytea", "bytea"),
        ordered("uuid", "uuid"),
        ordered("mood", "enum"),
        ordered("short_text", "text"),
    ];
    let setup = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'a \"quote\"', 'élan', 'happy');
         ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok';
         CREATE DOMAIN short_text AS text CHECK (length(value) < 1000)";
    check_all(&kinds, setup).await;
}

#[tokio::test]
async fn dates_and_times_are_postgresql_s() {
    let kinds = [
        ordered("date", "date"),
        ordered("time", "time"),
        ordered("timestamp", "timestamp"),
        ordered("timestamptz", "timestamptz"),
    ];
    check_all(&kinds, "").await;
}

#[tokio::test]
async fn json_is_postgresql_s() {
    let kinds = [shown("json", "json"), shown("jsonb", "jsonb")];
    check_all(&kinds, "").await;
}

#[tokio::test]
async fn types_known_by_their_text_or_their_json_are_postgresql_s() {
    let kinds = [
        shown("interval", "textual"),
        shown("timetz", "textual"),
        shown("inet", "textual"),
        shown("int4range", "textual"),
        shown("bit(3)", "textual"),
        shown("tsvector", "textual"),
        shown("point", "textual"),
        shown("oid", "textual"),
        shown("money", "textual"),
        shown("cidr", "textual"),
        shown("macaddr", "textual"),
        shown("pg_lsn", "textual"),
        shown("\"char\"", "textual"),
        shown("xml", "textual"),
        shown("int4multirange", "textual"),
        shown("integer[]", "jsonb_of"),
        shown("text[]", "jsonb_of"),
        shown("pair", "jsonb_of"),
    ];
    check_all(
        &kinds,
        "CREATE TYPE pair AS (left_side int, right_side text)",
    )
    .await;
}

#[tokio::test]
async fn like_is_postgresql_s() {
    let mut random = Values::seeded();
    let mut connection = connect("").await;
    let pairs: Vec<(String, String)> = (0..3000)
        .map(|_| (random.pattern(), random.text_like_patterns()))
        .collect();
    let (patterns, texts): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
    let expected: Vec<bool> = sqlx::query_scalar(
        "SELECT array_agg(text LIKE pattern ORDER BY at) \
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS pair(pattern, text, at)",
    )
    .bind(&patterns)
    .bind(&texts)
    .fetch_one(&mut connection)
    .await
    .unwrap();
    for ((pattern, text), expected) in pairs.iter().zip(expected) {
        assert_eq!(
            like(pattern, text),
            Some(expected),
            "{text:?} LIKE {pattern:?}"
        );
    }
}

#[tokio::test]
async fn ilike_is_postgresql_s_where_it_is_decided() {
    let mut random = Values::seeded();
    let mut connection = connect("").await;
    let pairs: Vec<(String, String)> = (0..3000)
        .map(|_| (random.ascii_pattern(), random.cased_text()))
        .collect();
    let (patterns, texts): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
    for collation in [
        "C",
        "default",
        "und-x-icu",
        "en-x-icu",
        "de-x-icu",
        "fr-x-icu",
    ] {
        let expected: Vec<bool> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT array_agg(text COLLATE \"{collation}\" ILIKE pattern ORDER BY at) \
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS pair(pattern, text, at)"
        )))
        .bind(&patterns)
        .bind(&texts)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let mut decided = 0;
        for ((pattern, text), expected) in pairs.iter().zip(expected) {
            if let Some(verdict) = ilike(&pattern.to_ascii_lowercase(), text) {
                decided += 1;
                assert_eq!(
                    verdict, expected,
                    "{text:?} ILIKE {pattern:?} under {collation}"
                );
            }
        }
        assert!(decided > pairs.len() / 2, "most are decided");
    }
}

/// `json` takes what `to_jsonb` refuses, and so must we.
#[tokio::test]
async fn json_that_jsonb_refuses_is_still_read() {
    let mut connection = connect("").await;
    for text in [
        r#"{"a": "\u0000"}"#,
        r#"["\ud800"]"#,
        "[1e-20000, 1e200000, 1e999999999999]",
        &format!("{}{}", "[".repeat(3000), "]".repeat(3000)),
    ] {
        let taken: bool = sqlx::query_scalar("SELECT $1::text::json IS NOT NULL")
            .bind(text)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(taken);
        assert!(normalise_json(text).is_some(), "{text:.40}");
    }
}

async fn connect(setup: &str) -> PgConnection {
    let database = cluster::Cluster::shared().database().await;
    let mut connection = database.connect().await;
    rowcast::capture::migrate::migrate(&mut connection)
        .await
        .unwrap();
    run(&mut connection, setup).await;
    connection
}

async fn check_all(kinds: &[Kind], setup: &str) {
    let mut connection = connect(setup).await;
    let mut random = Values::seeded();
    for kind in kinds {
        let texts = random.of_type(kind.sql_type);
        check_kind(kind, &texts, &mut connection).await;
    }
}

async fn check_kind(kind: &Kind, texts: &[String], connection: &mut PgConnection) {
    let sql_type = kind.sql_type;
    let (codec_name, expression): (String, String) = sqlx::query_as(
        "SELECT codec, rowcast.image_of(codec, 'v') FROM rowcast.codec(to_regtype($1)) AS codec",
    )
    .bind(sql_type)
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    assert_eq!(codec_name, kind.codec, "{sql_type}");
    run(connection, "RESET ALL; DROP TABLE IF EXISTS held").await;
    let collation = if matches!(kind.codec, "text" | "bpchar") {
        "COLLATE \"C\""
    } else {
        ""
    };
    run(
        connection,
        &format!("CREATE TABLE held (at serial PRIMARY KEY, v {sql_type} {collation})"),
    )
    .await;
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO held (v) SELECT t::{sql_type} FROM unnest($1::text[]) AS t \
         UNION ALL SELECT NULL"
    )))
    .bind(texts)
    .execute(&mut *connection)
    .await
    .unwrap_or_else(|error| panic!("{sql_type}: {error}"));

    let codec = codec(kind, connection).await;
    let odd = if expression == "v" { ODD_SETTINGS } else { "" };
    run(connection, odd).await;
    let images = sqlx::query(AssertSqlSafe(format!(
        "SELECT record_send(ROW({expression})) FROM held ORDER BY at"
    )))
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let datums: Vec<Datum> = images
        .iter()
        .map(|row| {
            let image: Vec<u8> = row.get(0);
            let mut rest = &image[..];
            let decoded = decode_image(&mut rest, std::slice::from_ref(&codec));
            assert!(rest.is_empty());
            let decoded = decoded.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
            decoded.into_iter().next().unwrap()
        })
        .collect();

    if kind.ordered {
        check_reading_back(kind, &datums, connection).await;
    }
    run(connection, "RESET ALL; SET TimeZone = 'UTC'").await;
    check_cells(kind, &datums, connection).await;
    check_pairs(kind, &codec, &datums, connection).await;
}

async fn codec(kind: &Kind, connection: &mut PgConnection) -> Codec {
    let labels: Vec<String> = sqlx::query_scalar(
        "SELECT enumlabel::text FROM pg_enum WHERE enumtypid = to_regtype($1) \
         ORDER BY enumsortorder",
    )
    .bind(kind.sql_type)
    .fetch_all(connection)
    .await
    .unwrap();
    Codec::parse(kind.codec, labels).unwrap()
}

async fn check_cells(kind: &Kind, datums: &[Datum], connection: &mut PgConnection) {
    let rows = sqlx::query("SELECT to_jsonb(v)::text FROM held ORDER BY at")
        .fetch_all(connection)
        .await
        .unwrap();
    assert_eq!(rows.len(), datums.len());
    for (row, datum) in rows.iter().zip(datums) {
        let expected: Option<String> = row.get(0);
        let expected = expected.unwrap_or_else(|| "null".into());
        let found = datum.to_cell().to_json();
        assert_eq!(found, expected, "{}: {datum:?}", kind.sql_type);
    }
}

/// What Rust writes, the type reads as the same value, under any settings.
async fn check_reading_back(kind: &Kind, datums: &[Datum], connection: &mut PgConnection) {
    let texts: Vec<Option<String>> = datums.iter().map(Datum::to_sql_text).collect();
    let differing: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT given.text FROM held \
         JOIN unnest($1::text[]) WITH ORDINALITY AS given(text, at) USING (at) \
         WHERE record_image_ne(ROW(given.text::{}), ROW(held.v))",
        kind.sql_type
    )))
    .bind(&texts)
    .fetch_all(connection)
    .await
    .unwrap();
    assert_eq!(differing, Vec::<String>::new(), "{}", kind.sql_type);
}

async fn check_pairs(kind: &Kind, codec: &Codec, datums: &[Datum], connection: &mut PgConnection) {
    let order = if kind.ordered {
        "CASE WHEN a.v < b.v THEN -1 WHEN a.v = b.v THEN 0 WHEN a.v > b.v THEN 1 END"
    } else {
        "NULL::int"
    };
    let pairs = sqlx::query(AssertSqlSafe(format!(
        "SELECT a.at - 1, b.at - 1, record_image_eq(ROW(a.v), ROW(b.v)), {order} \
         FROM held a, held b WHERE (a.at < 70 OR a.v IS NULL) AND (b.at < 70 OR b.v IS NULL)"
    )))
    .fetch_all(connection)
    .await
    .unwrap();
    assert!(pairs.len() > 100);
    for pair in pairs {
        let (a, b): (i32, i32) = (pair.get(0), pair.get(1));
        let (a, b) = (&datums[a as usize], &datums[b as usize]);
        let (identical, order): (bool, Option<i32>) = (pair.get(2), pair.get(3));
        if matches!(codec, Codec::Json | Codec::Textual | Codec::JsonbOf) {
            // Values that differ may be shown alike; those that don't are.
            assert!(!identical || a.same(b), "{}: {a:?} {b:?}", kind.sql_type);
        } else {
            assert_eq!(a.same(b), identical, "{}: {a:?} {b:?}", kind.sql_type);
        }
        if kind.ordered {
            let expected = order.map(|order| order.cmp(&0));
            let found = compare_as(codec, a, b);
            assert_eq!(found, expected, "{}: {a:?} {b:?}", kind.sql_type);
            if !a.is_null() && !b.is_null() {
                let equal = a.canonical(codec) == b.canonical(codec);
                assert_eq!(equal, expected == Some(Ordering::Equal));
            }
        }
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
}
