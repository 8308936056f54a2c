//! CSV.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::Server;

#[tokio::test]
async fn all_rows_of_the_query_are_exported() {
    let server = Server::new(
        "CREATE SCHEMA s; CREATE TABLE s.csv (id int PRIMARY KEY);
         CREATE TABLE t (id int PRIMARY KEY, \"a,b\" text, n numeric, j jsonb, at timestamptz,
                         ok boolean, tags text[]);
         INSERT INTO t VALUES
             (1, 'plain', 1.50, '{\"a\": \"b\"}', '2024-01-01 00:00+00', true, '{x,\"y z\"}'),
             (2, '', NULL, NULL, NULL, NULL, NULL),
             (3, NULL, 'NaN', '\"s\"', NULL, false, '{}'),
             (4, E'line\\nbreak, \"quoted\"', 0, '1', NULL, NULL, NULL);
         CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t);
         INSERT INTO u SELECT g, g FROM generate_series(1, 4) g; INSERT INTO u VALUES (5, NULL);",
    )
    .await;
    let answer = server
        .get("/api/rows/t.csv?order=id&limit=1&offset=2")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"t.csv\"")
    );
    assert_eq!(
        answer.text(),
        "id,\"a,b\",n,j,at,ok,tags\r\n\
         1,plain,1.50,\"{\"\"a\"\": \"\"b\"\"}\",2024-01-01T00:00:00+00:00,true,\"[\"\"x\"\", \"\"y z\"\"]\"\r\n\
         2,\"\",,,,,\r\n\
         3,,NaN,\"\"\"s\"\"\",,false,[]\r\n\
         4,\"line\nbreak, \"\"quoted\"\"\",0,1,,,\r\n"
    );
    let selected = server
        .get("/api/rows/t.csv?select=ok,id&id=lt.3&order=id.desc")
        .await;
    assert_eq!(selected.text(), "ok,id\r\n,2\r\ntrue,1\r\n");
    let embedded = server
        .get("/api/rows/u.csv?select=id,t(%22a,b%22,n)&order=t(n).desc.nullslast,id&t.id=lt.4")
        .await;
    assert_eq!(
        embedded.text(),
        "id,\"t.a,b\",t.n\r\n3,,NaN\r\n1,plain,1.50\r\n2,\"\",\r\n"
    );
    let none = server.get("/api/rows/t.csv?id=eq.99&select=id").await;
    assert_eq!(none.text(), "id\r\n");
    for (path, status, code) in [
        ("/api/rows/nosuch.csv", 404, "unknown_table"),
        ("/api/rows/t.csv?id=eq.x", 400, "invalid_value"),
        ("/api/rows/t.csv?nosuch=eq.x", 400, "unknown_column"),
    ] {
        let (got, got_code, _) = server.error(path).await;
        assert_eq!((got, &*got_code), (status, code), "{path}");
    }
    assert_eq!(server.json("/api/rows/s.csv").await["total"], 0);
    assert_eq!(server.get("/api/rows/s.csv.csv").await.text(), "id\r\n");
    server.stop().await;
}

#[tokio::test]
async fn formulas_are_marked_as_text_where_that_is_asked() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, \"=x\" text, escape text);
         INSERT INTO t VALUES (-1, '=1+1', 'a'), (2, '-2', 'b');",
    )
    .await;
    let plain = server.get("/api/rows/t.csv?order=id").await;
    assert_eq!(plain.text(), "id,=x,escape\r\n-1,=1+1,a\r\n2,-2,b\r\n");
    let escaped = server
        .get("/api/rows/t.csv?order=id&escape=formulas&escape=eq.a")
        .await;
    assert_eq!(escaped.text(), "id,'=x,escape\r\n-1,'=1+1,a\r\n");
    server.stop().await;
}

#[tokio::test]
async fn all_rows_of_the_query_are_exported_as_objects() {
    let server = Server::new(
        "CREATE SCHEMA s; CREATE TABLE s.json (id int PRIMARY KEY);
         CREATE TABLE t (id int PRIMARY KEY, \"a\"\"b\" text, n numeric, j jsonb, u int REFERENCES t);
         INSERT INTO t VALUES (1, 'line\nbreak', 12345678901234567890.50, '{\"a\": 1}', 2),
             (2, NULL, NULL, NULL, NULL);",
    )
    .await;
    let answer = server
        .get("/api/rows/t.json?order=id&limit=1&offset=1")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"t.json\"")
    );
    assert_eq!(
        answer.text(),
        "[{\"id\":1,\"a\\\"b\":\"line\\nbreak\",\"n\":12345678901234567890.50,\"j\":{\"a\": 1},\"u\":2},\n\
         {\"id\":2,\"a\\\"b\":null,\"n\":null,\"j\":null,\"u\":null}]\n"
    );
    let some = server.get("/api/rows/t.json?select=id,u(n)&id=eq.2").await;
    assert_eq!(some.text(), "[{\"id\":2,\"u.n\":null}]\n");
    assert_eq!(server.get("/api/rows/t.json?id=eq.9").await.text(), "[]\n");
    assert_eq!(server.json("/api/rows/s.json").await["total"], 0);
    assert_eq!(server.get("/api/rows/s.json.json").await.text(), "[]\n");
    let (status, code, _) = server.error("/api/rows/nosuch.json").await;
    assert_eq!((status, &*code), (404, "unknown_table"));
    server.stop().await;
}

#[tokio::test]
async fn a_large_table_is_streamed_and_a_client_that_leaves_frees_its_place() {
    let server = Server::new(
        "CREATE TABLE big (id int PRIMARY KEY, t text);
         INSERT INTO big SELECT g, repeat('x', 100) FROM generate_series(1, 200000) AS g;",
    )
    .await;
    // More clients than there are places, each of which breaks off in the midst.
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let request = format!(
            "GET /api/rows/big.csv HTTP/1.1\r\nHost: {}\r\n\r\n",
            server.addr
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        drop(stream);
        if &head == b"HTTP/1.1 200 OK" {
            continue;
        }
        // All places are taken until the server notices: that is said, and it ends.
        assert_eq!(&head, b"HTTP/1.1 503 Se");
    }
    let text = loop {
        let answer = server.get("/api/rows/big.csv?order=id").await;
        if answer.status == 200 {
            break answer.text();
        }
        assert_eq!(answer.error().1, "too_busy");
        tokio::task::yield_now().await;
    };
    assert_eq!(text.lines().count(), 200_001);
    assert!(text.ends_with(&format!("200000,{}\r\n", "x".repeat(100))));
    server.stop().await;
}
