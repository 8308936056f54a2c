//! One change of all rows that match.

use serde_json::{Value, json};
use sqlx::Connection;

use crate::{server::Server, text};

const TABLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name text);
    INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob');
    CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text NOT NULL,
        n numeric CHECK (n < 100), owner int REFERENCES people,
        twice numeric GENERATED ALWAYS AS (n * 2) STORED);
    INSERT INTO t (status, n, owner) VALUES
        ('open', 1.50, 1), ('open', 2, 2), ('done', 3, 1), ('open', NULL, NULL);";

async fn bulk(server: &Server, query: &str, body: &str) -> (u16, Value) {
    server
        .write("POST", &format!("/api/bulk/t?{query}"), body)
        .await
        .json()
}

async fn rows(server: &Server) -> String {
    let all = "SELECT string_agg(t::text, ' ' ORDER BY t) FROM t";
    text(server, all).await.unwrap_or_default()
}

const BEFORE: &str = "(1,open,1.50,1,3.00) (2,open,2,2,4) (3,done,3,1,6) (4,open,,,)";

/// The same, and the text of what undoes it, with every digit that it has.
async fn undoable(server: &Server, query: &str, body: &str) -> (u16, Value, String) {
    let path = format!("/api/bulk/t?{query}");
    let answer = server.write("POST", &path, body).await;
    let (status, json) = answer.json();
    let text = answer.text();
    let undo = text
        .find("\"undo\":")
        .map(|at| &text[at + 7..text.len() - 1]);
    (status, json, undo.unwrap_or_default().to_owned())
}

