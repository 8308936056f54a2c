//! By which names the server is reached.

use std::process::{Command, Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    cluster::Cluster,
    people::{account, bearer, session, sign_in},
    server::Server,
};

const OURS: &str = "https://rowcast.example.com, http://lan.example:3000";

/// A server that others reach, through a proxy that is this machine.
async fn public() -> Server {
    let database = Cluster::shared().database().await;
    Server::set(
        database,
        "CREATE TABLE t (id int PRIMARY KEY)",
        |settings| {
            settings.addr = "0.0.0.0:0".to_owned();
            settings.entrance.origin = Some(OURS.to_owned());
            settings.entrance.trusted_proxy = Some("127.0.0.1".to_owned());
        },
    )
    .await
}

#[tokio::test]
async fn the_names_that_it_is_told_are_its_own_and_no_others() {
    let server = public().await;
    for (host, status) in [
        ("rowcast.example.com", 200),
        ("ROWCAST.example.com:443", 200),
        ("lan.example:3000", 200),
        ("localhost:3000", 200),
        ("127.0.0.1", 200),
        ("lan.example", 403),
        ("rowcast.example.com:3000", 403),
        ("rowcast.example.com.evil.example", 403),
        ("evil.example", 403),
        ("192.168.1.5:3000", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ] {
        for path in ["/login", "/healthz"] {
            let answer = server.send("GET", path, &[("Host", host)]).await;
            assert_eq!(answer.status, status, "{host}");
            if status == 403 {
                assert_eq!(answer.error().1, "wrong_host", "{host}");
            }
        }
    }
    server.stop().await;
}

/// Asks for a WebSocket: the status of the answer.
async fn upgrade(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let mut request = "GET /api/ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned();
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", server.addr.port()))
        .await
        .unwrap();
    stream
        .write_all(format!("{request}\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let line = String::from_utf8(answer).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_page_is_of_the_very_origin_that_it_connects_to() {
    let server = public().await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bearer = bearer(&server, ann).await;
    for (host, origin, is_ours) in [
        ("rowcast.example.com", "https://rowcast.example.com", true),
        ("lan.example:3000", "http://lan.example:3000", true),
        ("localhost:3000", "http://localhost:3000", true),
        ("rowcast.example.com", "http://rowcast.example.com", false),
        ("rowcast.example.com", "http://lan.example:3000", false),
        ("rowcast.example.com", "https://evil.example", false),
        (
            "rowcast.example.com",
            "https://rowcast.example.com:444",
            false,
        ),
        (
            "rowcast.example.com",
            "https://x.rowcast.example.com",
            false,
        ),
        ("rowcast.example.com", "null", false),
        ("localhost:3000", "https://rowcast.example.com", false),
    ] {
        let headers = [
            ("Host", host),
            ("Origin", origin),
            ("Authorization", bearer.as_str()),
        ];
        let written = server
            .write_with("POST", "/api/rows/t", "{\"id\":1}", &headers)
            .await;
        server.database.execute("TRUNCATE t").await;
        let opened = upgrade(&server, &headers).await;
        if is_ours {
            assert_eq!(written.status, 201, "{host} {origin}: {}", written.text());
            assert_eq!(opened, 101, "{host} {origin}");
        } else {
            assert_eq!(written.error().1, "wrong_origin", "{host} {origin}");
            assert_eq!((opened, written.status), (403, 403), "{host} {origin}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn browsers_are_told_to_come_encrypted_where_they_did() {
    let server = public().await;
    let told = async |host: &str, proto: &str| {
        let headers = [("Host", host), ("X-Forwarded-Proto", proto)];
        let answer = server.send("GET", "/login", &headers).await;
        let header = answer.header("strict-transport-security");
        header.map(str::to_owned)
    };
    let year = Some("max-age=31536000".to_owned());
    assert_eq!(told("rowcast.example.com", "https").await, year);
    assert_eq!(told("rowcast.example.com", "http").await, None);
    assert_eq!(told("lan.example:3000", "http").await, None);
    assert_eq!(told("localhost:3000", "https").await, None);
    server.stop().await;
}

#[tokio::test]
async fn links_lead_to_the_name_that_others_know() {
    let server = public().await;
    account(&server, "ann", &["administrator"]).await;
    for (host, proto, link) in [
        (
            "rowcast.example.com",
            "https",
            "https://rowcast.example.com/join",
        ),
        ("lan.example:3000", "http", "http://lan.example:3000/join"),
        ("localhost:3000", "http", "https://rowcast.example.com/join"),
    ] {
        let headers = [("Host", host), ("X-Forwarded-Proto", proto)];
        let answer = sign_in(&server, "ann", &headers).await;
        let pair = session(&answer).split(';').next().unwrap().to_owned();
        let headers = [
            headers[0],
            headers[1],
            ("Cookie", &pair),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let page = server
            .write_with("POST", "/users/invite", "", &headers)
            .await;
        assert!(
            page.text().contains(link),
            "{}: {}",
            page.status,
            page.text()
        );
    }
    let url = server.database.url.clone();
    server.stop().await;
    let invited = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .args(["user", "invite"])
        .env("DATABASE_URL", url)
        .env("ROWCAST_ORIGIN", "https://rowcast.example.com")
        .env("ROWCAST_TRUSTED_PROXY", "::1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let link = String::from_utf8(invited.stdout).unwrap();
    assert!(
        link.starts_with("https://rowcast.example.com/join?token="),
        "{link}"
    );
}
