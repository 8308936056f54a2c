//! The live queries of the public interface: messages, resuming, limits, and what happens
//! when tables, clients and the database misbehave.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "live/aggregates.rs"]
mod aggregates;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "live/embedding.rs"]
mod embedding;
#[path = "live/event_stream.rs"]
mod event_stream;
#[path = "live/frames.rs"]
mod frames;
#[path = "live/limits.rs"]
mod limits;
#[path = "huge/memory.rs"]
mod memory;
#[path = "live/moving.rs"]
mod moving;
#[path = "live/rights.rs"]
mod rights;
#[path = "support/server.rs"]
mod server;
#[path = "live/socket.rs"]
mod socket;
#[path = "live/views.rs"]
mod views;

use std::time::Duration;

use cluster::{Cluster, Database};
use event_stream::EventStream;
use frames::{Frames, frame};
use serde_json::{Value, json};
use server::Server;
use socket::Socket;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text, n numeric); \
    INSERT INTO t SELECT g, 'name ' || g, g FROM generate_series(1, 200) g; \
    SELECT rowcast.watch('t')";

async fn start() -> (Database, Server) {
    begin_with(TABLE).await
}

/// A server that has found the table live when it started.
async fn begin(database: &Database) -> Server {
    begin_on(database, TABLE).await
}

async fn begin_with(table: &str) -> (Database, Server) {
    let database = Cluster::shared().database().await;
    let server = begin_on(&database, table).await;
    (database, server)
}

async fn begin_on(database: &Database, table: &str) -> Server {
    Server::start(&database.url).await.stop().await;
    database.execute(table).await;
    Server::start(&database.url).await
}

#[tokio::test]
async fn a_row_that_comes_to_match_enters_and_one_that_ceases_to_leaves() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let snapshot = socket.subscribe(1, "t", "n=gt.198&order=n.desc").await;
    assert_eq!(snapshot["total"], 2);
    assert_eq!(
        snapshot["rows"][0],
        json!({"key": [200], "cells": [200, "name 200", 200]})
    );
    database
        .execute("UPDATE t SET n = 1000.50 WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 0, "key": [7], "cells": [7, "name 7", 1000.50]}])
    );
    assert_eq!(patch["total"], 3);
    database
        .execute("UPDATE t SET name = 'x' WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [7], "cells": {"name": "x"}}])
    );
    database
        .execute("UPDATE t SET n = 198.5 WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "move", "key": [7], "to": 2},
            {"op": "update", "key": [7], "cells": {"n": 198.5}}
        ])
    );
    database.execute("UPDATE t SET n = 0 WHERE id = 7").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [7]}]));
    assert_eq!(patch["total"], 2);
    assert!(patch["changed_at"].as_str().unwrap().ends_with("+00:00"));
}

#[tokio::test]
async fn a_change_outside_the_slice_changes_the_total_alone() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id&limit=3").await;
    database
        .execute("INSERT INTO t VALUES (1000, 'last', 1)")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([]));
    assert_eq!(patch["total"], 201);
}

#[tokio::test]
async fn an_offset_window_moves_with_what_is_ahead_of_it() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket
        .subscribe(1, "t", "order=id&limit=2&offset=100")
        .await;
    database.execute("DELETE FROM t WHERE id = 5").await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "remove", "key": [101]},
            {"op": "insert", "at": 1, "key": [103], "cells": [103, "name 103", 103]}
        ])
    );
}

