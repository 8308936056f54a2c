//! Views are lists that keep themselves, too.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Database},
    server::Server,
    socket::Socket,
};

const TABLES: &str = "CREATE TABLE person (id int PRIMARY KEY, name text); \
    CREATE TABLE task (id int PRIMARY KEY, title text, person int, done bool DEFAULT false); \
    CREATE VIEW open_task AS SELECT t.title, p.name FROM task t LEFT JOIN person p \
        ON p.id = t.person WHERE NOT t.done; \
    CREATE VIEW tally AS SELECT name, count(*) AS n FROM open_task GROUP BY name; \
    CREATE MATERIALIZED VIEW kept AS SELECT title FROM task; \
    INSERT INTO person VALUES (1, 'Ann'), (2, 'Bo'); \
    INSERT INTO task VALUES (1, 'a', 1), (2, 'b', 2), (3, 'a', 1), (4, 'c', NULL); \
    REFRESH MATERIALIZED VIEW kept";

async fn start() -> (Database, Server) {
    let database = Cluster::shared().database().await;
    Server::start(&database.url).await.stop().await;
    database.execute(TABLES).await;
    let server = Server::start(&database.url).await;
    (database, server)
}

/// The list after a patch, as cells, with the keys checked to be distinct.
fn apply(rows: &mut Vec<Value>, patch: &Value) -> Value {
    for op in patch["ops"].as_array().unwrap() {
        let at = rows.iter().position(|row| row["key"] == op["key"]);
        match op["op"].as_str().unwrap() {
            "insert" => {
                assert_eq!(at, None, "a key that is there already: {patch}");
                let row = json!({"key": op["key"], "cells": op["cells"]});
                rows.insert(op["at"].as_u64().unwrap() as usize, row);
            }
            "move" => {
                let row = rows.remove(at.unwrap());
                rows.insert(op["to"].as_u64().unwrap() as usize, row);
            }
            "remove" => drop(rows.remove(at.unwrap())),
            other => panic!("{other}: no row of a view is the same with other values"),
        }
    }
    cells(rows)
}

fn cells(rows: &[Value]) -> Value {
    rows.iter().map(|row| row["cells"].clone()).collect()
}

fn rows(snapshot: &Value) -> Vec<Value> {
    snapshot["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_view_follows_every_table_under_it() {
    let (database, server) = start().await;
    database.execute("SELECT rowcast.watch('tally')").await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "open_task", "order=title").await;
    assert_eq!(list["key"], json!([]));
    let mut tasks = rows(&list);
    assert_eq!(
        cells(&tasks),
        json!([["a", "Ann"], ["a", "Ann"], ["b", "Bo"], ["c", null]])
    );
    // Equal rows are told apart by their number, and nothing else.
    assert_eq!(tasks[0]["key"][0], tasks[1]["key"][0]);
    assert_eq!(
        (&tasks[0]["key"][1], &tasks[1]["key"][1]),
        (&json!(0), &json!(1))
    );
    assert_eq!(tasks[0]["key"][0].as_str().unwrap().len(), 32);
    let mut tally = rows(&socket.subscribe(2, "tally", "order=n.desc,name").await);
    assert_eq!(cells(&tally), json!([["Ann", 2], ["Bo", 1], [null, 1]]));

    database
        .execute("UPDATE person SET name = 'Al' WHERE id = 2")
        .await;
    let patch = socket.next_of(1, "patch").await;
    let expected = json!([["a", "Ann"], ["a", "Ann"], ["b", "Al"], ["c", null]]);
    assert_eq!(apply(&mut tasks, &patch), expected);
    let patch = socket.next_of(2, "patch").await;
    assert_eq!(
        apply(&mut tally, &patch),
        json!([["Ann", 2], ["Al", 1], [null, 1]])
    );

    database.execute("DELETE FROM task WHERE id = 1").await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["total"], 3);
    assert_eq!(patch["ops"].as_array().unwrap().len(), 1, "{patch}");
    let expected = json!([["a", "Ann"], ["b", "Al"], ["c", null]]);
    assert_eq!(apply(&mut tasks, &patch), expected);
    let patch = socket.next_of(2, "patch").await;
    assert_eq!(
        apply(&mut tally, &patch),
        json!([["Al", 1], ["Ann", 1], [null, 1]])
    );

    // One that changes nothing in the view is no patch: the next one is the next change's.
    database
        .execute("INSERT INTO task VALUES (9, 'z', 1, true)")
        .await;
    database.execute("TRUNCATE task").await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(apply(&mut tasks, &patch), json!([]));
}

