//! Requests that are refused before anything is written.

use crate::{server::Server, text};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (1, 'a')";

#[tokio::test]
async fn a_page_of_another_origin_does_not_write() {
    let server = Server::new(TABLE).await;
    let origin = [("Origin", "http://evil.example")];
    for (method, path, body) in [
        ("POST", "/api/rows/t", r#"{"id":2}"#),
        ("PATCH", "/api/rows/t/1", r#"{"set":{"x":"b"}}"#),
        ("DELETE", "/api/rows/t/1", "{}"),
    ] {
        let answer = server.write_with(method, path, body, &origin).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (403, "wrong_origin"),
            "{method}"
        );
        for plain in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let headers = [("Content-Type", plain)];
            let answer = server.write_with(method, path, body, &headers).await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (415, "unsupported_media_type")
            );
        }
    }
    let own = format!("http://{}", server.addr);
    let own = [
        ("Origin", own.as_str()),
        ("Content-Type", "application/json; charset=utf-8"),
    ];
    let answer = server
        .write_with("POST", "/api/rows/t", r#"{"id":2}"#, &own)
        .await;
    assert_eq!(answer.status, 201);
    let rows = text(
        &server,
        "SELECT string_agg(t::text, ';' ORDER BY id) FROM t",
    )
    .await;
    assert_eq!(rows.as_deref(), Some("(1,a);(2,)"));
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_refused() {
    let server = Server::new(TABLE).await;
    for (method, path, body) in [
        ("POST", "/api/rows/t", ""),
        ("POST", "/api/rows/t", "[]"),
        ("POST", "/api/rows/t", "{\"id\":2"),
        ("POST", "/api/rows/t", r#"{"id":2,"id":3}"#),
        ("POST", "/api/rows/t", r#"{"id":2}x"#),
        ("PATCH", "/api/rows/t/1", r#"{"x":"b"}"#),
        ("PATCH", "/api/rows/t/1", r#"{"set":{}}"#),
        (
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"x":"b"},"expected":{"x":"c"}}"#,
        ),
        ("PATCH", "/api/rows/t/1", r#"{"expect":{"x":"a"}}"#),
        ("DELETE", "/api/rows/t/1", r#"{"expects":{"x":"c"}}"#),
        ("DELETE", "/api/rows/t/1", r#"{"expect":["x"]}"#),
    ] {
        let answer = server.write(method, path, body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (400, "invalid_json"),
            "{method} {body}"
        );
    }
    let answer = server.write("PUT", "/api/rows/t/1", "{}").await;
    assert_eq!(
        (answer.status, &*answer.error().1),
        (405, "method_not_allowed")
    );
    let rows = text(&server, "SELECT string_agg(t::text, ';') FROM t").await;
    assert_eq!(rows.as_deref(), Some("(1,a)"));
    server.stop().await;
}

#[tokio::test]
async fn a_long_text_fits_and_a_body_beyond_the_bound_does_not() {
    let server = Server::new(TABLE).await;
    let long = "ä".repeat(1_500_000);
    let body = format!("{{\"set\":{{\"x\":\"{long}\"}}}}");
    let answer = server.write("PATCH", "/api/rows/t/1", &body).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains(&long));
    let declared = [
        ("Content-Length", "4194305"),
        ("Content-Type", "application/json"),
    ];
    let answer = server.send("PATCH", "/api/rows/t/1", &declared).await;
    assert_eq!((answer.status, &*answer.error().1), (413, "too_large"));
    // Without saying so beforehand.
    let mut request = format!(
        "PATCH /api/rows/t/1 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.addr
    );
    let chunk = "x".repeat(4 * 1024 * 1024 + 1);
    request += &format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
    let answer = server.raw(request.as_bytes()).await;
    assert_eq!((answer.status, &*answer.error().1), (413, "too_large"));
    server.stop().await;
}

#[tokio::test]
async fn a_row_that_is_larger_than_the_server_holds_is_not_written() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (1, 'a');
         CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.x := repeat(NEW.x, 70000000); RETURN NEW; END $$;
         CREATE TRIGGER grow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION grow();",
    )
    .await;
    for (method, path, body) in [
        ("PATCH", "/api/rows/t/1", r#"{"set":{"x":"b"}}"#),
        (
            "POST",
            "/api/batch/t",
            r#"{"changes":[{"op":"update","key":[1],"set":{"x":"b"}}]}"#,
        ),
        ("POST", "/api/bulk/t", r#"{"set":{"x":"b"},"count":1}"#),
    ] {
        let answer = server.write(method, path, body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (413, "too_large"),
            "{path}"
        );
    }
    let x = text(&server, "SELECT x FROM t").await;
    assert_eq!(x.as_deref(), Some("a"));
    server.stop().await;
}
