//! What those who misuse the server cost the others: how long a commit takes to the clients that
//! follow it while somebody attacks, and what the server's memory comes to, next to when nobody
//! does. The quiet trials stand around the others, so that what else the machine does shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    latency::{self, Trial, measure},
    progress::Progress,
    report::{Machine, median, print, write},
    served::{Program, Served, raise_open_files},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Clients that are told of commits
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Commits a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Connections of an attack that holds some
    #[arg(long, default_value_t = 300)]
    held: usize,
    /// Requests a second of an attack that makes some
    #[arg(long, default_value_t = 200)]
    requests: u32,
    /// Seconds that each trial takes
    #[arg(long, default_value_t = 8)]
    seconds: u32,
}

/// What somebody does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Attack {
    None,
    /// Heads, bodies and frames, a byte a second.
    Slow,
    /// Long lists are followed and never read.
    HalfOpen,
    /// What is no HTTP, no frame, no message, no query.
    Malformed,
    /// Bodies, heads and messages beyond every bound.
    Oversized,
}

const TRIALS: [Attack; 7] = [
    Attack::None,
    Attack::Slow,
    Attack::HalfOpen,
    Attack::None,
    Attack::Malformed,
    Attack::Oversized,
    Attack::None,
];

#[derive(Serialize)]
struct Row {
    attack: Attack,
    /// Connections that were held, or requests that were made.
    number: u64,
    median_ms: f64,
    p99_ms: f64,
    /// Of the median, to that of the quiet trials.
    ratio: f64,
    /// Of the 99th percentile, to that of the quiet trials.
    p99_ratio: f64,
    /// What the server's memory grew by at the most.
    grown_mib: f64,
}

