//! Keys in addresses.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_key_of_one_value_is_the_whole_segment_decoded() {
    let server = Server::new("CREATE TABLE t (k text PRIMARY KEY, x int)").await;
    for (key, segment) in [
        ("plain", "plain"),
        ("a,b", "a%2Cb"),
        ("a,b", "a,b"),
        ("50%", "50%25"),
        ("a/b", "a%2Fb"),
        ("a b+c", "a%20b+c"),
        ("ä\u{1f600}", "%C3%A4%F0%9F%98%80"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2C", "%252C"),
        ("null", "null"),
        ("x.csv", "x.csv"),
    ] {
        let body = json!({"k": key, "x": 0}).to_string();
        let inserted = server.write("POST", "/api/rows/t", &body).await;
        assert_eq!(inserted.status, 201, "{key}: {}", inserted.text());
        let path = format!("/api/rows/t/{segment}");
        let (status, body) = server
            .write("PATCH", &path, r#"{"set":{"x":1}}"#)
            .await
            .json();
        assert_eq!((status, &body["k"]), (200, &json!(key)), "{segment}");
        // The address that an insert answers is one that the row has.
        let location = inserted.header("location").unwrap();
        assert_eq!(
            server.send("DELETE", location, &[]).await.status,
            204,
            "{location}"
        );
    }
    let answer = server
        .write("PATCH", "/api/rows/t/%FF", r#"{"set":{"x":1}}"#)
        .await;
    assert_eq!((answer.status, &*answer.error().1), (400, "bad_request"));
    server.stop().await;
}

#[tokio::test]
async fn values_of_a_composite_key_are_parted_before_they_are_decoded() {
    let server = Server::new(
        "CREATE TABLE t (a text, b int, c date, x int, PRIMARY KEY (c, a, b));
         INSERT INTO t VALUES ('a,b', 1, '2024-02-29', 0), ('', 1, '2024-02-29', 0);",
    )
    .await;
    let set = r#"{"set":{"x":1}}"#;
    let (status, body) = server
        .write("PATCH", "/api/rows/t/2024-02-29,a%2Cb,1", set)
        .await
        .json();
    assert_eq!((status, &body["a"]), (200, &json!("a,b")));
    let (status, body) = server
        .write("PATCH", "/api/rows/t/2024-02-29,,1", set)
        .await
        .json();
    assert_eq!((status, &body["a"]), (200, &json!("")));
    for wrong in ["2024-02-29,a,b,1", "2024-02-29,1", "1"] {
        let answer = server
            .write("PATCH", &format!("/api/rows/t/{wrong}"), set)
            .await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (400, "invalid_key"),
            "{wrong}"
        );
    }
    let (status, body) = server
        .write("PATCH", "/api/rows/t/x-y,a,x", set)
        .await
        .json();
    assert_eq!(
        (status, &body["error"]["code"]),
        (400, &json!("invalid_value"))
    );
    assert_eq!(body["columns"], json!(["c", "b"]));
    let inserted = server
        .write(
            "POST",
            "/api/rows/t",
            r#"{"a":"x/y,z","b":-1,"c":"2024-01-01","x":0}"#,
        )
        .await;
    let location = inserted.header("location").unwrap();
    assert_eq!(location, "/api/rows/t/2024-01-01,x%2Fy%2Cz,-1");
    assert_eq!(server.send("DELETE", location, &[]).await.status, 204);
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_changes_is_answered_anew() {
    let server =
        Server::new("CREATE TABLE t (k text PRIMARY KEY); INSERT INTO t VALUES ('a')").await;
    let answer = server
        .write("PATCH", "/api/rows/t/a", r#"{"set":{"k":"b"}}"#)
        .await;
    assert_eq!((answer.status, &*answer.text()), (200, r#"{"k":"b"}"#));
    let again = server
        .write("PATCH", "/api/rows/t/a", r#"{"set":{"k":"c"}}"#)
        .await;
    assert_eq!(again.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn keys_of_every_kind_find_their_row_and_no_other() {
    let server = Server::new(
        "CREATE TABLE n (k numeric(10,2) PRIMARY KEY, x int); INSERT INTO n VALUES (1.01, 0);
         CREATE TABLE b (k bigint PRIMARY KEY, x int); INSERT INTO b VALUES (9007199254740993, 0);
         CREATE TABLE c (k char(5) PRIMARY KEY, x int); INSERT INTO c VALUES ('ab', 0);
         CREATE TABLE a (k int[] PRIMARY KEY, x int); INSERT INTO a VALUES ('{1,2}', 0);
         CREATE TABLE j (k jsonb PRIMARY KEY, x int); INSERT INTO j VALUES ('{\"a\": 1}', 0);
         CREATE TABLE y (k bytea PRIMARY KEY, x int); INSERT INTO y VALUES ('\\x00ff', 0);
         CREATE TABLE z (k timestamptz PRIMARY KEY, x int); INSERT INTO z VALUES ('2024-01-01 12:00+02', 0);
         CREATE TABLE r (k int4range PRIMARY KEY, x int); INSERT INTO r VALUES ('[1,5)', 0);
         CREATE DOMAIN short AS varchar(3) CHECK (VALUE <> 'bad');
         CREATE TABLE d (k short PRIMARY KEY, x int); INSERT INTO d VALUES ('abc', 0);
         CREATE TABLE u (name text NOT NULL UNIQUE, x int); INSERT INTO u VALUES ('n', 0);",
    )
    .await;
    let set = r#"{"set":{"x":1}}"#;
    for (path, status) in [
        ("n/1.01", 200),
        ("n/1.010", 200),
        // Nothing is rounded until it fits.
        ("n/1.005", 404),
        ("b/9007199254740993", 200),
        ("b/9007199254740992", 404),
        ("c/ab", 200),
        ("c/ab%20%20%20", 200),
        ("a/%5B1%2C2%5D", 200),
        ("a/%7B1%2C2%7D", 200),
        ("a/%5B2%2C1%5D", 404),
        ("j/%7B%22a%22%3A1.0%7D", 200),
        ("j/%22a%22", 404),
        ("y/%5Cx00ff", 200),
        ("z/2024-01-01T10:00:00%2B00:00", 200),
        ("r/%5B1,4%5D", 200),
        ("d/abc", 200),
        ("d/bad", 404),
        ("d/abcdef", 404),
        ("u/n", 200),
    ] {
        let answer = server
            .write("PATCH", &format!("/api/rows/{path}"), set)
            .await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    server.stop().await;
}