#[tokio::test]
async fn a_transaction_is_one_patch_and_a_rollback_none() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "id=lt.4").await;
    let mut connection = database.connect().await;
    for sql in [
        "BEGIN; DELETE FROM t WHERE id = 1; ROLLBACK",
        "BEGIN; UPDATE t SET n = 0 WHERE id = 1; SAVEPOINT s; DELETE FROM t WHERE id = 2; \
         ROLLBACK TO s; DELETE FROM t WHERE id = 3; COMMIT",
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "remove", "key": [3]},
            {"op": "update", "key": [1], "cells": {"n": 0}}
        ])
    );
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_the_connection_stays() {
    let (_, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    for (message, id, code) in [
        ("not json", json!(0), "invalid_message"),
        (r#"{"type":"dance","id":3}"#, json!(3), "invalid_message"),
        (
            r#"{"type":"subscribe","id":4}"#,
            json!(4),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":0,"table":"t","query":""}"#,
            json!(0),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":-1,"table":"t"}"#,
            json!(0),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":5,"table":"nowhere","query":""}"#,
            json!(5),
            "unknown_table",
        ),
        (
            r#"{"type":"subscribe","id":6,"table":"t","query":"nope=eq.1"}"#,
            json!(6),
            "unknown_column",
        ),
        (
            r#"{"type":"subscribe","id":7,"table":"t","query":"id=eq.x"}"#,
            json!(7),
            "invalid_value",
        ),
        (
            r#"{"type":"unsubscribe","id":8}"#,
            json!(8),
            "unknown_subscription",
        ),
    ] {
        socket.send(message).await;
        let answer = socket.next("error").await;
        assert_eq!(answer["error"]["code"], code, "{message}: {answer}");
        assert_eq!(answer["id"], id, "{message}: {answer}");
    }
    socket.subscribe(5, "t", "").await;
    socket
        .send(r#"{"type":"subscribe","id":5,"table":"t","query":""}"#)
        .await;
    assert_eq!(socket.next("error").await["error"]["code"], "id_in_use");
    socket.send(r#"{"type":"unsubscribe","id":5}"#).await;
    socket.subscribe(5, "t", "limit=1").await;
}

#[tokio::test]
async fn a_message_too_large_ends_its_connection_and_no_other() {
    let (database, server) = start().await;
    let mut good = Socket::open(&server.address).await;
    good.subscribe(1, "t", "id=eq.1").await;
    let mut bad = Socket::open(&server.address).await;
    bad.send(&"x".repeat(100_000)).await;
    assert!(bad.is_closed().await);
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    good.next("patch").await;
}

#[tokio::test]
async fn messages_come_in_pieces_and_with_pings_between_them() {
    let (_, server) = start().await;
    let message = br#"{"type":"subscribe","id":1,"table":"t","query":"id=eq.1"}"#;
    let (begin, rest) = message.split_at(20);
    // The beginning comes with the request, the rest byte by byte.
    let mut client = Frames::open(&server.address, &frame(0x01, begin)).await;
    let ping = frame(0x89, b"are you there");
    let end = frame(0x80, rest);
    for byte in ping.iter().chain(&end) {
        client.send(&[*byte]).await;
    }
    let pong = client.next().await;
    assert_eq!((pong.opcode, &*pong.payload), (10, &b"are you there"[..]));
    let snapshot = client.next().await;
    assert_eq!(snapshot.opcode, 1);
    assert!(
        snapshot
            .payload
            .starts_with(br#"{"type":"snapshot","id":1,"#)
    );
    client.send(&frame(0x88, &1000u16.to_be_bytes())).await;
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told_so_and_cut_off() {
    let (_, server) = start().await;
    let large = frame(0x81, &[b'x'; 40_000]);
    for (what, bytes, code) in [
        ("no mask", vec![0x81, 1, b'x'], 1002),
        ("a reserved bit", frame(0xc1, b"x"), 1002),
        ("an end without a beginning", frame(0x80, b"x"), 1002),
        (
            "two beginnings",
            [frame(0x01, b"x"), frame(0x01, b"x")].concat(),
            1002,
        ),
        ("no text", frame(0x81, &[0xff]), 1007),
        (
            "too much in pieces",
            [frame(0x01, &[b'x'; 40_000]), frame(0x80, &[b'x'; 40_000])].concat(),
            1009,
        ),
        (
            "too much at once",
            [&[0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0], &*large].concat(),
            1009,
        ),
    ] {
        let mut client = Frames::open(&server.address, &[]).await;
        client.send(&bytes).await;
        assert_eq!(client.close_code().await, code, "{what}");
    }
}

#[tokio::test]
async fn a_change_that_many_queries_ask_about_costs_few_statements() {
    let cluster = Cluster::start(&[("log_statement", "all"), ("log_line_prefix", "%a ")]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    // Beyond ASCII, which letters are the same in another case is PostgreSQL's to say.
    for id in 1..=60 {
        let query = format!("name=ilike.*\u{e9}{id}z*&order=id");
        let message = json!({"type": "subscribe", "id": id, "table": "t", "query": query});
        socket.send(&message.to_string()).await;
    }
    for _ in 1..=60 {
        assert_eq!(socket.next("snapshot").await["total"], 0);
    }
    let log = cluster.directory().join("log");
    let statements = || {
        let log = std::fs::read_to_string(&log).unwrap();
        let asked = |line: &&str| line.starts_with("rowcast ") && line.contains("~~*");
        log.lines().filter(asked).count()
    };
    let before = statements();
    database
        .execute("UPDATE t SET name = 'an \u{e9}47Z and an \u{e9}9z' WHERE id = 5")
        .await;
    let mut ids: Vec<u64> = Vec::new();
    while ids.len() < 2 {
        let patch = socket.next("patch").await;
        assert_eq!(patch["ops"][0]["op"], "insert", "{patch}");
        ids.push(patch["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, [9, 47]);
    let cost = statements() - before;
    assert!((1..=6).contains(&cost), "{cost} statements");
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let (database, server) = start().await;
    let mut stream = EventStream::open(&server.address, "t?id=lt.10", None).await;
    let snapshot = stream.next("snapshot").await;
    drop(stream);
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    database.execute("UPDATE t SET n = -2 WHERE id = 2").await;

    // Over the event stream, and over the WebSocket with the same cursor.
    let mut stream = EventStream::open(&server.address, "t?id=lt.10", Some(&snapshot.id)).await;
    let mut keys = Vec::new();
    while keys.len() < 2 {
        let patch = stream.next("patch").await;
        for op in patch.data["ops"].as_array().unwrap() {
            keys.push(op["key"][0].as_i64().unwrap());
        }
    }
    assert_eq!(keys, [1, 2]);

    let mut socket = Socket::open(&server.address).await;
    socket
        .send(
            &json!({"type": "subscribe", "id": 1, "table": "t", "query": "id=lt.10",
                    "cursor": snapshot.id})
            .to_string(),
        )
        .await;
    let first = socket.next("patch").await;
    assert_eq!(first["ops"][0]["key"], json!([1]));
}

#[tokio::test]
async fn a_cursor_of_another_history_gets_a_reset_and_a_snapshot() {
    let (_, server) = start().await;
    for (cursor, path) in [
        (Some("0123456789abcdef.1:1:"), "t?limit=1"),
        (Some("gibberish"), "t?limit=1"),
        (None, "t?limit=1&cursor=gibberish"),
        // An empty header is none, and hides nothing.
        (Some(""), "t?limit=1&cursor=gibberish"),
    ] {
        let mut stream = EventStream::open(&server.address, path, cursor).await;
        let reset = stream.next("reset").await;
        assert!(reset.data["reason"].is_string());
        stream.next("snapshot").await;
    }
    let mut stream = EventStream::open(&server.address, "t?limit=1", Some("")).await;
    stream.next("snapshot").await;
}

#[tokio::test]
async fn a_cursor_of_another_query_gets_a_reset_and_a_snapshot() {
    let (_, server) = start().await;
    let list = EventStream::open(&server.address, "t?id=lt.10", None)
        .await
        .next("snapshot")
        .await;
    for path in ["t?id=lt.20", "t?id=lt.10&limit=3", "t?id=lt.10&select=id"] {
        // It is there already, from before the cursor.
        let mut there = EventStream::open(&server.address, path, None).await;
        there.next("snapshot").await;
        let mut stream = EventStream::open(&server.address, path, Some(&list.id)).await;
        tokio::time::timeout(socket::PATIENCE, stream.next("reset"))
            .await
            .expect("a reset");
        stream.next("snapshot").await;
    }
}

#[tokio::test]
async fn a_client_too_slow_gets_a_reset_and_the_list_as_it_is() {
    let (database, server) = start().await;
    let mut slow = Socket::open(&server.address).await;
    slow.subscribe(1, "t", "order=id").await;
    let mut quick = Socket::open(&server.address).await;
    quick.subscribe(1, "t", "order=id").await;
    // More than all buffers between here and the server hold.
    let mut connection = database.connect().await;
    for nth in 0..400 {
        sqlx::query("UPDATE t SET name = repeat('x', 100000) || $1::text WHERE id = 1")
            .bind(nth)
            .execute(&mut connection)
            .await
            .unwrap();
        quick.next("patch").await;
    }
    let mut last = String::new();
    loop {
        let message = slow.any().await;
        match message["type"].as_str().unwrap() {
            "patch" => last = message["ops"][0]["cells"]["name"].to_string(),
            "reset" => break,
            other => panic!("{other}"),
        }
    }
    assert!(!last.contains("x399"), "the backlog was sent all the same");
    let snapshot = slow.next("snapshot").await;
    assert!(
        snapshot["rows"][0]["cells"][1]
            .as_str()
            .unwrap()
            .ends_with("x399")
    );
    database
        .execute("UPDATE t SET name = 'short' WHERE id = 1")
        .await;
    let patch = slow.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"]["name"], "short");
}

#[tokio::test]
async fn a_definition_that_changes_is_a_reset_with_the_new_columns() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id&limit=1").await;
    for (sql, names) in [
        (
            "ALTER TABLE t ADD COLUMN extra int DEFAULT 5",
            &["id", "name", "n", "extra"][..],
        ),
        (
            "ALTER TABLE t RENAME COLUMN extra TO more",
            &["id", "name", "n", "more"],
        ),
        ("ALTER TABLE t DROP COLUMN more", &["id", "name", "n"]),
        (
            "ALTER TABLE t ALTER COLUMN n TYPE text",
            &["id", "name", "n"],
        ),
    ] {
        database.execute(sql).await;
        socket.next("reset").await;
        let snapshot = socket.next("snapshot").await;
        let columns = snapshot["columns"].as_array().unwrap();
        let found: Vec<&str> = columns
            .iter()
            .map(|c| c["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{sql}");
    }
    database
        .execute("UPDATE t SET n = 'text now' WHERE id = 1")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"], json!({"n": "text now"}));
    // A query that no longer fits its table ends, and says why.
    socket.subscribe(2, "t", "name=eq.x").await;
    database.execute("ALTER TABLE t DROP COLUMN name").await;
    let error = socket.next_of(2, "error").await;
    assert_eq!(error["error"]["code"], "unknown_column");
    database.execute("DROP TABLE t").await;
    let error = socket.next_of(1, "error").await;
    assert_eq!(error["error"]["code"], "unknown_table");
}

#[tokio::test]
async fn a_truncate_and_a_bulk_change_leave_the_list_right() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id.desc&limit=2").await;
    database.execute("TRUNCATE t").await;
    assert_eq!(socket.next("patch").await["total"], 0);
    database
        .execute("INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 30000) g")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["total"], 30000);
    assert_eq!(patch["ops"][0]["key"], json!([30000]));
}

#[tokio::test]
async fn a_table_that_is_not_live_says_so() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    database
        .execute("CREATE TABLE still (id int PRIMARY KEY)")
        .await;
    socket
        .send(r#"{"type":"subscribe","id":2,"table":"still","query":""}"#)
        .await;
    assert_eq!(
        socket.next_of(2, "error").await["error"]["code"],
        "not_live"
    );
    database.execute("SELECT rowcast.unwatch('t')").await;
    assert_eq!(
        socket.next_of(1, "error").await["error"]["code"],
        "not_live"
    );
}

#[tokio::test]
async fn nothing_is_skipped_over_a_database_that_was_gone() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "id=lte.2").await;
    // Stopped in good order: the history goes on, and so does the list.
    cluster.stop();
    cluster.resume();
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["key"], json!([1]));
    // Killed: what was seen before may not have been on disk, so the list begins anew.
    cluster.kill();
    cluster.resume();
    database.execute("UPDATE t SET n = -2 WHERE id = 2").await;
    socket.next("reset").await;
    let mut list = socket.next("snapshot").await;
    if list["rows"][1]["cells"][2] != -2 {
        list = socket.next("patch").await;
        assert_eq!(list["ops"][0]["cells"], json!({"n": -2}));
    }
}

#[tokio::test]
async fn an_idle_system_costs_at_most_a_statement_a_second() {
    let cluster = Cluster::start(&[("log_statement", "all"), ("log_line_prefix", "%a ")]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    socket.next("patch").await;
    let log = cluster.directory().join("log");
    let statements = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines()
            .filter(|line| line.starts_with("rowcast ") && !line.contains("DETAIL:"))
            .count() as u64
    };
    let before = statements();
    assert!(before > 0, "the log tells nothing");
    let seconds = 12;
    let mut beat = tokio::time::interval(Duration::from_secs(seconds));
    beat.tick().await;
    beat.tick().await;
    let idle = statements() - before;
    assert!(idle <= seconds, "{idle} statements in {seconds} s");
}

#[tokio::test]
async fn a_stopping_server_tells_its_clients_and_ends_in_time() {
    let (_, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    let mut stream = EventStream::open(&server.address, "t", None).await;
    stream.next("snapshot").await;
    let (code, ()) = tokio::join!(socket.close_code(), server.stop());
    assert_eq!(code, Some(1001));
    assert!(stream.is_over().await);
}

/// A message of this type, whatever else comes before it.
fn is(message: &Value, name: &str) -> bool {
    message["type"] == name
}

#[tokio::test]
async fn a_page_of_another_build_is_told_to_load_itself_again() {
    let (_, server) = start().await;
    for query in [
        "?encoding=postcard",
        "?encoding=postcard&wire=0&build=",
        "?encoding=postcard&wire=1&build=another",
    ] {
        let mut socket = Socket::open_with(&server.address, query).await;
        assert_eq!(socket.close_code().await, Some(4001), "{query}");
    }
}

#[tokio::test]
async fn a_restored_dump_is_another_history_and_live() {
    let (database, server) = start().await;
    let cluster = Cluster::shared();
    let mut socket = Socket::open(&server.address).await;
    let snapshot = socket.subscribe(1, "t", "order=id&limit=1").await;
    database
        .execute("UPDATE t SET name = 'logged' WHERE id = 1")
        .await;
    socket.next("patch").await;
    let dump = cluster.program("pg_dump", &database).output().unwrap();
    assert!(dump.status.success());
    let copy = cluster.database().await;
    let mut connection = copy.connect().await;
    let file = cluster.directory().join("dump.sql");
    std::fs::write(&file, dump.stdout).unwrap();
    let restored = cluster
        .program("psql", &copy)
        .args(["-v", "ON_ERROR_STOP=1", "-qf"])
        .arg(&file)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&restored.stderr);
    assert!(restored.status.success(), "{error}");
    let server = Server::start(&copy.url).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.change_log WHERE kind = 'i'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0, "the log of the original means nothing here");
    let mut socket = Socket::open(&server.address).await;
    let message = json!({"type": "subscribe", "id": 1, "table": "t",
        "query": "order=id&limit=1", "cursor": snapshot["cursor"]});
    socket.send(&message.to_string()).await;
    socket.next("reset").await;
    let list = socket.next("snapshot").await;
    assert_eq!(list["rows"][0]["cells"][1], "logged");
    copy.execute("UPDATE t SET name = 'here' WHERE id = 1")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"], json!({"name": "here"}));
}

#[tokio::test]
async fn lists_that_nobody_follows_any_more_stay_live_up_to_a_number() {
    let (_, server) = start().await;
    for connection in 0..2 {
        let mut socket = Socket::open(&server.address).await;
        for id in 1..=150 {
            let query = format!("id=gt.{}", connection * 1000 + id);
            socket.subscribe(id, "t", &query).await;
        }
    }
    // Their connections are gone; the server hears of it a little later.
    let (mut followed, mut windows) = (1, 0);
    while followed > 0 {
        let metrics = metrics(&server.address).await;
        let figure = |name: &str| -> u64 {
            let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        followed = figure("rowcast_subscriptions ");
        windows = figure("rowcast_live_windows ");
    }
    assert_eq!(windows, 256);
}

async fn metrics(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
