//! Clients that take their time, for ever if they may: what they cost, and that nobody else waits
//! for them.

use std::{cell::Cell, time::Duration};

use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    certificates::{Certificate, Files},
    cluster::Cluster,
    memory,
    people::{self, TABLE},
    process::Server,
    server::Answer,
};

/// How many clients there are of each kind.
const EACH: usize = 150;

/// What they may cost the server each, on the average of the kinds: docs/deploy.md says so.
const CEILING: u64 = 64 * 1024;

/// How long a test waits for what takes about a minute at most, however busy the machine is.
const SOON: Duration = Duration::from_secs(300);

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

type Connection = Box<dyn Wire>;

/// How one connects.
struct Way {
    address: std::net::SocketAddr,
    certificate: Option<Certificate>,
}

impl Way {
    async fn connect(&self) -> Connection {
        match &self.certificate {
            None => Box::new(TcpStream::connect(self.address).await.unwrap()),
            Some(certificate) => Box::new(certificate.connect(self.address).await.unwrap()),
        }
    }

    async fn get(&self, path: &str, bearer: &str) -> Answer {
        let mut connection = self.connect().await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: {bearer}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes)
    }
}

/// Sends `begun` and then one byte a second until the server ends the connection: all that it
/// said.
fn trickle(mut connection: Connection, begun: Vec<u8>, byte: u8) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut heard = Vec::new();
        if connection.write_all(&begun).await.is_err() {
            return heard;
        }
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = [0; 1024];
        loop {
            tokio::select! {
                read = connection.read(&mut bytes) => match read {
                    Ok(0) | Err(_) => return heard,
                    Ok(length) => heard.extend_from_slice(&bytes[..length]),
                },
                _ = seconds.tick() => {
                    // The server may have ended it: then there is something to be read.
                    let _ = connection.write_all(&[byte]).await;
                    let _ = connection.flush().await;
                }
            }
        }
    })
}

/// Follows a long list and then neither reads nor writes, for as long as it is held.
async fn stop_reading(way: &Way, bearer: &str) -> Connection {
    let mut connection = way.connect().await;
    let message = br#"{"type":"subscribe","id":1,"table":"long","query":"limit=1000"}"#;
    // A frame whose mask changes nothing.
    let frame = [
        &[0x81, 0x80 | message.len() as u8, 0, 0, 0, 0],
        message.as_slice(),
    ]
    .concat();
    connection
        .write_all(&[upgrade(bearer).as_bytes(), &frame].concat())
        .await
        .unwrap();
    connection.flush().await.unwrap();
    connection
}

