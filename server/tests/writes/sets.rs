//! Changes of one shape, which are made together.

use serde_json::{Value, json};

use crate::{server::Server, text};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, x text, n int CHECK (n <> 13));
    CREATE TABLE statements (of text, by text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.statements VALUES (TG_OP, current_setting('rowcast.author', true));
        RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON t
        FOR EACH STATEMENT EXECUTE FUNCTION note();";

async fn batch(server: &Server, changes: impl Iterator<Item = Value>) -> (u16, Value) {
    let body = json!({"changes": changes.collect::<Value>()}).to_string();
    let author = [("Rowcast-Author", "Ann")];
    server
        .write_with("POST", "/api/batch/t", &body, &author)
        .await
        .json()
}

async fn statements(server: &Server) -> Option<String> {
    let each = "SELECT string_agg(of || ' ' || by, ', ') FROM statements";
    text(server, each).await
}

async fn filled(rows: u32) -> Server {
    let sql = format!(
        "{TABLE} INSERT INTO t SELECT n, 'x' || n, 0 FROM generate_series(1, {rows}) n;
         DELETE FROM statements"
    );
    Server::new(&sql).await
}

#[tokio::test]
async fn changes_of_one_shape_are_one_statement_and_answered_in_their_order() {
    let server = filled(0).await;
    let insert = |n: i32| json!({"op": "insert", "row": {"id": n, "n": n + 20}});
    let (status, body) = batch(&server, (0..500).rev().map(insert)).await;
    assert_eq!(status, 200, "{body}");
    for (place, n) in (0..500).rev().enumerate() {
        assert_eq!(
            body["rows"][place],
            json!({"id": n, "x": null, "n": n + 20})
        );
    }
    let update = |n: i32| json!({"op": "update", "key": [n], "set": {"x": n.to_string()}, "expect": {"n": n + 20}});
    let (status, body) = batch(&server, (0..500).rev().map(update)).await;
    assert_eq!(status, 200, "{body}");
    for (place, n) in (0..500).rev().enumerate() {
        assert_eq!(
            body["rows"][place],
            json!({"id": n, "x": n.to_string(), "n": n + 20})
        );
    }
    let delete = |n: i32| json!({"op": "delete", "key": [n]});
    let (status, body) = batch(&server, (0..500).map(delete)).await;
    assert_eq!(
        (status, &body["rows"]),
        (200, &json!(vec![Value::Null; 500]))
    );
    assert_eq!(
        statements(&server).await.as_deref(),
        Some("INSERT Ann, UPDATE Ann, DELETE Ann")
    );
    server.stop().await;
}

#[tokio::test]
async fn the_one_change_of_many_that_fails_is_found() {
    let server = filled(2_500).await;
    let before = text(&server, "SELECT md5(string_agg(t::text, '')) FROM t").await;
    for (wrong, fine, status, code, index, member, value) in [
        (
            json!({"op": "insert", "row": {"id": 9_999, "n": 13}}),
            "insert",
            422,
            "check",
            1_777,
            "columns",
            json!(["n"]),
        ),
        (
            json!({"op": "insert", "row": {"id": 7, "n": 1}}),
            "insert",
            422,
            "unique",
            1_023,
            "columns",
            json!(["id"]),
        ),
        (
            json!({"op": "insert", "row": {"id": 9_999, "n": "many"}}),
            "insert",
            400,
            "invalid_value",
            0,
            "columns",
            json!(["n"]),
        ),
        (
            json!({"op": "update", "key": [2_500], "set": {"x": "y"}, "expect": {"n": 1}}),
            "update",
            409,
            "conflict",
            1_998,
            "row",
            json!({"id": 2_500, "x": "x2500", "n": 0}),
        ),
        (
            json!({"op": "update", "key": [9_999], "set": {"x": "y"}, "expect": {"n": 0}}),
            "update",
            404,
            "unknown_row",
            1_000,
            "index",
            json!(1_000),
        ),
        (
            json!({"op": "delete", "key": [9_999]}),
            "delete",
            404,
            "unknown_row",
            2_001,
            "index",
            json!(2_001),
        ),
    ] {
        let changes = (0..2_100).map(|n| match fine {
            _ if n == index => wrong.clone(),
            "insert" => json!({"op": "insert", "row": {"id": 10_000 + n, "n": 1}}),
            "update" => {
                json!({"op": "update", "key": [n + 1], "set": {"x": "y"}, "expect": {"n": 0}})
            }
            _ => json!({"op": "delete", "key": [n + 1]}),
        });
        let (got, body) = batch(&server, changes).await;
        assert_eq!(
            (got, &body["error"]["code"], &body["index"], &body[member]),
            (status, &json!(code), &json!(index), &value),
            "{body}"
        );
        let after = text(&server, "SELECT md5(string_agg(t::text, '')) FROM t").await;
        assert_eq!(after, before, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test]
async fn changes_of_the_same_row_are_made_one_after_the_other_however_its_key_is_written() {
    let server = filled(2).await;
    let (status, body) = batch(
        &server,
        [
            json!({"op": "update", "key": [1], "set": {"x": "a"}, "expect": {"x": "x1"}}),
            json!({"op": "update", "key": ["1"], "set": {"x": "b"}, "expect": {"x": "a"}}),
            json!({"op": "update", "key": ["01"], "set": {"x": "c"}, "expect": {"x": "b"}}),
            json!({"op": "update", "key": [2], "set": {"id": 3}}),
            json!({"op": "update", "key": [3], "set": {"id": 4}}),
        ]
        .into_iter(),
    )
    .await;
    assert_eq!(status, 200, "{body}");
    let ids: Vec<&Value> = (0..5).map(|at| &body["rows"][at]["x"]).collect();
    assert_eq!(ids, ["a", "b", "c", "x2", "x2"]);
    let rows = "SELECT string_agg(id || x, ' ' ORDER BY id) FROM t";
    assert_eq!(text(&server, rows).await.as_deref(), Some("1c 4x2"));
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_that_leaves_one_row_as_it_was_refuses_that_one() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text);
         CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.x = 'skip' THEN RETURN NULL; END IF;
             IF NEW.x = 'raise' THEN RAISE EXCEPTION 'Not on a Sunday'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER guard BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION guard();",
    )
    .await;
    for (x, message) in [
        ("skip", "a trigger of the table left everything as it was"),
        ("raise", "Not on a Sunday"),
    ] {
        let changes = (0..64).map(|n| {
            let x = if n == 41 { x } else { "fine" };
            json!({"op": "insert", "row": {"id": n, "x": x}})
        });
        let (status, body) = batch(&server, changes).await;
        assert_eq!(
            (status, &body["error"]["message"], &body["index"]),
            (422, &json!(message), &json!(41)),
            "{body}"
        );
    }
    let count = text(&server, "SELECT count(*) FROM t").await;
    assert_eq!(count.as_deref(), Some("0"));
    server.stop().await;
}

#[tokio::test]
async fn rows_that_refer_to_each_other_come_and_go_in_any_order() {
    let server = Server::new("CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t)").await;
    let child_first = [(1, Value::from(2)), (2, Value::from(3)), (3, Value::Null)];
    let (status, body) = batch(
        &server,
        child_first
            .into_iter()
            .map(|(id, parent)| json!({"op": "insert", "row": {"id": id, "parent": parent}})),
    )
    .await;
    assert_eq!(status, 200, "{body}");
    let parent_first = [3, 2, 1].into_iter();
    let (status, body) = batch(
        &server,
        parent_first.map(|id| json!({"op": "delete", "key": [id]})),
    )
    .await;
    assert_eq!(status, 200, "{body}");
    server.stop().await;
}
