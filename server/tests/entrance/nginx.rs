//! Debian's nginx with the configuration that `deploy/` has for it.

use std::{net::SocketAddr, time::Duration};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{
        AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
        BufReader,
    },
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    certificates::{Certificate, Files},
    cluster::Cluster,
    people::{TABLE, account, form, session},
    ports,
    proxy_program::Nginx,
    server::{Answer, Server},
};

const EXAMPLE: &str = include_str!("../../../deploy/nginx/rowcast.conf");

/// How long a test waits for what comes at once, however busy the machine is.
const SOON: Duration = Duration::from_secs(60);

/// nginx before a server; it ends when this is dropped.
struct Proxied {
    /// Where it is encrypted.
    secure: SocketAddr,
    /// Where it is not.
    plain: SocketAddr,
    certificate: Certificate,
    _files: Files,
    _nginx: Nginx,
}

impl Proxied {
    /// With the example, in which addresses and files alone are others.
    async fn before(server: &Server) -> Self {
        let certificate = Certificate::new();
        let files = Files::of(&certificate);
        let [secure, plain] = free();
        let theirs = "/etc/letsencrypt/live/rowcast.example.com";
        let mut example = EXAMPLE.to_owned();
        for (from, to) in [
            ("listen 443 ".to_owned(), format!("listen {secure} ")),
            ("listen 80;".to_owned(), format!("listen {plain};")),
            (format!("{theirs}/fullchain.pem"), files.certificate()),
            (format!("{theirs}/privkey.pem"), files.key()),
            ("127.0.0.1:3000".to_owned(), server.addr.to_string()),
        ] {
            assert_eq!(example.matches(&from).count(), 1, "{from}");
            example = example.replace(&from, &to);
        }
        Self {
            _nginx: Nginx::start(&example).await,
            secure,
            plain,
            certificate,
            _files: files,
        }
    }

    /// Sends a request, not from the address that nginx itself comes from and is believed by.
    async fn send_from_elsewhere(&self, request: &str) -> Answer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let stream = socket.connect(self.secure).await.unwrap();
        let mut stream = self.certificate.encrypt(stream).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes)
    }
}

/// Two addresses at which nobody listens.
fn free() -> [SocketAddr; 2] {
    [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], ports::free())))
}

/// A server that is reached through nginx.
async fn server(auth: &str) -> Server {
    let database = Cluster::shared().database().await;
    Server::set(database, TABLE, |settings| {
        settings.auth = auth.to_owned();
        settings.entrance.trusted_proxy = Some("127.0.0.1".to_owned());
    })
    .await
}

/// The next message of a socket.
async fn message<S>(socket: &mut WebSocketStream<S>) -> Value
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = timeout(SOON, socket.next()).await.expect("a message");
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Reads until a line that begins so.
async fn line(stream: &mut (impl AsyncBufRead + Unpin), beginning: &str) -> String {
    let mut read = String::new();
    loop {
        let mut line = String::new();
        let length = timeout(SOON, stream.read_line(&mut line)).await;
        let length = length.unwrap_or_else(|_| panic!("{beginning} does not come: {read}"));
        assert!(length.unwrap() > 0, "it ended: {read}");
        if line.starts_with(beginning) {
            return line;
        }
        read += &line;
    }
}

#[tokio::test]
async fn event_streams_come_through_nginx_as_they_are_committed() {
    let server = server("off").await;
    let nginx = Proxied::before(&server).await;
    let stream = nginx.certificate.connect(nginx.secure).await.unwrap();
    let mut stream = BufReader::new(stream);
    stream
        .write_all(b"GET /api/live/t HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(line(&mut stream, "HTTP/1.1 ").await.contains(" 200 "));
    line(&mut stream, "event: snapshot").await;
    // Each is small, and the next is made only when this one is here: nothing fills a buffer.
    for name in ["second", "third"] {
        let sql = format!("UPDATE t SET name = '{name}' WHERE id = 1");
        server.database.execute(&sql).await;
        line(&mut stream, "event: patch").await;
        let data = line(&mut stream, "data: ").await;
        assert!(data.contains(name), "{data}");
    }
    server.stop().await;
}

#[tokio::test]
async fn web_sockets_go_through_nginx() {
    let server = server("off").await;
    let nginx = Proxied::before(&server).await;
    let stream = nginx.certificate.connect(nginx.secure).await.unwrap();
    let mut request = "wss://localhost/api/ws".into_client_request().unwrap();
    // As of a page that came the same way: it is refused unless host and scheme are passed on.
    let origin = "https://localhost".parse().unwrap();
    request.headers_mut().insert("Origin", origin);
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let subscribe = json!({"type": "subscribe", "id": 1, "table": "t", "query": ""});
    let subscribe = Message::text(subscribe.to_string());
    socket.send(subscribe).await.unwrap();
    assert_eq!(message(&mut socket).await["type"], "snapshot");
    for name in ["second", "third"] {
        let sql = format!("UPDATE t SET name = '{name}' WHERE id = 1");
        server.database.execute(&sql).await;
        let patch = message(&mut socket).await;
        assert_eq!(patch["ops"][0]["cells"], json!({"name": name}));
    }
    server.stop().await;
}

#[tokio::test]
async fn who_is_behind_nginx_is_known_whatever_they_say() {
    let server = server("on").await;
    account(&server, "ann", &[]).await;
    let nginx = Proxied::before(&server).await;
    let head = "Host: localhost\r\nConnection: close\r\n\
                X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: http\r\n";
    let form = form("ann");
    let answer = nginx
        .send_from_elsewhere(&format!(
            "POST /login HTTP/1.1\r\n{head}Origin: https://localhost\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    // That it is encrypted nginx says, whatever the client does.
    let cookie = session(&answer);
    assert!(cookie.starts_with("__Host-rowcast="), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let answer = nginx
        .send_from_elsewhere(&format!(
            "GET /api/sessions HTTP/1.1\r\n{head}Cookie: {pair}\r\n\r\n"
        ))
        .await;
    let (status, body) = answer.json();
    assert_eq!(status, 200, "{body}");
    let address = body["sessions"][0]["address"].as_str().unwrap();
    assert_eq!(address.split('/').next(), Some("127.0.0.2"));
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_encrypt_is_led_to_where_one_does() {
    let server = server("off").await;
    let nginx = Proxied::before(&server).await;
    let mut stream = TcpStream::connect(nginx.plain).await.unwrap();
    stream
        .write_all(
            b"GET /tables/t?id=eq.1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let answer = Answer::parse(&bytes);
    assert_eq!(answer.status, 301);
    let to = "https://localhost/tables/t?id=eq.1";
    assert_eq!(answer.header("location"), Some(to));
    server.stop().await;
}
