//! A row's past, by whoever and however it was written.

#[path = "history/keys.rs"]
mod keys;
#[path = "history/log.rs"]
mod log;

use std::{ffi::OsString, os::unix::ffi::OsStringExt, process::Stdio};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::{
    cluster::{Cluster, Database},
    server::Server,
};

const TASKS: &str = "CREATE TABLE task (id int PRIMARY KEY, title text, done bool, n numeric(10,2)); \
    SELECT rowcast.watch('task');";

/// The changes of an answer, the oldest first, each as its kind, what was and what became.
async fn past(server: &Server, path: &str) -> Vec<(String, Value, Value)> {
    let answer = server.json(&format!("/api/history/{path}")).await;
    let mut changes: Vec<_> = answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["kind"] != "definition")
        .map(|change| {
            let kind = change["kind"].as_str().unwrap().to_owned();
            (kind, change["before"].clone(), change["after"].clone())
        })
        .collect();
    changes.reverse();
    changes
}

fn step(kind: &str, before: Value, after: Value) -> (String, Value, Value) {
    (kind.to_owned(), before, after)
}

async fn execute(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_row_s_past_is_told_with_what_was_and_what_became() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    for sql in [
        "INSERT INTO task VALUES (7, 'Buy milk', false, 1), (8, 'other', true, NULL)",
        "UPDATE task SET title = title WHERE id = 7",
        "UPDATE task SET title = 'Buy oat milk', n = 2.50 WHERE id = 7",
        "UPDATE task SET n = n + 1",
        "DELETE FROM task WHERE id = 7",
        "INSERT INTO task (id) VALUES (7)",
    ] {
        database.execute(sql).await;
    }
    let whole =
        |title: &str, n: &str| json!({"id": 7, "title": title, "done": false, "n": number(n)});
    assert_eq!(
        past(&server, "task/7").await,
        [
            step("insert", Value::Null, whole("Buy milk", "1.00")),
            step(
                "update",
                json!({"title": "Buy milk", "n": number("1.00")}),
                json!({"title": "Buy oat milk", "n": number("2.50")})
            ),
            step(
                "update",
                json!({"n": number("2.50")}),
                json!({"n": number("3.50")})
            ),
            step("delete", whole("Buy oat milk", "3.50"), Value::Null),
            step(
                "insert",
                Value::Null,
                json!({"id": 7, "title": null, "done": null, "n": null})
            ),
        ]
    );
    let answer = server.json("/api/history/task/7").await;
    assert_eq!(answer["more"], false);
    assert_eq!(answer["next"], Value::Null);
    assert_eq!(answer["changes"][2]["columns"], json!(["n"]));
    assert_eq!(answer["changes"][1]["columns"], json!([]));
    let at = |value: &Value| value.as_str().unwrap().to_owned();
    let changes = answer["changes"].as_array().unwrap();
    let times: Vec<String> = changes.iter().map(|change| at(&change["at"])).collect();
    assert!(
        times.is_sorted_by(|later, earlier| later >= earlier),
        "{times:?}"
    );
    assert!(times.iter().all(|time| time.ends_with("+00:00")));
    assert!(at(&answer["since"]) <= *times.last().unwrap());
    // The text keeps every digit.
    let text = server.get("/api/history/task/7").await.text();
    assert!(text.contains(r#""after":{"n":3.50}"#), "{text}");
    assert_eq!(past(&server, "task/999").await, []);
    server.stop().await;
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_author_is_who_the_writer_says_or_else_role_and_program() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    let mut connection = database.connect().await;
    execute(
        &mut connection,
        "CREATE ROLE clerk; GRANT ALL ON task TO clerk; SET application_name = 'nightly job'; \
         INSERT INTO task VALUES (1)",
    )
    .await;
    // Within a transaction, and over with it.
    execute(
        &mut connection,
        "BEGIN; SELECT set_config('rowcast.author', 'Ann Ö.', true); \
         UPDATE task SET n = 1; COMMIT; UPDATE task SET n = 2",
    )
    .await;
    execute(
        &mut connection,
        "SET SESSION AUTHORIZATION clerk; SET application_name = ''; UPDATE task SET n = 3; \
         SET rowcast.author = E'Mal\\x1b[2J\\u202elory\\n'; UPDATE task SET n = 4",
    )
    .await;
    // One that is too long is passed over, not cut in the middle of a character.
    execute(
        &mut connection,
        "SELECT set_config('rowcast.author', repeat('ä', 129), false); UPDATE task SET n = 5; \
         SELECT set_config('rowcast.author', repeat('ä', 128), false); UPDATE task SET n = 6",
    )
    .await;
    let answer = server.json("/api/history/task/1").await;
    let authors: Vec<&str> = answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["kind"] != "definition")
        .map(|change| change["author"].as_str().unwrap())
        .collect();
    assert_eq!(
        authors,
        [
            &"ä".repeat(128),
            "clerk",
            "Mal\u{fffd}[2J\u{fffd}lory\u{fffd}",
            "clerk",
            "postgres (nightly job)",
            "Ann Ö.",
            "postgres (nightly job)",
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn what_the_database_knows_of_the_writer_is_told_whatever_they_say() {
    let server = Server::new(TASKS).await;
    let mut connection = server.database.connect().await;
    execute(
        &mut connection,
        "CREATE ROLE robin; CREATE ROLE porter; GRANT ALL ON task TO porter; GRANT porter TO robin; \
         SET SESSION AUTHORIZATION robin; SET ROLE porter; SET application_name = 'nightly job'; \
         SET rowcast.author = 'the king'; INSERT INTO task VALUES (1); \
         RESET ROLE; SET application_name = ''; RESET rowcast.author; \
         RESET SESSION AUTHORIZATION; UPDATE task SET n = 1",
    )
    .await;
    let set = r#"{"set":{"title":"x"}}"#;
    server.write("PATCH", "/api/rows/task/1", set).await;
    let answer = server.json("/api/history/task/1").await;
    let told: Vec<Value> = answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["kind"] != "definition")
        .map(|change| {
            json!([
                change["author"],
                change["role"],
                change["acting_as"],
                change["program"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["postgres (rowcast)", "postgres", null, "rowcast"]),
            json!(["postgres", "postgres", null, null]),
            json!(["the king", "robin", "porter", "nightly job"]),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn no_author_and_no_lost_role_makes_a_write_fail() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    // Bytes that are no text in the database's encoding, as only a session's start can set them.
    let setting = OsString::from_vec(b"-c rowcast.author=a\xff\xe2".to_vec());
    let status = Cluster::shared()
        .program("psql", database)
        .env("PGOPTIONS", setting)
        .args(["-qc", "INSERT INTO task VALUES (1)"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let answer = server.json("/api/history/task/1").await;
    assert_eq!(answer["changes"][0]["author"], "a\u{fffd}\u{fffd}");
    // A role that is dropped while it is connected still writes where all may.
    database
        .execute("GRANT ALL ON task TO PUBLIC; CREATE ROLE leaver LOGIN")
        .await;
    let options = database.options.clone().username("leaver");
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    database.execute("DROP ROLE leaver").await;
    execute(&mut connection, "INSERT INTO task VALUES (2)").await;
    let answer = server.json("/api/history/task/2").await;
    assert_eq!(answer["changes"][0]["author"], "leaver");
    server.stop().await;
}

#[tokio::test]
async fn values_of_every_type_are_as_rows_show_them() {
    let server = Server::new(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN price AS numeric(12,3); \
         CREATE TYPE pair AS (a int, b text); \
         CREATE TABLE v (id int PRIMARY KEY, a bool, b int2, c int8, d float4, e float8, f numeric, \
            g text, h varchar(9), i char(5), j bytea, k date, l time, m timetz, n timestamp, \
            o timestamptz, p interval, q uuid, r json, s jsonb, t mood, u price, w int[], x pair, \
            y inet, z int4range, aa text GENERATED ALWAYS AS (g || '!') STORED, ab xml, ac money); \
         SELECT rowcast.watch('v')",
    )
    .await;
    let database = &server.database;
    database
        .execute(
            "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'; \
             SET extra_float_digits = -5; \
             INSERT INTO v VALUES (1); \
             UPDATE v SET a = true, b = -3, c = 9007199254740993, d = 0.1, e = 1e-300, \
                f = 12345678901234567890.0900, g = E'a\"\\n\\u00e9', h = '', i = 'ab', \
                j = '\\x00ff', k = '0044-03-15 BC', l = '24:00', m = '12:00+02', n = 'infinity', \
                o = '2026-01-02 03:04:05.6', p = '1 mon 2 days', \
                q = '00112233-4455-6677-8899-aabbccddeeff', r = '{\"b\": 1, \"a\":2 }', \
                s = '[1.00, null]', t = 'glad', u = 1.5, w = '{1,NULL}', x = (1, 'x'), \
                y = '10.0.0.1', z = '[1,5)', ab = '<a/>', ac = 3.5",
        )
        .await;
    let rows = server.json("/api/rows/v").await;
    let names = rows["columns"].as_array().unwrap().iter();
    let cells = rows["rows"][0]["cells"].as_array().unwrap().iter();
    let row: serde_json::Map<String, Value> = names
        .map(|column| column["name"].as_str().unwrap().to_owned())
        .zip(cells.cloned())
        .filter(|(name, _)| name != "id")
        .collect();
    let answer = server.json("/api/history/v/1").await;
    let update = &answer["changes"][0];
    assert_eq!(update["kind"], "update");
    assert_eq!(update["after"], Value::Object(row.clone()));
    let before = update["before"].as_object().unwrap();
    assert!(before.values().all(Value::is_null), "{before:?}");
    assert_eq!(update["columns"].as_array().unwrap().len(), row.len());
    server.stop().await;
}

#[tokio::test]
async fn what_has_no_past_says_why() {
    let server = Server::new(&format!(
        "{TASKS} CREATE VIEW v AS TABLE task; CREATE TABLE nokey (n int); CREATE TABLE quiet (id int PRIMARY KEY); \
         CREATE TABLE two (a int, b int, PRIMARY KEY (a, b)); SELECT rowcast.watch('two')"
    ))
    .await;
    for (path, status, code) in [
        ("nowhere/1", 404, "unknown_table"),
        ("rowcast.change_log/1", 404, "unknown_table"),
        ("v/1", 409, "no_history"),
        ("nokey/1", 409, "no_history"),
        ("quiet/1", 409, "not_live"),
        ("task/x", 400, "invalid_key"),
        ("task/99999999999", 400, "invalid_key"),
        ("task/%FF", 400, "invalid_key"),
        ("task/a%00", 400, "invalid_key"),
        ("two/1", 400, "invalid_key"),
        ("two/1,2,3", 400, "invalid_key"),
        ("task/1?limit=0", 400, "invalid_limit"),
        ("task/1?limit=201", 400, "invalid_limit"),
        ("task/1?limit=x", 400, "bad_request"),
        ("task/1?before=x", 400, "invalid_before"),
        ("task/1/2", 404, "not_found"),
    ] {
        let (found, found_code, _) = server.error(&format!("/api/history/{path}")).await;
        assert_eq!((found, &*found_code), (status, code), "{path}");
    }
    server.stop().await;
}
