//! A server that is about to stop sends its clients elsewhere and goes on serving.

use std::time::Duration;

use serde_json::Value;
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
