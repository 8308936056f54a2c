//! TLS by certificate files.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    certificates::{Certificate, Files},
    cluster::Cluster,
    people::{TABLE, account, form, session},
    server::{Answer, Server},
};

/// How long a test waits for what takes ten seconds at most, however busy the machine is.
const SOON: Duration = Duration::from_secs(120);

/// A server with this certificate.
async fn encrypted(files: &Files, sql: &str, auth: &str, clients: u32) -> Server {
    let database = Cluster::shared().database().await;
    Server::set(database, sql, |settings| {
        settings.auth = auth.to_owned();
        settings.max_clients = clients.to_string();
        settings.entrance.tls_cert = Some(files.certificate());
        settings.entrance.tls_key = Some(files.key());
    })
    .await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn requests_are_answered_encrypted_and_cookies_are_for_that_alone() {
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    let server = encrypted(&files, TABLE, "on", 100).await;
    account(&server, "ann", &[]).await;
    let page = certificate.send(server.addr, &get("/login")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").is_some());
    // Whatever else runs on this machine is reached by the same name.
    assert_eq!(page.header("strict-transport-security"), None);
    let form = form("ann");
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nOrigin: https://localhost\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = certificate.send(server.addr, &request).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = session(&answer);
    assert!(cookie.starts_with("__Host-rowcast="), "{cookie}");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/"));
    let pair = cookie.split(';').next().unwrap();
    let request = format!(
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {pair}\r\n\r\n"
    );
    let me = certificate.send(server.addr, &request).await;
    assert_eq!(me.json().1["name"], "ann");
    server.stop().await;
}

#[tokio::test]
async fn a_live_query_comes_whole_through_the_encryption() {
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    // More than encryption and network hold between them.
    let sql = "CREATE TABLE t (id int PRIMARY KEY, name text);
        INSERT INTO t SELECT g, repeat('x', 8192) FROM generate_series(1, 1000) g;
        SELECT rowcast.watch('t');";
    let server = encrypted(&files, sql, "off", 100).await;
    let stream = certificate.connect(server.addr).await.unwrap();
    let (mut socket, _) = client_async("wss://localhost/api/ws", stream)
        .await
        .unwrap();
    let subscribe = json!({"type": "subscribe", "id": 1, "table": "t", "query": "limit=1000"});
    socket
        .send(Message::text(subscribe.to_string()))
        .await
        .unwrap();
    let snapshot: Value = loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            break serde_json::from_str(&text).unwrap();
        }
    };
    assert_eq!(snapshot["rows"].as_array().unwrap().len(), 1000);
    server
        .database
        .execute("UPDATE t SET name = 'y' WHERE id = 7")
        .await;
    let patch: Value = loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            break serde_json::from_str(&text).unwrap();
        }
    };
    assert_eq!(patch["ops"][0]["cells"], json!({"name": "y"}));
    socket.close(None).await.unwrap();
    // As does what is not a socket's.
    let rows = certificate
        .send(server.addr, &get("/api/rows/t?limit=1000"))
        .await;
    assert_eq!(rows.json().1["rows"].as_array().unwrap().len(), 1000);
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_encrypt_is_told_so_at_once() {
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    let server = encrypted(&files, "", "on", 100).await;
    for request in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "NONSENSE", "G"] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = vec![0; 4096];
        let mut length = 0;
        // The client has not ended its side.
        while !bytes[..length].ends_with(b"}}") {
            let more = timeout(SOON, stream.read(&mut bytes[length..])).await;
            let more = more.expect("an answer").unwrap();
            assert!(more > 0, "{:?}", String::from_utf8_lossy(&bytes[..length]));
            length += more;
        }
        let (status, code, message) = Answer::parse(&bytes[..length]).error();
        assert_eq!((status, code.as_str()), (400, "https_required"));
        assert!(message.contains("HTTPS"), "{message}");
    }
    assert_eq!(
        certificate.send(server.addr, &get("/login")).await.status,
        200
    );
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_keeps_its_place_for_ten_seconds_and_no_longer() {
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    // Two connections in all.
    let server = encrypted(&files, "", "on", 1).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    let mut begun = TcpStream::connect(server.addr).await.unwrap();
    // The head of a handshake of 512 bytes, and one byte of it.
    begun.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let served = timeout(SOON, certificate.send(server.addr, &get("/login"))).await;
    assert_eq!(served.expect("it ends").status, 200);
    // It was one of these that made room, and the other ends as well.
    let mut rest = Vec::new();
    for stream in [&mut silent, &mut begun] {
        let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is cut off");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_told_before_anything_is_begun() {
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    let other = Files::of(&Certificate::new());
    let broken = Files::of(&certificate);
    broken.write("-----BEGIN CERTIFICATE-----\nAAAA\n", "nothing");
    let unreadable = Files::of(&certificate);
    unreadable.write(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let missing = "/nowhere/certificate.pem".to_owned();
    for (name, cert, key, says) in [
        (
            "ROWCAST_TLS_CERT",
            missing.clone(),
            files.key(),
            "no such file",
        ),
        (
            "ROWCAST_TLS_KEY",
            files.certificate(),
            missing,
            "no such file",
        ),
        (
            "ROWCAST_TLS_CERT",
            files.key(),
            files.key(),
            "no certificate",
        ),
        (
            "ROWCAST_TLS_CERT",
            broken.certificate(),
            files.key(),
            "no PEM",
        ),
        (
            "ROWCAST_TLS_KEY",
            files.certificate(),
            broken.key(),
            "no private key",
        ),
        (
            "ROWCAST_TLS_KEY",
            files.certificate(),
            other.key(),
            "not the key",
        ),
        (
            "ROWCAST_TLS_KEY",
            files.certificate(),
            unreadable.key(),
            "no kind",
        ),
        (
            "ROWCAST_TLS_CERT",
            unreadable.certificate(),
            files.key(),
            "can't be read",
        ),
        (
            "ROWCAST_TLS_CERT",
            std::env::temp_dir().display().to_string(),
            files.key(),
            "read",
        ),
        (
            "ROWCAST_TLS_KEY",
            files.certificate(),
            String::new(),
            "is set",
        ),
        ("ROWCAST_TLS_CERT", String::new(), files.key(), "is set"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rowcast"))
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x")
            .env("ROWCAST_ADDR", "127.0.0.1:0")
            .env("ROWCAST_TLS_CERT", &cert)
            .env("ROWCAST_TLS_KEY", &key)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with(&format!("rowcast: {name} is ")), "{told}");
        assert!(told.contains(says) && told.contains("allowed is"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!told.contains("AAAA"), "{told}");
    }
}
