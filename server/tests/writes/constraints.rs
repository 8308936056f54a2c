//! What the database's rules forbid, in words and by column.

use serde_json::{Value, json};

use crate::{assert_refused, server::Server, text};

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

/// Sets values in a row, each in vain.
async fn assert_rules(server: &Server, row: &str, rules: &[(&str, &str, Value, &str)]) {
    let path = format!("/api/rows/{row}");
    for (set, code, columns, message) in rules {
        let body = format!("{{\"set\":{set}}}");
        let told = (422, *code, *message);
        assert_refused(server, ("PATCH", &path, &body), told, columns.clone()).await;
    }
}

#[tokio::test]
async fn a_rule_is_named_by_its_columns_and_in_words() {
    let server = Server::new(RULES).await;
    let rules = [
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
    ];
    assert_rules(&server, "tasks/1", &rules).await;
    let row = text(&server, "SELECT tasks FROM tasks WHERE id = 1").await;
    assert_eq!(row.as_deref(), Some("(1,one,1,,,,c,a,1,\"[1,5)\",)"));
    server.stop().await;
}

#[tokio::test]
async fn rows_that_are_referred_to_stay() {
    let server = Server::new(RULES).await;
    let referred = (
        422,
        "foreign_key",
        "rows of \"tasks\" still refer to this row",
    );
    for (request, columns) in [
        (("DELETE", "/api/rows/people/1", "{}"), Value::Null),
        (
            ("PATCH", "/api/rows/people/1", r#"{"set":{"id":7}}"#),
            json!(["id"]),
        ),
    ] {
        assert_refused(&server, request, referred, columns).await;
    }
    server
        .database
        .execute("UPDATE tasks SET parent = 1 WHERE id = 2")
        .await;
    let request = ("DELETE", "/api/rows/tasks/1", "{}");
    assert_refused(&server, request, referred, Value::Null).await;
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
        let set = json!({"set": {"x": x}}).to_string();
        let row = json!({"id": 3, "x": x}).to_string();
        for request in [
            ("PATCH", "/api/rows/t/1", &*set),
            ("POST", "/api/rows/t", &*row),
        ] {
            assert_refused(&server, request, (422, code, message), Value::Null).await;
        }
    }
    let raise = r#"{"set":{"x":"raise"}}"#;
    let (_, body) = server.write("PATCH", "/api/rows/t/1", raise).await.json();
    assert_eq!(body["error"]["hint"], json!("Try Monday"));
    let x = text(&server, "SELECT x FROM t WHERE id = 1").await;
    assert_eq!(x.as_deref(), Some("a"));
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
    let (patch, delete) = (r#"{"set":{"x":"b"}}"#, "{}");
    for (method, path, body, status, code) in [
        ("POST", "v", r#"{"id":2}"#, 422, "not_editable"),
        ("POST", "m", r#"{"id":2}"#, 422, "not_editable"),
        ("PATCH", "v/1", patch, 422, "not_editable"),
        ("DELETE", "v/1", delete, 422, "not_editable"),
        ("PATCH", "m/1", patch, 422, "not_editable"),
        ("DELETE", "m/1", delete, 422, "not_editable"),
        ("PATCH", "nokey/a", patch, 422, "not_editable"),
        ("DELETE", "nokey/a", delete, 422, "not_editable"),
        ("DELETE", "nosuch/1", delete, 404, "unknown_table"),
        (
            "DELETE",
            "pg_catalog.pg_class/1",
            delete,
            404,
            "unknown_table",
        ),
        (
            "DELETE",
            "rowcast.setting/value_bytes",
            delete,
            404,
            "unknown_table",
        ),
        ("DELETE", "rowcast.watched/1", delete, 404, "unknown_table"),
    ] {
        let answer = server
            .write(method, &format!("/api/rows/{path}"), body)
            .await;
        let (got, of, _) = answer.error();
        assert_eq!((got, &*of), (status, code), "{method} {path}");
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
    let rules = [
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
    ];
    assert_rules(&server, "p/1", &rules).await;
    server.stop().await;
}
