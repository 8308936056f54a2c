//! A server that is about to stop sends its clients elsewhere and goes on serving.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use sqlx::Connection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::Server;

#[tokio::test]
async fn clients_are_sent_elsewhere_while_the_rest_is_served() {
    let sql = "CREATE TABLE t (id int PRIMARY KEY); SELECT rowcast.watch('t');";
    let server = Server::new(sql).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /api/live/t HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    let request = format!(
        "GET /api/ws HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        server.addr
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let mut begun = [0; 1024];
    assert!(stream.read(&mut begun).await.unwrap() > 0);

    server.drain(Duration::ZERO);
    // Both end, whole, though the server does not.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the stream is whole");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    let is_close = |bytes: &[u8]| bytes[0] == 0x88 && bytes[2..] == 1001_u16.to_be_bytes();
    assert!(rest.windows(4).any(is_close), "{rest:?}");
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status, 503);
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["status"], "draining");
    assert_eq!(server.json("/api/rows/t").await["total"], 0);
    assert_eq!(server.get("/healthz").await.status, 200);
    server.stop().await;
}

/// A connection over which something has been asked already.
async fn kept(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = ask(&mut stream, server.addr).await;
    assert!(!head.contains("connection:"), "it stays: {head}");
    stream
}

/// The head of an answer that has a short body.
async fn ask(stream: &mut TcpStream, host: SocketAddr) -> String {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(br#"{"status":"ok"}"#) {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "cut off");
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn one_that_is_about_to_stop_keeps_no_connection_after_an_answer() {
    let server = Server::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let mut stream = kept(&server).await;
    server.drain(Duration::from_secs(3600));
    let head = ask(&mut stream, server.addr).await;
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    server.stop().await;
}

#[tokio::test]
async fn what_is_asked_before_the_end_is_answered_after_it_was_told() {
    let sql = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (7);
               SELECT rowcast.watch('t');
               CREATE TABLE other (id int PRIMARY KEY); SELECT rowcast.watch('other');";
    let server = Server::new(sql).await;
    // The first page of a process takes longest, and there is little time at its end.
    assert_eq!(server.get("/tables/other").await.status, 200);
    // Which columns it has is known; its rows were never read.
    assert_eq!(server.get("/api/tables/t").await.status, 200);
    let mut locked = server.database.connect().await;
    let mut locked = locked.begin().await.unwrap();
    sqlx::query("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *locked)
        .await
        .unwrap();
    let page = server.get("/tables/t");
    let stopped = async {
        let mut watching = server.database.connect().await;
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted";
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&mut watching)
            .await
            .unwrap()
            == 0
        {}
        server.trigger();
        // All that hears of it at once has.
        until_refused(server.addr).await;
        locked.rollback().await.unwrap();
    };
    let (page, ()) = tokio::join!(page, stopped);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("<td"), "{}", page.text());
    server.stop().await;
}

async fn until_refused(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {}
}