fn upgrade(bearer: &str) -> String {
    format!(
        "GET /api/ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// What a kind of slow client begins with, the byte that it goes on with, and what it is told.
fn kinds(bearer: &str) -> Vec<(&'static str, Vec<u8>, u8, &'static str)> {
    let request = |line: &str, more: &str| {
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n{more}")
    };
    let body = "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n[";
    let file = "Content-Type: text/csv\r\nContent-Length: 60000\r\n\r\nid";
    let login = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    // The head of a frame of 60,000 bytes, and its mask.
    let frame = [0x81, 0xfe, 0xea, 0x60, 0, 0, 0, 0];
    vec![
        ("nothing", Vec::new(), b'G', ""),
        (
            "a head",
            request("GET /", "X-Slow: ").into_bytes(),
            b'x',
            "",
        ),
        (
            "a row",
            request("POST /api/rows/t", body).into_bytes(),
            b' ',
            "408",
        ),
        (
            "a file",
            request("POST /api/import/t", file).into_bytes(),
            b'x',
            "408",
        ),
        ("a form", login.into(), b'x', "408"),
        (
            "a frame",
            [upgrade(bearer).as_bytes(), &frame].concat(),
            b'x',
            "101",
        ),
    ]
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of[of.len() / 2]
}

async fn slow_clients(encrypted: bool) {
    // Each client is a file.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let database = Cluster::shared().database().await;
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    let (cert, key) = (files.certificate(), files.key());
    // What is free again is given back to the system at once, so that what the process takes is
    // what is kept.
    let mut settings = vec![
        ("ROWCAST_AUTH", "on"),
        ("ROWCAST_RATE_OPENS", "off"),
        ("MIMALLOC_PURGE_DELAY", "0"),
    ];
    if encrypted {
        settings.extend([
            ("ROWCAST_TLS_CERT", cert.leak() as &str),
            ("ROWCAST_TLS_KEY", key.leak()),
        ]);
    }
    let server = Server::with(&database.url, &settings).await;
    database.execute(TABLE).await;
    database
        .execute(
            "CREATE TABLE long (id int PRIMARY KEY, x text);
            INSERT INTO long SELECT g, repeat('x', 1000) FROM generate_series(1, 1000) g;
            SELECT rowcast.watch('long')",
        )
        .await;
    let owner = people::account_in(&database, "ann", &["administrator"]).await;
    let bearer = people::bearer_in(&database, owner).await;
    let other = people::account_in(&database, "bob", &["administrator"]).await;
    let other = people::bearer_in(&database, other).await;
    let way = Way {
        address: server.address.parse().unwrap(),
        certificate: encrypted.then_some(certificate),
    };
    // What everybody causes once is not theirs.
    let mut shared = stop_reading(&way, &other).await;
    let (mut heard, mut bytes) = (Vec::new(), [0; 4096]);
    while !heard.windows(4).any(|part| part == b"xxxx") {
        let length = shared.read(&mut bytes).await.unwrap();
        assert_ne!(length, 0, "the list comes");
        heard.extend_from_slice(&bytes[..length]);
    }
    let mut before = Vec::new();
    for _ in 0..20 {
        for path in ["/api/rows/t", "/", "/api/rows/long?limit=1000"] {
            assert_eq!(way.get(path, &other).await.status, 200);
        }
        before.push(memory::of(server.pid()).0);
    }
    let before = median(before);
    memory::forget_peak(server.pid());

    let mut clients = Vec::new();
    for (name, begun, byte, status) in kinds(&bearer) {
        for _ in 0..EACH {
            let connection = way.connect().await;
            clients.push((name, status, trickle(connection, begun.clone(), byte)));
        }
    }
    if encrypted {
        // The head of a handshake of 16,000 bytes.
        for _ in 0..EACH {
            let connection = TcpStream::connect(way.address).await.unwrap();
            let begun = vec![22, 3, 1, 0x3e, 0x80, 1];
            clients.push(("a handshake", "", trickle(Box::new(connection), begun, 0)));
        }
    }
    // And some that take nothing of what they ask for: a live list, which all of them share.
    let mut deaf = Vec::new();
    for _ in 0..EACH {
        deaf.push(stop_reading(&way, &bearer).await);
    }
    let count = (clients.len() + deaf.len()) as u64;

    // Somebody else is served all the while, until the last of them has been cut off.
    let all_there = Cell::new(true);
    let ended = async {
        let all_there = &all_there;
        let ends = clients
            .into_iter()
            .map(|(name, status, client)| async move {
                let heard = timeout(SOON, client).await;
                all_there.set(false);
                let heard = heard
                    .unwrap_or_else(|_| panic!("{name} is cut off"))
                    .unwrap();
                let heard = String::from_utf8_lossy(&heard).into_owned();
                assert!(
                    heard.is_empty() && status.is_empty()
                        || !status.is_empty() && heard.starts_with(&format!("HTTP/1.1 {status} "))
                        || status.is_empty() && heard.starts_with("HTTP/1.1 408 "),
                    "{name}: {heard}"
                );
            });
        join_all(ends).await;
    };
    let mut served = 0;
    let mut taken = Vec::new();
    let mut pause = interval(Duration::from_millis(200));
    let serve = async {
        loop {
            for path in ["/api/rows/t", "/", "/healthz"] {
                let answer = timeout(SOON, way.get(path, &other)).await;
                assert_eq!(answer.expect("an answer").status, 200, "{path}");
                served += 1;
            }
            if all_there.get() {
                taken.push(memory::of(server.pid()).0);
            }
            // Somebody who reads what comes.
            pause.tick().await;
        }
    };
    tokio::select! {
        () = ended => {}
        () = serve => unreachable!("it has no end"),
    }
    let peak = memory::of(server.pid()).1;
    let [kept, most] = [median(taken), peak].map(|taken| taken.saturating_sub(before) / count);
    println!(
        "encrypted {encrypted}: {kept} bytes each of {count}, for a moment {most}; {served} others \
        served"
    );
    assert!(kept <= CEILING, "{kept} bytes for each of {count}");
    // For a moment much is read and written at once.
    assert!(most <= 2 * CEILING, "{most} bytes for each of {count}");
    assert!(served > 10);
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn slow_clients_cost_little_and_are_cut_off_and_others_are_served_meanwhile() {
    slow_clients(false).await;
}

#[tokio::test]
async fn so_it_is_where_they_are_encrypted() {
    slow_clients(true).await;
}
