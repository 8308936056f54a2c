//! Inserting, updating and deleting one row.

use serde_json::json;

use crate::{server::Server, text};

const ORDERS: &str = "
    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL,
        amount numeric(10,2), done boolean NOT NULL DEFAULT false,
        doubled numeric GENERATED ALWAYS AS (amount * 2) STORED);
    INSERT INTO orders (title, amount) VALUES ('Paper', 12.50), ('Ink', 80);";

#[tokio::test]
async fn a_row_is_inserted_and_answered_as_it_is_in_the_table() {
    let server = Server::new(ORDERS).await;
    let answer = server
        .write(
            "POST",
            "/api/rows/orders",
            r#"{"title": "Desk", "amount": 99.9}"#,
        )
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/api/rows/orders/3"));
    assert_eq!(
        answer.text(),
        r#"{"id":3,"title":"Desk","amount":99.90,"done":false,"doubled":199.80}"#
    );
    let rows = server.json("/api/rows/orders?id=eq.3").await;
    assert_eq!(
        rows["rows"][0]["cells"],
        json!([3, "Desk", 99.90, false, 199.80])
    );
    server.stop().await;
}

#[tokio::test]
async fn a_row_of_defaults_alone_is_inserted() {
    let server = Server::new(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text DEFAULT 'd');
         CREATE TABLE log (line text);",
    )
    .await;
    let answer = server.write("POST", "/api/rows/t", "{}").await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (201, r#"{"id":1,"x":"d"}"#)
    );
    // A table without a key takes rows, which have no address then.
    let answer = server
        .write("POST", "/api/rows/log", r#"{"line":"x"}"#)
        .await;
    assert_eq!((answer.status, &*answer.text()), (201, r#"{"line":"x"}"#));
    assert_eq!(answer.header("location"), None);
    server.stop().await;
}

#[tokio::test]
async fn values_are_set_and_others_stay() {
    let server = Server::new(ORDERS).await;
    let answer = server
        .write(
            "PATCH",
            "/api/rows/orders/1",
            r#"{"set": {"amount": 13, "done": true}}"#,
        )
        .await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (
            200,
            r#"{"id":1,"title":"Paper","amount":13.00,"done":true,"doubled":26.00}"#
        )
    );
    let answer = server
        .write(
            "PATCH",
            "/api/rows/orders/1",
            r#"{"set": {"amount": null}}"#,
        )
        .await;
    assert_eq!(answer.json().1["amount"], json!(null));
    let other = text(&server, "SELECT orders FROM orders WHERE id = 2").await;
    assert_eq!(other.as_deref(), Some("(2,Ink,80.00,f,160.00)"));
    server.stop().await;
}

#[tokio::test]
async fn a_row_that_is_not_as_expected_is_not_written_and_is_answered_as_it_is() {
    let server = Server::new(ORDERS).await;
    let stale = r#"{"set": {"title": "mine"}, "expect": {"title": "Paper", "amount": 12.5}}"#;
    server
        .database
        .execute("UPDATE orders SET title = 'theirs' WHERE id = 1")
        .await;
    let (status, body) = server
        .write("PATCH", "/api/rows/orders/1", stale)
        .await
        .json();
    assert_eq!((status, &body["error"]["code"]), (409, &json!("conflict")));
    assert_eq!(body["changed"], json!(["title"]));
    assert_eq!(
        body["row"],
        json!({"id": 1, "title": "theirs", "amount": 12.50, "done": false, "doubled": 25.00})
    );
    let expect = r#"{"expect": {"title": "Paper", "done": true}}"#;
    let (status, body) = server
        .write("DELETE", "/api/rows/orders/1", expect)
        .await
        .json();
    assert_eq!((status, &body["changed"]), (409, &json!(["title", "done"])));
    let fresh = r#"{"set": {"title": "mine"}, "expect": {"title": "theirs", "amount": 12.5}}"#;
    let answer = server.write("PATCH", "/api/rows/orders/1", fresh).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let expect = r#"{"expect": {"title": "mine"}}"#;
    let answer = server.write("DELETE", "/api/rows/orders/1", expect).await;
    assert_eq!((answer.status, &*answer.text()), (204, ""));
    server.stop().await;
}

#[tokio::test]
async fn a_row_is_deleted_once() {
    let server = Server::new(ORDERS).await;
    assert_eq!(
        server
            .send("DELETE", "/api/rows/orders/2", &[])
            .await
            .status,
        204
    );
    for method in ["DELETE", "PATCH"] {
        let body = if method == "PATCH" {
            r#"{"set":{"title":"x"},"expect":{"title":"Ink"}}"#
        } else {
            "{}"
        };
        let answer = server.write(method, "/api/rows/orders/2", body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (404, "unknown_row"),
            "{method}"
        );
    }
    let count = text(&server, "SELECT count(*) FROM orders").await;
    assert_eq!(count.as_deref(), Some("1"));
    server.stop().await;
}

#[tokio::test]
async fn the_author_is_known_to_triggers_for_that_write_alone() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text);
         CREATE TABLE seen (what text, author text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO seen VALUES (TG_OP, current_setting('rowcast.author', true));
             RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();",
    )
    .await;
    let ann = [("Rowcast-Author", "Zo%C3%AB%20A.")];
    server
        .write_with("POST", "/api/rows/t", r#"{"id":1}"#, &ann)
        .await;
    server
        .write("PATCH", "/api/rows/t/1", r#"{"set":{"x":"a"}}"#)
        .await;
    server
        .write_with("PATCH", "/api/rows/t/1", r#"{"set":{"x":"b"}}"#, &ann)
        .await;
    server
        .write_with("DELETE", "/api/rows/t/1", "{}", &ann)
        .await;
    let seen = text(
        &server,
        "SELECT string_agg(what || ':' || author, ',') FROM seen",
    )
    .await;
    assert_eq!(
        seen.as_deref(),
        Some("INSERT:Zoë A.,UPDATE:,UPDATE:Zoë A.,DELETE:Zoë A.")
    );
    let wrong = [("Rowcast-Author", "a%0Ab")];
    let answer = server
        .write_with("POST", "/api/rows/t", r#"{"id":2}"#, &wrong)
        .await;
    assert_eq!((answer.status, &*answer.error().1), (400, "invalid_author"));
    server.stop().await;
}

#[tokio::test]
async fn a_row_may_move_to_another_partition() {
    let server = Server::new(
        "CREATE TABLE p (id int, region text, x text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
         CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu');
         CREATE TABLE p_us PARTITION OF p FOR VALUES IN ('us');
         INSERT INTO p VALUES (1, 'eu', 'a');",
    )
    .await;
    let answer = server
        .write(
            "PATCH",
            "/api/rows/p/1,eu",
            r#"{"set":{"region":"us"},"expect":{"x":"a"}}"#,
        )
        .await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (200, r#"{"id":1,"region":"us","x":"a"}"#)
    );
    let place = text(&server, "SELECT tableoid::regclass FROM p").await;
    assert_eq!(place.as_deref(), Some("p_us"));
    let (status, body) = server
        .write("PATCH", "/api/rows/p/1,us", r#"{"set":{"region":"mars"}}"#)
        .await
        .json();
    assert_eq!((status, &body["error"]["code"]), (422, &json!("check")));
    assert_eq!(body["columns"], json!(["region"]));
    let answer = server.write("DELETE", "/api/rows/p/1,us", "{}").await;
    assert_eq!(answer.status, 204);
    server.stop().await;
}

#[tokio::test]
async fn names_of_any_kind_are_written() {
    let server = Server::new(
        r#"CREATE SCHEMA "a b";
           CREATE TYPE "a b"."Ty pe" AS ENUM ('x"y', 'z');
           CREATE TABLE "a b"."T""able" ("select" int PRIMARY KEY, "a""b,c" "a b"."Ty pe", "t" text, "asked" text);"#,
    )
    .await;
    let path = "/api/rows/a%20b.T%22able";
    let answer = server
        .write(
            "POST",
            path,
            r#"{"select": 1, "a\"b,c": "x\"y", "t": "t", "asked": "a"}"#,
        )
        .await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (201, r#"{"select":1,"a\"b,c":"x\"y","t":"t","asked":"a"}"#)
    );
    assert_eq!(
        answer.header("location"),
        Some("/api/rows/a%20b.T%22able/1")
    );
    let answer = server
        .write(
            "PATCH",
            &format!("{path}/1"),
            r#"{"set": {"a\"b,c": "z", "asked": "b"}, "expect": {"a\"b,c": "x\"y", "t": "t"}}"#,
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.stop().await;
}