async fn undo(server: &Server, changes: &str) {
    let body = format!("{{\"changes\":{changes}}}");
    let (status, body) = server.write("POST", "/api/batch/t", &body).await.json();
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn all_rows_that_match_are_set_and_can_be_set_back() {
    let server = Server::new(TABLE).await;
    assert_eq!(
        bulk(&server, "status=eq.open", r#"{"dry_run":true}"#).await,
        (200, json!({"count": 3}))
    );
    let body = r#"{"set":{"status":"done","n":7.0},"count":3}"#;
    let (status, answer, changes) = undoable(&server, "status=eq.open", body).await;
    assert_eq!((status, &answer["count"]), (200, &json!(3)));
    assert_eq!(
        rows(&server).await,
        "(1,done,7.0,1,14.0) (2,done,7.0,2,14.0) (3,done,3,1,6) (4,done,7.0,,14.0)"
    );
    assert_eq!(
        answer["undo"][0],
        json!({"op": "update", "key": [1], "set": {"status": "open", "n": 1.50},
               "expect": {"status": "done", "n": 7.0}})
    );
    undo(&server, &changes).await;
    assert_eq!(rows(&server).await, BEFORE);
    server.stop().await;
}

#[tokio::test]
async fn all_rows_that_match_are_deleted_and_can_come_back() {
    let server = Server::new(TABLE).await;
    let (status, answer, changes) =
        undoable(&server, "q=open", r#"{"delete":true,"count":3}"#).await;
    assert_eq!((status, &answer["count"]), (200, &json!(3)));
    assert_eq!(rows(&server).await, "(3,done,3,1,6)");
    undo(&server, &changes).await;
    assert_eq!(rows(&server).await, BEFORE);
    let (status, _, changes) = undoable(&server, "", r#"{"delete":true,"count":4}"#).await;
    assert_eq!((status, rows(&server).await), (200, String::new()));
    undo(&server, &changes).await;
    assert_eq!(rows(&server).await, BEFORE);
    let none = bulk(&server, "id=eq.99", r#"{"delete":true,"count":0}"#).await;
    assert_eq!(none, (200, json!({"count": 0, "undo": []})));
    server.stop().await;
}

#[tokio::test]
async fn rows_are_found_by_what_they_refer_to() {
    let server = Server::new(TABLE).await;
    let query = "select=*,owner:people(name)&owner.name=eq.Ann";
    assert_eq!(
        bulk(&server, query, r#"{"dry_run":true}"#).await,
        (200, json!({"count": 2}))
    );
    let (status, answer, changes) =
        undoable(&server, query, r#"{"set":{"owner":2},"count":2}"#).await;
    assert_eq!(status, 200, "{answer}");
    let owners = text(
        &server,
        "SELECT string_agg(owner::text, ',' ORDER BY id) FROM t",
    )
    .await;
    assert_eq!(owners.as_deref(), Some("2,2,2"));
    undo(&server, &changes).await;
    assert_eq!(rows(&server).await, BEFORE);
    let (status, _) = bulk(&server, query, r#"{"delete":true,"count":2}"#).await;
    assert_eq!(
        (status, rows(&server).await.as_str()),
        (200, "(2,open,2,2,4) (4,open,,,)")
    );
    server.stop().await;
}

#[tokio::test]
async fn another_number_of_rows_than_was_told_is_not_touched() {
    let server = Server::new(TABLE).await;
    for body in [
        r#"{"set":{"n":9},"count":2}"#,
        r#"{"delete":true,"count":4}"#,
    ] {
        let (status, body) = bulk(&server, "status=eq.open", body).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (409, &json!("count_changed"))
        );
        assert_eq!(body["count"], json!(3));
    }
    assert_eq!(rows(&server).await, BEFORE);
    // A row that comes to match while the change waits for another's lock is not counted in.
    let mut other = server.database.connect().await;
    let mut transaction = other.begin().await.unwrap();
    for sql in [
        "UPDATE t SET status = 'done' WHERE id = 1",
        "INSERT INTO t (status, n) VALUES ('open', 5), ('open', 6)",
    ] {
        sqlx::query(sql).execute(&mut *transaction).await.unwrap();
    }
    let write = bulk(&server, "status=eq.open", r#"{"set":{"n":9},"count":3}"#);
    let commit = async {
        crate::concurrency::wait_for_a_waiter(&server).await;
        transaction.commit().await.unwrap();
    };
    let ((status, body), ()) = tokio::join!(write, commit);
    assert_eq!((status, &body["count"]), (409, &json!(4)), "{body}");
    let nines = text(&server, "SELECT count(*) FROM t WHERE n = 9").await;
    assert_eq!(nines.as_deref(), Some("0"));
    server.stop().await;
}

#[tokio::test]
async fn what_the_rules_forbid_of_one_row_is_done_to_none() {
    let server = Server::new(TABLE).await;
    for (body, status, code, columns) in [
        (r#"{"set":{"n":100},"count":3}"#, 422, "check", json!(["n"])),
        (
            r#"{"set":{"status":null},"count":3}"#,
            422,
            "not_null",
            json!(["status"]),
        ),
        (
            r#"{"set":{"owner":7},"count":3}"#,
            422,
            "foreign_key",
            json!(["owner"]),
        ),
        (
            r#"{"set":{"n":"x"},"count":3}"#,
            400,
            "invalid_value",
            json!(["n"]),
        ),
        (
            r#"{"set":{"id":1},"count":3}"#,
            422,
            "generated_column",
            json!(["id"]),
        ),
        (
            r#"{"set":{"nosuch":1},"count":3}"#,
            400,
            "unknown_column",
            json!(["nosuch"]),
        ),
    ] {
        let (got, answer) = bulk(&server, "status=eq.open", body).await;
        assert_eq!(
            (got, &answer["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
        assert_eq!(answer["columns"], columns, "{body}");
    }
    for (query, body, code) in [
        ("limit=50", r#"{"delete":true,"count":4}"#, "invalid_limit"),
        ("%6Cimit=1", r#"{"delete":true,"count":4}"#, "invalid_limit"),
        ("offset=1", r#"{"delete":true,"count":4}"#, "invalid_offset"),
        ("order=id", r#"{"delete":true,"count":4}"#, "invalid_order"),
        ("id=eq.x", r#"{"delete":true,"count":4}"#, "invalid_value"),
        ("", r#"{"delete":true}"#, "invalid_json"),
        (
            "",
            r#"{"set":{"n":1},"delete":true,"count":4}"#,
            "invalid_json",
        ),
        ("", r#"{"delete":false,"count":4}"#, "invalid_json"),
        ("", r#"{"set":{},"count":4}"#, "invalid_json"),
    ] {
        let (status, answer) = bulk(&server, query, body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{query} {body}"
        );
    }
    assert_eq!(rows(&server).await, BEFORE);
    server
        .database
        .execute(
            "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER skip BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION skip();",
        )
        .await;
    let (status, answer) = bulk(&server, "", r#"{"set":{"n":9},"count":4}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("refused")));
    assert_eq!(rows(&server).await, BEFORE);
    server.stop().await;
}

#[tokio::test]
async fn a_part_of_a_key_is_set_and_set_back() {
    let server = Server::new(
        "CREATE TABLE t (place text, sku int, n int, PRIMARY KEY (place, sku));
         INSERT INTO t SELECT 'a', g, g FROM generate_series(1, 3) g;",
    )
    .await;
    let (status, _, changes) =
        undoable(&server, "place=eq.a", r#"{"set":{"place":"b"},"count":3}"#).await;
    assert_eq!(
        (status, rows(&server).await.as_str()),
        (200, "(b,1,1) (b,2,2) (b,3,3)")
    );
    undo(&server, &changes).await;
    assert_eq!(rows(&server).await, "(a,1,1) (a,2,2) (a,3,3)");
    server.stop().await;
}

#[tokio::test]
async fn more_rows_than_a_batch_takes_are_changed_without_an_undo() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text);
         INSERT INTO t SELECT g, 'x' FROM generate_series(1, 10001) g;
         CREATE VIEW v AS SELECT * FROM t; CREATE TABLE nokey (x text);",
    )
    .await;
    let (status, answer) = bulk(&server, "", r#"{"set":{"x":"y"},"count":10001}"#).await;
    assert_eq!((status, answer), (200, json!({"count": 10001})));
    let (status, answer) = bulk(&server, "id=lte.10000", r#"{"delete":true,"count":10000}"#).await;
    assert_eq!(status, 200);
    assert_eq!(answer["undo"].as_array().map(Vec::len), Some(10_000));
    for path in ["v", "nokey"] {
        for body in [r#"{"delete":true,"count":0}"#, r#"{"dry_run":true}"#] {
            let answer = server
                .write("POST", &format!("/api/bulk/{path}"), body)
                .await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (422, "not_editable"),
                "{path}"
            );
        }
    }
    server.stop().await;
}