#[tokio::test]
async fn rows_beyond_the_slice_are_counted_among_their_equals() {
    let (database, server) = start().await;
    database.execute("SELECT rowcast.watch('open_task')").await;
    let mut socket = Socket::open(&server.address).await;
    let query = "order=title&offset=1&limit=1";
    let mut list = rows(&socket.subscribe(1, "open_task", query).await);
    assert_eq!(list[0]["key"][1], 1, "the second of two");
    database
        .execute("INSERT INTO task VALUES (0, 'a', 1)")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!((&patch["ops"], &patch["total"]), (&json!([]), &json!(5)));
    database.execute("DELETE FROM task WHERE title = 'a'").await;
    let patch = socket.next("patch").await;
    assert_eq!(apply(&mut list, &patch), json!([["c", null]]));
}

#[tokio::test]
async fn a_client_of_a_view_resumes_where_it_was() {
    let (database, server) = start().await;
    database.execute("SELECT rowcast.watch('open_task')").await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "open_task", "").await;
    let mut other = Socket::open(&server.address).await;
    other
        .send(
            &json!({"type": "subscribe", "id": 1, "table": "open_task", "cursor": list["cursor"]})
                .to_string(),
        )
        .await;
    database
        .execute("INSERT INTO task VALUES (0, 'new', 1)")
        .await;
    assert_eq!(other.next("patch").await, socket.next("patch").await);
}

#[tokio::test]
async fn a_materialized_view_changes_at_its_refresh() {
    let (database, server) = start().await;
    database.execute("SELECT rowcast.watch('kept')").await;
    let mut socket = Socket::open(&server.address).await;
    let mut list = rows(&socket.subscribe(1, "kept", "order=title").await);
    database
        .execute("INSERT INTO task VALUES (9, 'z'); REFRESH MATERIALIZED VIEW kept")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        apply(&mut list, &patch),
        json!([["a"], ["a"], ["b"], ["c"], ["z"]])
    );
    assert!(patch["changed_at"].as_str().unwrap().ends_with("+00:00"));
}

#[tokio::test]
async fn a_view_that_is_defined_anew_is_reset() {
    let (database, server) = start().await;
    database.execute("SELECT rowcast.watch('tally')").await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "tally", "order=name").await;
    for (ddl, expected) in [
        (
            "CREATE OR REPLACE VIEW tally AS SELECT name, count(*) + 1 AS n FROM open_task GROUP BY name",
            json!([["Ann", 3], ["Bo", 2], [null, 2]]),
        ),
        // One under it.
        (
            "CREATE OR REPLACE VIEW open_task AS SELECT t.title, p.name FROM task t \
             JOIN person p ON p.id = t.person WHERE NOT t.done",
            json!([["Ann", 3], ["Bo", 2]]),
        ),
        (
            "ALTER TABLE person ADD extra int",
            json!([["Ann", 3], ["Bo", 2]]),
        ),
        (
            "ALTER VIEW tally RENAME COLUMN n TO number",
            json!([["Ann", 3], ["Bo", 2]]),
        ),
    ] {
        database.execute(ddl).await;
        let reset = socket.next_of(1, "reset").await;
        assert_eq!(reset["reason"], "the table's definition changed", "{ddl}");
        let list = socket.next_of(1, "snapshot").await;
        assert_eq!(cells(&rows(&list)), expected, "{ddl}");
    }
    database.execute("SELECT rowcast.unwatch('person')").await;
    let error = socket.next_of(1, "error").await;
    assert_eq!(error["error"]["code"], "not_live");
}
