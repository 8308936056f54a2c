//! Requests that are refused.

use crate::server::Server;

#[tokio::test]
async fn every_answer_has_the_protective_headers() {
    let server = Server::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    for path in [
        "/",
        "/api/tables",
        "/api/nosuch",
        "/healthz",
        "/nosuch",
        "/tables/t",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(policy.contains("default-src 'none'"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    server.stop().await;
}

#[tokio::test]
async fn another_host_or_origin_is_refused() {
    let server = Server::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    for path in [
        "/",
        "/api/tables",
        "/api/rows/t",
        "/metrics",
        "/api/ws",
        "/api/live/t",
    ] {
        for host in ["evil.example", "127.0.0.1.evil.example:3000", "192.168.0.1"] {
            let answer = server.send("GET", path, &[("Host", host)]).await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (403, "wrong_host"),
                "{path} {host}"
            );
        }
    }
    let port = server.addr.port();
    let local = format!("localhost:{port}");
    assert_eq!(
        server
            .send("GET", "/api/tables", &[("Host", &local)])
            .await
            .status,
        200
    );
    let upgrade = [
        ("Connection", "close, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for origin in [
        "http://evil.example",
        "null",
        &format!("http://127.0.0.1:{}", port ^ 1),
    ] {
        let mut headers = upgrade.to_vec();
        headers.push(("Origin", origin));
        let mut head = "GET /api/ws HTTP/1.1\r\n".to_owned();
        head += &format!("Host: {}\r\n", server.addr);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let answer = server.raw(format!("{head}\r\n").as_bytes()).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (403, "wrong_origin"),
            "{origin}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let server = Server::new("CREATE TABLE t (id int PRIMARY KEY, x text)").await;
    let long = |length| format!("/api/rows/t?x=eq.{}", "a".repeat(length));
    assert_eq!(server.get(&long(10_000)).await.status, 200);
    let (status, code, _) = server.error(&long(20_000)).await;
    assert_eq!((status, &*code), (414, "uri_too_long"));
    let body = server
        .send("POST", "/api/rows/t", &[("Content-Length", "999999999")])
        .await;
    assert_eq!((body.status, &*body.error().1), (413, "too_large"));
    let many = "X-Many: x\r\n".repeat(5000);
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{many}\r\n", server.addr);
    assert_eq!(server.raw(head.as_bytes()).await.status, 431);
    assert_eq!(server.raw(b"NONSENSE\r\n\r\n").await.status, 400);
    assert_eq!(server.get("/api/tables").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_names_no_address_here_is_answered() {
    let server = Server::new("").await;
    let host = server.addr;
    for line in [
        "GET x",
        "GET .20",
        "POST example.com:443",
        "CONNECT example.com:443",
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = server.raw(request.as_bytes()).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (400, "bad_request"),
            "{line}"
        );
    }
    server.stop().await;
}
