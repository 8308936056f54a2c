//! Several changes, all or none.

use serde_json::{Value, json};

use crate::{server::Server, socket::Socket, text};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, x text, n numeric CHECK (n > 0));
    INSERT INTO t VALUES (1, 'a', 1.50), (2, 'b', 2), (3, 'c', 3);";

async fn batch(server: &Server, changes: Value) -> (u16, Value) {
    let body = json!({"changes": changes}).to_string();
    server.write("POST", "/api/batch/t", &body).await.json()
}

async fn rows(server: &Server) -> String {
    let all = "SELECT string_agg(concat_ws('|', id, x, n), ';' ORDER BY id) FROM t";
    text(server, all).await.unwrap()
}

#[tokio::test]
async fn changes_are_made_in_their_order_and_answered_by_row() {
    let server = Server::new(&format!("{TABLE} SELECT rowcast.watch('t')")).await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket.subscribe(1, "t", "order=id").await;
    let body = r#"{"changes":[
        {"op":"insert","row":{"id":4,"x":"d","n":12345678901234567890.10}},
        {"op":"update","key":[1],"set":{"x":"A"},"expect":{"x":"a","n":1.5}},
        {"op":"delete","key":[2],"expect":{"x":"b"}},
        {"op":"update","key":[4],"set":{"id":5}},
        {"op":"delete","key":["3"]}]}"#;
    let answer = server.write("POST", "/api/batch/t", body).await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (
            200,
            r#"{"rows":[{"id":4,"x":"d","n":12345678901234567890.10},{"id":1,"x":"A","n":1.50},null,{"id":5,"x":"d","n":12345678901234567890.10},null]}"#
        )
    );
    assert_eq!(rows(&server).await, "1|A|1.50;5|d|12345678901234567890.10");
    // It was one transaction, so it is one patch.
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["total"], 2, "{patch}");
    drop(socket);
    assert_eq!(batch(&server, json!([])).await, (200, json!({"rows": []})));
    server.stop().await;
}

#[tokio::test]
async fn one_change_that_fails_undoes_all() {
    let server = Server::new(TABLE).await;
    let first = json!({"op": "update", "key": [1], "set": {"x": "A"}});
    for (change, status, code, member, value) in [
        (
            json!({"op": "update", "key": [2], "set": {"x": "B"}, "expect": {"x": "other", "n": 2}}),
            409,
            "conflict",
            "changed",
            json!(["x"]),
        ),
        (
            // It compares with what the first has written.
            json!({"op": "update", "key": [1], "set": {"x": "B"}, "expect": {"x": "a"}}),
            409,
            "conflict",
            "row",
            json!({"id": 1, "x": "A", "n": 1.50}),
        ),
        (
            json!({"op": "update", "key": [2], "set": {"n": -1}}),
            422,
            "check",
            "columns",
            json!(["n"]),
        ),
        (
            json!({"op": "insert", "row": {"id": 3}}),
            422,
            "unique",
            "columns",
            json!(["id"]),
        ),
        (
            json!({"op": "insert", "row": {"id": 4, "n": "many"}}),
            400,
            "invalid_value",
            "columns",
            json!(["n"]),
        ),
        (
            json!({"op": "insert", "row": {"nosuch": 3}}),
            400,
            "unknown_column",
            "columns",
            json!(["nosuch"]),
        ),
        (
            json!({"op": "delete", "key": [9]}),
            404,
            "unknown_row",
            "index",
            json!(1),
        ),
        (
            json!({"op": "delete", "key": [1, 2]}),
            400,
            "invalid_key",
            "index",
            json!(1),
        ),
        (
            json!({"op": "delete", "key": [1], "set": {"x": "x"}}),
            400,
            "invalid_json",
            "index",
            json!(1),
        ),
        (
            json!({"op": "update", "key": [1], "set": {}}),
            400,
            "invalid_json",
            "index",
            json!(1),
        ),
    ] {
        let (got, body) = batch(&server, json!([first, change])).await;
        assert_eq!(
            (got, &body["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
        assert_eq!(
            (&body["index"], &body[member]),
            (&json!(1), &value),
            "{body}"
        );
        assert_eq!(rows(&server).await, "1|a|1.50;2|b|2;3|c|3", "{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_rule_that_is_checked_at_the_end_holds_for_all() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, place int UNIQUE DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO t VALUES (1, 1), (2, 2);",
    )
    .await;
    let swap = json!([
        {"op": "update", "key": [1], "set": {"place": 2}},
        {"op": "update", "key": [2], "set": {"place": 1}},
    ]);
    assert_eq!(batch(&server, swap).await.0, 200);
    let (status, body) = batch(
        &server,
        json!([{"op": "update", "key": [1], "set": {"place": 1}}]),
    )
    .await;
    assert_eq!((status, &body["error"]["code"]), (422, &json!("unique")));
    assert_eq!(
        (&body["columns"], body.get("index")),
        (&json!(["place"]), None)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_rule_between_rows_of_one_table_is_told_from_the_side_that_was_written() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO t VALUES (1, NULL), (2, 1);",
    )
    .await;
    let orphan = json!([{"op": "insert", "row": {"id": 3, "parent": 9}}]);
    let (_, body) = batch(&server, orphan).await;
    assert_eq!(body["columns"], json!(["parent"]));
    let (_, body) = batch(&server, json!([{"op": "delete", "key": [1]}])).await;
    assert_eq!(
        body["error"]["message"],
        json!("rows of \"t\" still refer to this row")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_row_comes_back_under_the_identity_that_it_had() {
    let server = Server::new(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text,
             twice text GENERATED ALWAYS AS (x || x) STORED);
         INSERT INTO t (x) VALUES ('a'), ('b');",
    )
    .await;
    assert_eq!(
        server.write("DELETE", "/api/rows/t/1", "{}").await.status,
        204
    );
    let insert = json!([{"op": "insert", "row": {"id": 1, "x": "a"}}]);
    assert_eq!(
        batch(&server, insert).await.1["error"]["code"],
        json!("generated_column")
    );
    let restore = json!([{"op": "insert", "restore": true, "row": {"id": 1, "x": "a"}}]);
    assert_eq!(
        batch(&server, restore).await,
        (200, json!({"rows": [{"id": 1, "x": "a", "twice": "aa"}]}))
    );
    // What the database computes is computed again, whatever it was.
    server.write("DELETE", "/api/rows/t/1", "{}").await;
    let restore =
        json!([{"op": "insert", "restore": true, "row": {"id": 1, "x": "b", "twice": "a"}}]);
    assert_eq!(
        batch(&server, restore).await.1["rows"],
        json!([{"id": 1, "x": "b", "twice": "bb"}])
    );
    server.stop().await;
}

#[tokio::test]
async fn as_many_changes_as_are_allowed_are_made() {
    let server = Server::new(TABLE).await;
    let many = |count: u32| -> Value {
        (0..count)
            .map(|n| json!({"op": "insert", "row": {"id": 10 + n, "x": "x", "n": 1}}))
            .collect()
    };
    let (status, body) = batch(&server, many(10_000)).await;
    assert_eq!(
        (status, body["rows"].as_array().map(Vec::len)),
        (200, Some(10_000))
    );
    let (status, body) = batch(&server, many(10_001)).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (400, &json!("too_many_changes"))
    );
    let count = text(&server, "SELECT count(*) FROM t").await;
    assert_eq!(count.as_deref(), Some("10003"));
    server.stop().await;
}
