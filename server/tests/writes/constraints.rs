//! What the database's rules forbid, in words and by column.

use serde_json::{Value, json};

use crate::{server::Server, text};

const RULES: &str = r#"
    CREATE EXTENSION btree_gist;
    CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE);
    CREATE TABLE tasks (
        id int PRIMARY KEY, title text NOT NULL, owner int REFERENCES people,
        amount numeric CONSTRAINT sane CHECK (amount > 0 AND amount < 100),
        low int, high int, CONSTRAINT ordered CHECK (low < high),
        code text, area text, UNIQUE (code, area), room int, during int4range,
        EXCLUDE USING gist (room WITH =, during WITH &&),
        parent int REFERENCES tasks DEFERRABLE INITIALLY DEFERRED);
    COMMENT ON CONSTRAINT ordered ON tasks IS 'low must stay below high';
    CREATE UNIQUE INDEX tasks_title ON tasks (lower(title), area);
    INSERT INTO people VALUES (1, 'ann@example.org'), (2, NULL);
    INSERT INTO tasks (id, title, owner, code, area, room, during)
        VALUES (1, 'one', 1, 'c', 'a', 1, '[1,5)'), (2, 'two', NULL, 'd', 'a', 1, '[5,9)');"#;

async fn refused(server: &Server, path: &str, set: &str) -> (u16, Value) {
    let answer = server
        .write(
            "PATCH",
            &format!("/api/rows/{path}"),
            &format!("{{\"set\":{set}}}"),
        )
        .await;
    answer.json()
}

#[tokio::test]
async fn a_rule_is_named_by_its_columns_and_in_words() {
    let server = Server::new(RULES).await;
    for (set, code, columns, message) in [
        (
            r#"{"title":null}"#,
            "not_null",
            json!(["title"]),
            "\"title\" must have a value",
        ),
        (
            r#"{"amount":100}"#,
            "check",
            json!(["amount"]),
            "\"amount\" must satisfy (amount > (0)::numeric) AND (amount < (100)::numeric)",
        ),
        (
            r#"{"low":2,"high":1}"#,
            "check",
            json!(["low", "high"]),
            "low must stay below high",
        ),
        (
            r#"{"owner":9}"#,
            "foreign_key",
            json!(["owner"]),
            "there is no row of \"people\" with this \"owner\"",
        ),
        (
            r#"{"code":"d"}"#,
            "unique",
            json!(["code", "area"]),
            "another row has this \"code\", \"area\" already",
        ),
        (
            r#"{"title":"TWO"}"#,
            "unique",
            json!(["title", "area"]),
            "another row has this \"title\", \"area\" already",
        ),
        (
            r#"{"id":2}"#,
            "unique",
            json!(["id"]),
            "another row has this \"id\" already",
        ),
        (
            r#"{"during":"[4,6)"}"#,
            "exclusion",
            json!(["room", "during"]),
            "another row is in conflict with this \"room\", \"during\"",
        ),
        // It fails at the commit only, which is within the request.
        (
            r#"{"parent":9}"#,
            "foreign_key",
            json!(["parent"]),
            "there is no row of \"tasks\" with this \"parent\"",
        ),
    ] {
        let (status, body) = refused(&server, "tasks/1", set).await;
        assert_eq!(
            (
                status,
                &body["error"]["code"],
                &body["error"]["message"],
                &body["columns"]
            ),
            (422, &json!(code), &json!(message), &columns),
            "{set}: {body}"
        );
    }
    let row = text(&server, "SELECT tasks FROM tasks WHERE id = 1").await;
    assert_eq!(row.as_deref(), Some("(1,one,1,,,,c,a,1,\"[1,5)\",)"));
    server.stop().await;
}

#[tokio::test]
async fn rows_that_are_referred_to_stay() {
    let server = Server::new(RULES).await;
    let (status, body) = server
        .write("DELETE", "/api/rows/people/1", "{}")
        .await
        .json();
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("foreign_key"))
    );
    assert_eq!(
        body["error"]["message"],
        json!("rows of \"tasks\" still refer to this row")
    );
    assert_eq!(body.get("columns"), None);
    let (_, body) = refused(&server, "people/1", r#"{"id":7}"#).await;
    assert_eq!(body["columns"], json!(["id"]));
    server
        .database
        .execute("UPDATE tasks SET parent = 1 WHERE id = 2")
        .await;
    let (_, body) = server
        .write("DELETE", "/api/rows/tasks/1", "{}")
        .await
        .json();
    assert_eq!(
        body["error"]["message"],
        json!("rows of \"tasks\" still refer to this row")
    );
    server.stop().await;
}