/// A list that changes with each commit and is long.
const LONG: &str =
    r#"{"type":"subscribe","id":1,"table":"late","query":"order=n.desc&limit=1000"}"#;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    raise_open_files();
    let served = Served::start(&options.program, latency::SCHEMA).await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    let trial = Trial {
        clients: options.clients,
        rate: options.rate,
        seconds: options.seconds,
    };
    // What everybody causes once is nobody's.
    measure(&served, trial).await?;
    let mut progress = Progress::new("attack", TRIALS.len() as u64);
    let mut rows = Vec::new();
    for attack in TRIALS {
        progress.say(&format!("{attack:?}"));
        served.peak()?;
        let before = served.resident();
        let number = Arc::new(AtomicU64::new(0));
        let attackers = begin(options, attack, &served.address, &number);
        let measured = measure(&served, trial).await?;
        rows.push(Row {
            attack,
            number: number.load(Relaxed),
            median_ms: measured.client.median_ms,
            p99_ms: measured.client.p99_ms,
            ratio: f64::NAN,
            p99_ratio: f64::NAN,
            grown_mib: served.peak()?.saturating_sub(before) as f64 / f64::from(1 << 20),
        });
        drop(attackers);
        progress.advance(1, "");
    }
    drop(progress);
    let quiet = |of: fn(&Row) -> f64| {
        let rows = rows.iter().filter(|row| row.attack == Attack::None);
        median(&rows.map(of).collect::<Vec<_>>())
    };
    let (at_rest, p99_at_rest) = (quiet(|row| row.median_ms), quiet(|row| row.p99_ms));
    for row in &mut rows {
        row.ratio = row.median_ms / at_rest;
        row.p99_ratio = row.p99_ms / p99_at_rest;
    }
    let cells = |row: &Row| {
        vec![
            format!("{:?}", row.attack),
            row.number.to_string(),
            format!("{:.2}", row.median_ms),
            format!("{:.2}", row.p99_ms),
            format!("{:.2}", row.ratio),
            format!("{:.2}", row.p99_ratio),
            format!("{:.1}", row.grown_mib),
        ]
    };
    print(
        &[
            "attack",
            "number",
            "median ms",
            "p99",
            "ratio",
            "of p99",
            "memory MiB",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    write("attack", &Machine::this(version), &rows)
}

/// Those who attack until this is dropped.
fn begin(options: &Options, attack: Attack, address: &str, number: &Arc<AtomicU64>) -> JoinSet<()> {
    let mut attackers = JoinSet::new();
    let count = match attack {
        Attack::None => 0,
        Attack::Slow | Attack::HalfOpen => options.held,
        // One after the other each, so many that none waits for the server's answer.
        Attack::Malformed | Attack::Oversized => 16,
    };
    let pause = Duration::from_secs(16) / options.requests.max(1);
    for which in 0..count {
        let (address, number) = (address.to_owned(), Arc::clone(number));
        attackers.spawn(async move {
            match attack {
                Attack::None => {}
                Attack::Slow => slow(&address, which, &number).await,
                Attack::HalfOpen => half_open(&address, &number).await,
                Attack::Malformed | Attack::Oversized => {
                    let begun = Instant::now();
                    for round in 0_u32.. {
                        let request = match attack {
                            Attack::Malformed => malformed(which + round as usize, &address),
                            _ => oversized(which + round as usize, &address),
                        };
                        once(&address, &request).await;
                        number.fetch_add(1, Relaxed);
                        let due = begun + pause * (round + 1);
                        tokio::time::sleep_until(due.into()).await;
                    }
                }
            }
        });
    }
    attackers
}

/// Begins a head, a body or a frame and goes on by a byte a second, again and again.
async fn slow(address: &str, which: usize, number: &AtomicU64) {
    let begun = match which % 3 {
        0 => format!("GET / HTTP/1.1\r\nHost: {address}\r\nX-Slow: "),
        1 => format!(
            "POST /api/rows/late HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: 60000\r\n\r\n["
        ),
        _ => upgrade(address),
    };
    let mut begun = begun.into_bytes();
    if which % 3 == 2 {
        // A frame of 60,000 bytes and its mask.
        begun.extend([0x81, 0xfe, 0xea, 0x60, 0, 0, 0, 0]);
    }
    loop {
        let Ok(mut connection) = TcpStream::connect(address).await else {
            return;
        };
        number.fetch_add(1, Relaxed);
        if connection.write_all(&begun).await.is_err() {
            continue;
        }
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = [0; 1024];
        loop {
            tokio::select! {
                read = connection.read(&mut bytes) => {
                    if matches!(read, Ok(0) | Err(_)) {
                        break;
                    }
                }
                _ = seconds.tick() => {
                    let _ = connection.write_all(b"x").await;
                }
            }
        }
    }
}

/// Follows a long list that every commit changes, and reads nothing of it.
async fn half_open(address: &str, number: &AtomicU64) {
    let Ok(mut connection) = TcpStream::connect(address).await else {
        return;
    };
    number.fetch_add(1, Relaxed);
    let request = [upgrade(address).as_bytes(), &frame(LONG.as_bytes())].concat();
    if connection.write_all(&request).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Sends a request, or what pretends to be one, and takes what is said.
async fn once(address: &str, request: &[u8]) {
    let Ok(mut connection) = TcpStream::connect(address).await else {
        return;
    };
    let _ = timeout(Duration::from_secs(1), async {
        let (mut reads, mut writes) = connection.split();
        let mut heard = Vec::new();
        // The server may have ended it before all is sent, and may leave it open.
        tokio::join!(async { writes.write_all(request).await.ok() }, async {
            reads.read_to_end(&mut heard).await.ok()
        },);
    })
    .await;
}

fn malformed(which: usize, address: &str) -> Vec<u8> {
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").into_bytes()
    };
    match which % 8 {
        0 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        1 => b"GET  / HTTP/9.9\r\n\r\n".to_vec(),
        2 => get("/api/rows/late?id=wat.1&order=%ff&limit=-1"),
        3 => get(&format!("/api/rows/late?and={}", "(or=".repeat(500))),
        4 => get("/api/rows/late?n=eq.99999999999999999999999999999999"),
        // A reserved bit, an opcode that there is not, no mask.
        5 => [upgrade(address).as_bytes(), &[0xf3, 0x05, 1, 2, 3, 4, 5]].concat(),
        6 => [upgrade(address).as_bytes(), &frame(b"{\"type\":[[[[[[[[")].concat(),
        _ => format!(
            "POST /api/rows/late HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 64\r\n\r\n{}",
            "[".repeat(64)
        )
        .into_bytes(),
    }
}

fn oversized(which: usize, address: &str) -> Vec<u8> {
    const LENGTH: usize = 4 << 20;
    let post = |path: &str, kind: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: 999999999\r\n\r\n"
        );
        let mut request = head.into_bytes();
        request.resize(LENGTH, b'1');
        request
    };
    match which % 4 {
        0 => post("/api/rows/late", "application/json"),
        1 => post("/api/import/late", "text/csv"),
        2 => {
            let mut request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nX-Long: ").into_bytes();
            request.resize(LENGTH, b'x');
            request
        }
        _ => {
            let mut request = upgrade(address).into_bytes();
            // A text frame of 999,999,999 bytes.
            request.extend([0x81, 0xff]);
            request.extend(999_999_999_u64.to_be_bytes());
            request.resize(LENGTH, b'x');
            request
        }
    }
}

fn upgrade(address: &str) -> String {
    format!(
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
}

/// A client's text of fewer than 126 bytes, its mask zero.
fn frame(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(125).min(125);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text].concat()
}
