//! A row's past, by whoever and however it was written.

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
async fn a_key_that_changes_is_followed_where_it_is_certain() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute("INSERT INTO task SELECT g, 't' FROM generate_series(1, 3) g")
        .await;
    database
        .execute("UPDATE task SET id = 70 WHERE id = 1")
        .await;
    database
        .execute("UPDATE task SET id = id + 100, title = 'x' WHERE id < 10")
        .await;
    let row = |id: i32, title: &str| json!({"id": id, "title": title, "done": null, "n": null});
    for key in ["1", "70"] {
        let moved = step("update", json!({"id": 1}), json!({"id": 70}));
        assert!(
            past(&server, &format!("task/{key}")).await.contains(&moved),
            "{key}"
        );
    }
    assert_eq!(
        past(&server, "task/2").await,
        [
            step("insert", Value::Null, row(2, "t")),
            step("delete", row(2, "t"), Value::Null)
        ]
    );
    assert_eq!(
        past(&server, "task/102").await,
        [step("insert", Value::Null, row(102, "x"))]
    );
    server.stop().await;
}

#[tokio::test]
async fn what_no_image_tells_is_told_as_such() {
    let server = Server::new(&format!(
        "UPDATE rowcast.setting SET value = 100 WHERE name = 'value_bytes'; \
         UPDATE rowcast.setting SET value = 5 WHERE name = 'statement_rows'; {TASKS}"
    ))
    .await;
    let database = &server.database;
    for sql in [
        "INSERT INTO task VALUES (1, 'a'), (2, 'b')",
        // By its key alone: a value is too large.
        "UPDATE task SET title = repeat(md5('1'), 9) WHERE id = 1",
        "DELETE FROM task WHERE id = 1",
        "INSERT INTO task VALUES (1, repeat(md5('1'), 9))",
        // Too many rows.
        "INSERT INTO task SELECT g FROM generate_series(10, 20) g",
        "TRUNCATE task",
    ] {
        database.execute(sql).await;
    }
    let row = |id: i32, title: &str| json!({"id": id, "title": title, "done": null, "n": null});
    let (null, bare) = (Value::Null, |kind| step(kind, Value::Null, Value::Null));
    assert_eq!(
        past(&server, "task/1").await,
        [
            step("insert", null.clone(), row(1, "a")),
            bare("update"),
            bare("delete"),
            bare("insert"),
            bare("unknown"),
            bare("truncate"),
        ]
    );
    // Of another row, what may have concerned it.
    assert_eq!(
        past(&server, "task/2").await,
        [
            step("insert", null, row(2, "b")),
            bare("unknown"),
            bare("truncate"),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn an_altered_table_tells_what_came_since_and_that_it_was_altered() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    for sql in [
        "INSERT INTO task VALUES (1, 'before')",
        "ALTER TABLE task RENAME title TO name; ALTER TABLE task DROP n, ADD extra int DEFAULT 5",
        "UPDATE task SET name = 'after' WHERE id = 1",
    ] {
        database.execute(sql).await;
    }
    let answer = server.json("/api/history/task/1").await;
    let changes = answer["changes"].as_array().unwrap();
    assert_eq!(changes[0]["before"], json!({"name": "before"}));
    assert_eq!(changes[0]["after"], json!({"name": "after"}));
    assert_eq!(changes[1]["kind"], "definition");
    assert!(
        changes.iter().all(|change| change["kind"] != "insert"),
        "columns of then are not taken for those of now: {changes:?}"
    );
    // A label that is gone: the value can't be told, that something happened can.
    database
        .execute(
            "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE m (id int PRIMARY KEY, mood mood); \
             SELECT rowcast.watch('m'); INSERT INTO m VALUES (1, 'a'); \
             ALTER TYPE mood RENAME VALUE 'a' TO 'z'; UPDATE m SET mood = 'b'",
        )
        .await;
    let kinds = past(&server, "m/1").await;
    assert_eq!(
        kinds,
        [
            step("unknown", Value::Null, Value::Null),
            step("update", json!({"mood": "z"}), json!({"mood": "b"}))
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn keys_of_any_type_and_text_name_their_row() {
    let server = Server::new(
        "CREATE DOMAIN code AS text; CREATE TABLE t (note text, k text PRIMARY KEY); \
         CREATE TABLE d (k code PRIMARY KEY, n int); CREATE TABLE c (k char(4) PRIMARY KEY, n int); \
         CREATE TABLE p (k numeric(9,2) PRIMARY KEY, n int); \
         CREATE TABLE a (k int[] PRIMARY KEY, n int); \
         CREATE TABLE two (n int, b text, a int, PRIMARY KEY (a, b)); \
         CREATE TABLE s (k timestamptz PRIMARY KEY, n int); \
         CREATE TABLE part (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); \
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10); \
         SELECT rowcast.watch(x::regclass) \
           FROM unnest(ARRAY['t', 'd', 'c', 'p', 'a', 'two', 's', 'part']) x",
    )
    .await;
    let database = &server.database;
    let odd = [
        "",
        "a,b",
        "a/b",
        "50%",
        "'; DROP TABLE t; --",
        "ä😀",
        "\\",
        "\u{1}",
    ];
    let mut connection = database.connect().await;
    for key in odd {
        sqlx::query("INSERT INTO t VALUES ('x', $1)")
            .bind(key)
            .execute(&mut connection)
            .await
            .unwrap();
        // A value like the key in another column is not the key.
        sqlx::query("INSERT INTO t VALUES ($1, $1 || 'y')")
            .bind(key)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    for key in odd.into_iter().filter(|key| !key.is_empty()) {
        let found = past(&server, &format!("t/{}", encoded(key))).await;
        assert_eq!(
            found,
            [step("insert", Value::Null, json!({"note": "x", "k": key}))],
            "{key:?}"
        );
    }
    database
        .execute(
            "INSERT INTO d VALUES ('x', 1); INSERT INTO c VALUES ('ab', 1); \
             INSERT INTO p VALUES (1, 1), (10, 2); INSERT INTO a VALUES ('{1,2}', 1); \
             INSERT INTO two VALUES (1, 'x,y', 2), (2, 'x', 2), (2, 'x', 1); \
             INSERT INTO s VALUES ('2026-01-02 03:04:05.6+09', 1); \
             INSERT INTO part_1 VALUES (3, 1); UPDATE part SET n = 2; \
             DELETE FROM p WHERE k = 10",
        )
        .await;
    for (path, count) in [
        ("d/x", 1),
        ("c/ab", 1),
        ("c/ab%20%20", 1),
        ("p/1", 1),
        ("p/1.00", 1),
        // It is gone, so only the key as it was stored names it.
        ("p/10.00", 2),
        ("a/%5B1,2%5D", 1),
        ("a/%5B1%5D", 0),
        ("two/2,x%2Cy", 1),
        ("two/2,x", 1),
        ("two/1,x", 1),
        ("two/3,x", 0),
        ("s/2026-01-01T18:04:05.6+00:00", 1),
        ("part/3", 2),
    ] {
        assert_eq!(past(&server, path).await.len(), count, "{path}");
    }
    server.stop().await;
}

/// Percent-encoded, every byte that is no letter or digit.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[tokio::test]
async fn many_changes_come_in_pages_without_gap_or_double() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute(
            "INSERT INTO task VALUES (1, 't', false, 0), (2, 't', false, 0); \
             DO $$ BEGIN FOR i IN 1..100 LOOP \
                 UPDATE task SET n = i WHERE id = 1; UPDATE task SET n = i WHERE id = 2; \
             END LOOP; END $$; UPDATE task SET n = 101",
        )
        .await;
    for n in 102..=110 {
        database
            .execute(&format!("UPDATE task SET n = {n} WHERE id = 1"))
            .await;
    }
    let expected: Vec<f64> = (0..=110).rev().map(f64::from).collect();
    for limit in [1, 7, 50, 200] {
        assert_eq!(numbers(&server, limit).await, expected, "{limit}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_transaction_larger_than_a_part_is_told_up_to_a_bound() {
    let server = Server::new(TASKS).await;
    for sql in [
        "INSERT INTO task VALUES (1, 't', false, 0)",
        "DO $$ BEGIN FOR i IN 1..2100 LOOP UPDATE task SET n = i WHERE id = 1; END LOOP; END $$",
    ] {
        server.database.execute(sql).await;
    }
    let mut expected: Vec<f64> = (101..=2100).rev().map(f64::from).collect();
    expected.push(0.0);
    assert!(numbers(&server, 200).await == expected);
    server.stop().await;
}

/// What the row's number became, the newest first, read in pages of so many changes.
async fn numbers(server: &Server, limit: usize) -> Vec<f64> {
    let mut found = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/api/history/task/1?limit={limit}{before}");
        let answer = server.json(&path).await;
        let changes = answer["changes"].as_array().unwrap();
        assert!(changes.len() <= limit, "{limit}");
        found.extend(
            changes
                .iter()
                .filter_map(|change| change["after"]["n"].as_f64()),
        );
        assert_eq!(answer["more"], answer["next"].is_string());
        match answer["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn what_a_trigger_did_to_its_own_row_follows_what_it_was_called_for() {
    let server = Server::new(&format!(
        "{TASKS} CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.n IS NULL THEN UPDATE task SET n = 5 WHERE id = NEW.id; END IF; \
             RETURN NULL; END $$; \
         CREATE TRIGGER a_touch AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION touch()"
    ))
    .await;
    server
        .database
        .execute("INSERT INTO task VALUES (1, 't', false)")
        .await;
    let kinds: Vec<String> = past(&server, "task/1")
        .await
        .into_iter()
        .map(|(kind, ..)| kind)
        .collect();
    assert_eq!(kinds, ["insert", "update"]);
    server.stop().await;
}

#[tokio::test]
async fn the_log_says_from_when_on_it_is_whole() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database.execute("INSERT INTO task VALUES (1)").await;
    let watched = since(&server).await;
    assert_eq!(Some(watched), {
        let mut connection = database.connect().await;
        let sql = "SELECT (extract(epoch FROM since) * 1000000)::int8 FROM rowcast.watched \
            WHERE relation = 'task'::regclass";
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .ok()
    });
    let newest: i64 = purge_all(database).await;
    assert_eq!(since(&server).await, newest);
    assert!(newest > watched);
    assert_eq!(past(&server, "task/1").await, []);
    // A table that was not watched for a while has no past from before.
    database.execute("SELECT rowcast.unwatch('task')").await;
    let (status, code, _) = server.error("/api/history/task/1").await;
    assert_eq!((status, &*code), (409, "not_live"));
    database
        .execute("UPDATE task SET n = 1; SELECT rowcast.watch('task')")
        .await;
    assert!(since(&server).await > newest);
    server.stop().await;
}

async fn since(server: &Server) -> i64 {
    let answer = server.json("/api/history/task/1").await;
    let text = answer["since"].as_str().unwrap();
    rowcast_protocol::calendar::parse_unix_text(text).unwrap()
}

/// Empties the log as retention does, and says when the newest change in it was logged.
async fn purge_all(database: &Database) -> i64 {
    let mut connection = database.connect().await;
    let newest: i64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM max(at)) * 1000000)::int8 FROM rowcast.change_log",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let emptied = async {
        loop {
            // What runs elsewhere in the cluster keeps what it may not have seen.
            execute(
                &mut connection,
                "UPDATE rowcast.state SET settled_at = now() - interval '1 minute'",
            )
            .await;
            execute(&mut connection, "SELECT rowcast.purge('0 s', 5000)").await;
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.change_log")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if left == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), emptied)
        .await
        .expect("the log is emptied");
    newest
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

#[tokio::test]
async fn a_log_of_many_bytes_is_read_in_parts() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute("INSERT INTO task VALUES (1, 'first')")
        .await;
    // More than one part reads; none of it compresses.
    database
        .execute(
            "CREATE TABLE large (id int PRIMARY KEY, data bytea); SELECT rowcast.watch('large'); \
             ALTER TABLE large ALTER data SET STORAGE EXTERNAL",
        )
        .await;
    let insert = "INSERT INTO large SELECT g, decode(repeat(md5(g::text), 12000), 'hex') \
        FROM generate_series($1, $1 + 39) g";
    let mut connection = database.connect().await;
    for from in (0..400).step_by(40) {
        sqlx::query(insert)
            .bind(from)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    database.execute("UPDATE task SET title = 'last'").await;
    let kinds = past(&server, "task/1").await;
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    // A page each, across the parts.
    let answer = server.json("/api/history/task/1?limit=1").await;
    assert_eq!(answer["changes"][0]["after"], json!({"title": "last"}));
    let next = answer["next"].as_str().unwrap();
    let answer = server
        .json(&format!("/api/history/task/1?limit=1&before={next}"))
        .await;
    assert_eq!(answer["changes"][0]["kind"], "insert");
    // Of rows that large a part brings few.
    let large = past(&server, "large/399").await;
    assert_eq!(large.len(), 1);
    assert_eq!(large[0].2["data"].as_str().unwrap().len(), 2 + 12_000 * 32);
    server.stop().await;
}