#[tokio::test]
async fn what_a_trigger_raises_is_said_to_the_writer_and_nothing_else_is() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (1, 'a'), (2, 'secret');
         CREATE TABLE audit (x text PRIMARY KEY CHECK (x <> 'audited'));
         INSERT INTO audit VALUES ('secret');
         CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.x = 'raise' THEN RAISE EXCEPTION 'Not on a Sunday' USING HINT = 'Try Monday'; END IF;
             IF NEW.x = 'coded' THEN RAISE EXCEPTION 'Locked period' USING ERRCODE = 'check_violation'; END IF;
             IF NEW.x = 'skip' THEN RETURN NULL; END IF;
             IF NEW.x = 'broken' THEN NEW.x := 1 / 0; END IF;
             IF NEW.x = 'nosuch' THEN PERFORM nosuch FROM public.audit; END IF;
             IF NEW.x IN ('audited', 'secret') THEN INSERT INTO public.audit VALUES (NEW.x); END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION guard();",
    )
    .await;
    for (x, code, message) in [
        ("raise", "refused", "Not on a Sunday"),
        ("coded", "refused", "Locked period"),
        (
            "skip",
            "refused",
            "a trigger of the table left everything as it was",
        ),
        (
            "broken",
            "refused",
            "a value does not fit what the table computes from it",
        ),
        (
            "nosuch",
            "refused",
            "a function that the table calls on writing has failed",
        ),
        (
            "audited",
            "check",
            "a rule of \"audit\", which is written along with this, does not allow it",
        ),
        (
            "secret",
            "unique",
            "a rule of \"audit\", which is written along with this, does not allow it",
        ),
    ] {
        let body = json!({"set": {"x": x}}).to_string();
        let (status, body) = server.write("PATCH", "/api/rows/t/1", &body).await.json();
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["message"]),
            (422, &json!(code), &json!(message)),
            "{x}: {body}"
        );
        let body = json!({"id": 3, "x": x}).to_string();
        let (status, body) = server.write("POST", "/api/rows/t", &body).await.json();
        assert_eq!(
            (status, &body["error"]["code"]),
            (422, &json!(code)),
            "{x}: {body}"
        );
    }
    let hint = server
        .write("PATCH", "/api/rows/t/1", r#"{"set":{"x":"raise"}}"#)
        .await
        .json()
        .1;
    assert_eq!(hint["error"]["hint"], json!("Try Monday"));
    assert_eq!(
        text(&server, "SELECT x FROM t WHERE id = 1")
            .await
            .as_deref(),
        Some("a")
    );
    server.stop().await;
}

#[tokio::test]
async fn what_has_no_rows_of_its_own_or_no_key_is_not_edited() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (1, 'a');
         CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
         CREATE TABLE nokey (x text); INSERT INTO nokey VALUES ('a');",
    )
    .await;
    for path in ["v", "m"] {
        let answer = server
            .write("POST", &format!("/api/rows/{path}"), r#"{"id":2}"#)
            .await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (422, "not_editable"),
            "{path}"
        );
    }
    for path in ["v/1", "m/1", "nokey/a"] {
        let path = format!("/api/rows/{path}");
        for (method, body) in [("PATCH", r#"{"set":{"x":"b"}}"#), ("DELETE", "{}")] {
            let answer = server.write(method, &path, body).await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (422, "not_editable"),
                "{path}"
            );
        }
    }
    for path in [
        "nosuch/1",
        "pg_catalog.pg_class/1",
        "rowcast.setting/value_bytes",
        "rowcast.watched/1",
    ] {
        let answer = server
            .write("DELETE", &format!("/api/rows/{path}"), "{}")
            .await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (404, "unknown_table"),
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn rules_of_partitions_are_those_of_the_table() {
    let server = Server::new(
        "CREATE TABLE p (id int, x int CONSTRAINT small CHECK (x < 10), y int NOT NULL, z int,
             PRIMARY KEY (id), UNIQUE (id, z)) PARTITION BY RANGE (id);
         COMMENT ON CONSTRAINT small ON p IS 'x is small';
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
         INSERT INTO p VALUES (1, 1, 1, 1), (2, 1, 1, 1);",
    )
    .await;
    for (set, code, columns, message) in [
        (r#"{"x":10}"#, "check", json!(["x"]), "x is small"),
        (
            r#"{"y":null}"#,
            "not_null",
            json!(["y"]),
            "\"y\" must have a value",
        ),
        (
            r#"{"id":2}"#,
            "unique",
            json!(["id"]),
            "another row has this \"id\" already",
        ),
        (
            r#"{"id":500}"#,
            "check",
            json!(["id"]),
            "no part of the table takes this \"id\"",
        ),
    ] {
        let (status, body) = refused(&server, "p/1", set).await;
        assert_eq!(
            (
                status,
                &body["error"]["code"],
                &body["error"]["message"],
                &body["columns"]
            ),
            (422, &json!(code), &json!(message), &columns),
            "{set}: {body}"
        );
    }
    server.stop().await;
}
