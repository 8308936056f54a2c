//! What is connected when whoever connected may not be here any more.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    browser::{Browser, TABLE, account, bearer, token},
    server::Server,
};

/// How long a test waits for a connection's end: it ends within a second, but a machine that is
/// taken away from the test for longer is no fault.
const SOON: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn socket(server: &Server, header: &'static str, value: &str) -> Socket {
    let mut request = format!("ws://{}/api/ws", server.addr)
        .into_client_request()
        .unwrap();
    request.headers_mut().insert(header, value.parse().unwrap());
    let (socket, _) = connect_async(request).await.unwrap();
    socket
}

/// The code that a socket is closed with.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// An event stream, behind its first rows.
async fn stream(server: &Server, header: &str, value: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "GET /api/live/t HTTP/1.1\r\nHost: {}\r\n{header}: {value}\r\n\r\n",
        server.addr
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = String::new();
    while !heard.contains("snapshot") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{heard}");
        heard += &String::from_utf8_lossy(&bytes[..count]);
    }
    stream
}

/// Waits for a stream's last chunk.
async fn ended(stream: &mut TcpStream) {
    let mut heard = Vec::new();
    while !heard.ends_with(b"0\r\n\r\n") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap();
        if count == 0 {
            return;
        }
        heard.extend_from_slice(&bytes[..count]);
    }
}

/// A session's connections, and another's that stay.
struct Connected {
    socket: Socket,
    stream: TcpStream,
    other: Socket,
}

impl Connected {
    async fn by(server: &Server, header: &'static str, value: &str, other: &str) -> Self {
        Self {
            socket: socket(server, header, value).await,
            stream: stream(server, header, value).await,
            other: socket(server, "cookie", other).await,
        }
    }

    /// All that is the session's ends soon, and nothing else.
    async fn end(mut self) {
        timeout(SOON, async {
            assert_eq!(closed(&mut self.socket).await, 4002);
            ended(&mut self.stream).await;
        })
        .await
        .expect("the connections end");
        self.other
            .send(Message::Ping("still there".into()))
            .await
            .unwrap();
        while self.other.next().await.unwrap().unwrap() != Message::Pong("still there".into()) {}
    }
}

#[tokio::test]
async fn signing_out_ends_what_the_session_has_open() {
    let server = Server::guarded(TABLE).await;
    account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let mut ann = Browser::of(&server, "ann").await;

    let mut there = Browser::of(&server, "bob").await;
    let here = Browser::of(&server, "bob").await;
    let connected = Connected::by(&server, "cookie", &there.cookie(), &here.cookie()).await;
    there.post("/logout", &[]).await;
    connected.end().await;

    let mut here = Browser::of(&server, "bob").await;
    let there = Browser::of(&server, "bob").await;
    let connected = Connected::by(&server, "cookie", &there.cookie(), &here.cookie()).await;
    here.post("/account/sessions", &[]).await;
    connected.end().await;

    for what in ["sign-out", "disable"] {
        let there = Browser::of(&server, "bob").await;
        let connected = Connected::by(&server, "cookie", &there.cookie(), &ann.cookie()).await;
        let answer = ann.post(&format!("/users/{}/{what}", bob.0), &[]).await;
        assert_eq!(answer.status, 303);
        connected.end().await;
        let cookie = there.cookie();
        let answer = server.send("GET", "/api/me", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status, 401);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_another_server_or_sql_changes_ends_it_too() {
    let server = Server::guarded(TABLE).await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let other = Server::guarding(server.database.clone(), "").await;
    let ann = Browser::of(&server, "ann").await;
    let mut bob = Browser::of(&other, "bob").await;
    // A session is the same on both.
    let connected = Connected::by(&server, "cookie", &bob.cookie(), &ann.cookie()).await;
    bob.post("/logout", &[]).await;
    connected.end().await;

    for sql in [
        "UPDATE rowcast.session SET expires_at = now() WHERE account = \
           (SELECT id FROM rowcast.account WHERE name = 'bob')",
        "DELETE FROM rowcast.session WHERE account = \
           (SELECT id FROM rowcast.account WHERE name = 'bob')",
        "UPDATE rowcast.account SET disabled_at = now() WHERE name = 'bob'",
    ] {
        let bob = Browser::of(&server, "bob").await;
        let connected = Connected::by(&server, "cookie", &bob.cookie(), &ann.cookie()).await;
        server.database.execute(sql).await;
        connected.end().await;
    }
    other.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_session_and_a_token_end_when_their_time_is_over() {
    let server = Server::guarded(TABLE).await;
    let ann = account(&server, "ann", &[]).await;
    let bob = account(&server, "bob", &[]).await;
    let ann_there = Browser::of(&server, "ann").await;
    let bob_there = Browser::of(&server, "bob").await;
    let own = bearer(&token(&server, ann, "read").await);
    let by_session =
        Connected::by(&server, "cookie", &ann_there.cookie(), &bob_there.cookie()).await;
    let by_token = Connected::by(&server, "authorization", &own, &bob_there.cookie()).await;
    server
        .database
        .execute(&format!(
            "UPDATE rowcast.session SET expires_at = now() + interval '300 ms' WHERE account = {0};
             UPDATE rowcast.token SET expires_at = now() + interval '300 ms' WHERE account = {0}",
            ann.0
        ))
        .await;
    tokio::join!(by_session.end(), by_token.end());
    let own = bearer(&token(&server, bob, "read").await);
    let by_token = Connected::by(&server, "authorization", &own, &bob_there.cookie()).await;
    // And where nobody has used it for long.
    let idle = Browser::of(&server, "ann").await;
    let by_session = Connected::by(&server, "cookie", &idle.cookie(), &bob_there.cookie()).await;
    server
        .database
        .execute(&format!(
            "UPDATE rowcast.session SET seen_at = now() - interval '8 days',
                    expires_at = expires_at + interval '1 s' WHERE account = {};
             UPDATE rowcast.token SET revoked_at = now() WHERE account = {}",
            ann.0, bob.0
        ))
        .await;
    tokio::join!(by_session.end(), by_token.end());
    server.stop().await;
}

#[tokio::test]
async fn what_changed_while_nothing_was_heard_is_known_afterwards() {
    let server = Server::guarded(TABLE).await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let (ann, bob) = (
        Browser::of(&server, "ann").await,
        Browser::of(&server, "bob").await,
    );
    let connected = Connected::by(&server, "cookie", &bob.cookie(), &ann.cookie()).await;
    // Its listener is cut off and the change is made in the same transaction as that, so nobody
    // can tell of it.
    server
        .database
        .execute(
            "BEGIN;
             ALTER TABLE rowcast.session DISABLE TRIGGER USER;
             DELETE FROM rowcast.session s USING rowcast.account a
              WHERE a.id = s.account AND a.name = 'bob';
             ALTER TABLE rowcast.session ENABLE TRIGGER USER;
             COMMIT;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND query LIKE 'LISTEN \"rowcast_accounts\"%'",
        )
        .await;
    connected.end().await;
    server.stop().await;
}
