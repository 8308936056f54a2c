//! CSV files into tables.

use serde_json::{Value, json};

use crate::{
    server::{Answer, Server},
    socket::Socket,
    text,
};

const TABLE: &str = "CREATE TYPE colour AS ENUM ('red', 'green');
    CREATE TABLE t (id int PRIMARY KEY, title text, n numeric CHECK (n < 100), due date,
        colour colour DEFAULT 'red', tags text[], j jsonb);";

async fn import(server: &Server, query: &str, file: &str) -> Answer {
    let csv = [("Content-Type", "text/csv; charset=utf-8")];
    let path = format!("/api/import/t?{query}");
    server.write_with("POST", &path, file, &csv).await
}

async fn rows(server: &Server) -> String {
    let all = "SELECT string_agg(t::text, ' ' ORDER BY id) FROM t";
    text(server, all).await.unwrap_or_default()
}

#[tokio::test]
async fn all_rows_of_a_file_are_inserted() {
    let server = Server::new(&format!("{TABLE} SELECT rowcast.watch('t')")).await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket.subscribe(1, "t", "order=id").await;
    let file = "id,title,n,due,colour,tags,j\r\n\
        1,\"a, \"\"b\"\"\",12345678901234567890.50e-19,2024-02-29,green,\"{x,y}\",\"{\"\"a\"\": 1}\"\r\n\
        2,,,,,,\r\n\
        3,\"\",1,2024-01-01,red,\"[\"\"p q\"\"]\",3\r\n";
    let answer = import(&server, "", file).await;
    assert_eq!((answer.status, &*answer.text()), (201, r#"{"count":3}"#));
    assert_eq!(
        rows(&server).await,
        r#"(1,"a, ""b""",1.234567890123456789050,2024-02-29,green,"{x,y}","{""a"": 1}") (2,,,,,,) (3,"",1,2024-01-01,red,"{""p q""}",3)"#
    );
    // It was one transaction.
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"].as_array().map(Vec::len), Some(3), "{patch}");
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    let server = Server::new(&format!(
        "{TABLE} INSERT INTO t VALUES
            (1, '', 1.50, 'infinity', 'green', '{{\"a,b\",NULL,\"\"}}', '{{\"x\": \"a\\nb\"}}'),
            (2, NULL, NULL, NULL, NULL, '{{}}', '\"s\"'), (3, E'=1\\r\\n\"q\"', 99.0, NULL, NULL, NULL, NULL);"
    ))
    .await;
    let before = rows(&server).await;
    let file = server.get("/api/rows/t.csv?order=id").await.text();
    server.database.execute("DELETE FROM t").await;
    let answer = import(&server, "", &file).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(rows(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn fields_go_where_the_request_says() {
    let server = Server::new(TABLE).await;
    let answer = import(
        &server,
        "columns=title,,id&header=true",
        "Name;What;No\nPaper;x;1\n",
    )
    .await;
    assert_eq!((answer.status, &*answer.text()), (201, r#"{"count":1}"#));
    let answer = import(&server, "columns=id%2C%22title%22&header=false", "2\tInk\n").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    // The names in the file are found in any case; columns that it lacks have their defaults.
    let answer = import(&server, "", "ID, Title\n3,Desk\n").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(
        rows(&server).await,
        "(1,Paper,,,red,,) (2,Ink,,,red,,) (3,Desk,,,red,,)"
    );
    for (query, file, status, code) in [
        ("", "id,nosuch\n4,x\n", 400, "unknown_column"),
        ("columns=id,nosuch", "a,b\n4,x\n", 400, "unknown_column"),
        ("columns=id", "a,b\n4,x\n", 400, "invalid_columns"),
        ("columns=id,id", "a,b\n4,x\n", 400, "invalid_columns"),
        ("columns=,", "a,b\n4,x\n", 400, "invalid_columns"),
        ("header=false", "4,x\n", 400, "invalid_columns"),
        ("", "id,ID\n4,5\n", 400, "invalid_columns"),
        ("", "", 400, "invalid_csv"),
        ("nosuch=1", "id\n4\n", 400, "invalid_parameter"),
    ] {
        let answer = import(&server, query, file).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (status, code),
            "{query} {file}"
        );
    }
    let json = server.write("POST", "/api/import/t", "id\n4\n").await;
    assert_eq!(
        (json.status, &*json.error().1),
        (415, "unsupported_media_type")
    );
    server
        .database
        .execute("CREATE VIEW v AS SELECT * FROM t; CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY, x int)")
        .await;
    let csv = [("Content-Type", "text/csv")];
    let view = server
        .write_with("POST", "/api/import/v", "id\n4\n", &csv)
        .await;
    assert_eq!((view.status, &*view.error().1), (422, "not_editable"));
    let path = "/api/import/g?columns=id,x";
    let identity = server.write_with("POST", path, "a,b\n4,5\n", &csv).await;
    assert_eq!(
        (identity.status, &*identity.error().1),
        (422, "generated_column")
    );
    server.stop().await;
}

#[tokio::test]
async fn every_wrong_line_is_told_and_nothing_is_inserted() {
    let server = Server::new(&format!("{TABLE} INSERT INTO t (id) VALUES (7)")).await;
    let mut file = String::from("id,n,due,j,colour\n");
    for id in 100..1700 {
        file += &format!("{id},1,2024-01-01,{{}},red\n");
    }
    file += "1,x,tomorrow-ish,1,red\n2,100,2024-01-01,1,red\n7,1,,,\n3,1,2024-01-01\n\n4,1,,hello,red\n100,1,,,\n,1,,,\n5,1,,,blue\n";
    let (status, body) = import(&server, "", &file).await.json();
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("invalid_rows"))
    );
    let errors: Vec<(u64, Option<&str>, &str)> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let message = error["message"].as_str().unwrap();
            (
                error["line"].as_u64().unwrap(),
                error["column"].as_str(),
                message,
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (1602, Some("n"), "\"n\" takes a number, not \"x\""),
            (
                1602,
                Some("due"),
                "\"due\" takes a date such as 2026-03-02, not \"tomorrow-ish\""
            ),
            (1603, Some("n"), "\"n\" must satisfy n < (100)::numeric"),
            (1604, Some("id"), "another row has this \"id\" already"),
            (1605, None, "the row has 3 fields, the first one 5"),
            (1607, Some("j"), "\"j\" takes JSON"),
            (1608, Some("id"), "another row has this \"id\" already"),
            (1609, Some("id"), "\"id\" must have a value"),
            (
                1610,
                Some("colour"),
                "\"colour\" takes one of red, green, not \"blue\""
            ),
        ]
    );
    assert_eq!(
        text(&server, "SELECT count(*) FROM t").await.as_deref(),
        Some("1")
    );
    // A file of nothing but faults ends after a hundred of them.
    let file = format!("id\n{}", "x\n".repeat(5000));
    let (status, body) = import(&server, "", &file).await.json();
    assert_eq!(
        (status, body["errors"].as_array().map(Vec::len)),
        (422, Some(100))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_dry_run_tells_what_is_in_a_file_and_inserts_nothing() {
    let server = Server::new(TABLE).await;
    let mut file = String::from("id;Title;nosuch\n");
    for id in 1..=30 {
        file += &format!("{id};\"\";\n");
    }
    file += "x;t;y\n";
    let (status, body) = import(&server, "dry_run=true", &file).await.json();
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["columns"], json!(["id", "Title", "nosuch"]));
    assert_eq!(body["rows"], json!(31));
    assert_eq!(body["preview"].as_array().map(Vec::len), Some(20));
    assert_eq!(body["preview"][0], json!(["1", "", null]));
    assert_eq!(
        body["errors"],
        json!([
            {"line": 1, "column": "nosuch", "message": "the table has no such column"},
            {"line": 32, "column": "id", "message": "\"id\" takes a whole number, not \"x\""},
        ])
    );
    let query = "dry_run=true&columns=id,title,";
    let (_, body): (u16, Value) = import(&server, query, &file).await.json();
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
    let (_, body) = import(&server, "dry_run=true&header=false", "1,2\n")
        .await
        .json();
    assert_eq!(body["columns"], json!(["1", "2"]));
    assert_eq!(rows(&server).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_rule_that_is_checked_at_the_end_holds_for_the_file() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;
    let answer = import(&server, "", "id,parent\n1,2\n2,\n").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let (status, body) = import(&server, "", "id,parent\n3,4\n").await.json();
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("foreign_key"))
    );
    assert_eq!(body["columns"], json!(["parent"]));
    assert_eq!(rows(&server).await, "(1,2) (2,)");
    server.stop().await;
}

#[tokio::test]
async fn a_file_beyond_the_bound_is_refused() {
    let server = Server::new(TABLE).await;
    let long = format!("id,title\n1,{}\n", "x".repeat(1_000_000));
    assert_eq!(import(&server, "", &long).await.status, 201);
    let declared = [("Content-Length", "1048577"), ("Content-Type", "text/csv")];
    let answer = server.send("POST", "/api/import/t", &declared).await;
    assert_eq!((answer.status, &*answer.error().1), (413, "too_large"));
    server.stop().await;
}
