//! From COMMIT to a client, beside the floor: a bare `LISTEN` client of the same database,
//! notified by the same transactions.
//!
//! The clock starts when COMMIT is sent, so both figures hold the database's own time for it.
//! Each commit changes one row, which one client of all follows.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use sqlx::{AssertSqlSafe, postgres::PgListener};

use crate::{
    progress::Progress,
    report::{Machine, print, write},
    served::{Program, Served, raise_open_files},
    swarm::{Kind, Swarm},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Numbers of clients, each with a query of its own
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    clients: Vec<usize>,
    /// Commits a second; 0 is as many as possible
    #[arg(long, value_delimiter = ',', default_values_t = [50, 500, 0])]
    rates: Vec<u32>,
    /// Seconds that each combination takes
    #[arg(long, default_value_t = 8)]
    seconds: u32,
}

/// How many connections write.
const WRITERS: usize = 4;

/// What a trial is of.
#[derive(Clone, Copy)]
pub struct Trial {
    /// Each with a query of its own.
    pub clients: usize,
    /// Commits a second; 0: as many as possible.
    pub rate: u32,
    pub seconds: u32,
}

/// What it gave.
#[derive(Serialize)]
pub struct Row {
    clients: usize,
    /// Commits a second that were asked for; 0: as many as possible.
    rate: u32,
    commits_per_second: f64,
    /// To the client that follows the row.
    pub client: Delays,
    /// To the bare `LISTEN` client.
    pub floor: Delays,
    /// Of the medians.
    ratio: f64,
    pub server_cores: f64,
    pub database_cores: f64,
}

/// From COMMIT to whoever is told.
#[derive(Serialize)]
pub struct Delays {
    pub messages: usize,
    pub median_ms: f64,
    pub p99_ms: f64,
    max_ms: f64,
}

/// The table that the clients follow.
pub const SCHEMA: &str = "CREATE TABLE late (id int PRIMARY KEY, owner int NOT NULL, n bigint NOT NULL, \
     title text NOT NULL); CREATE INDEX ON late (owner); \
     INSERT INTO late SELECT g, g % 1000, 0, 'row number ' || g FROM generate_series(0, 9999) g; \
     ANALYZE late; SELECT rowcast.watch('late')";

/// When each commit was sent, and how long the news of it took.
#[derive(Default)]
struct Times {
    sent: Mutex<Vec<Option<Instant>>>,
    client: Mutex<Vec<Duration>>,
    floor: Mutex<Vec<Duration>>,
}

impl Times {
    fn arrived(&self, n: usize, into: &Mutex<Vec<Duration>>) {
        let now = Instant::now();
        if let Some(Some(sent)) = lock(&self.sent).get(n) {
            lock(into).push(now - *sent);
        }
    }
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    raise_open_files();
    let served = Served::start(&options.program, SCHEMA).await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    let mut rows = Vec::new();
    let steps = (options.clients.len() * options.rates.len()) as u64;
    let mut progress = Progress::new("latency", steps);
    for &clients in &options.clients {
        for &rate in &options.rates {
            progress.say(&format!("{clients} clients, {rate} commits a second"));
            let trial = Trial {
                clients,
                rate,
                seconds: options.seconds,
            };
            rows.push(measure(&served, trial).await?);
            progress.advance(1, "");
        }
    }
    drop(progress);
    let cells = |row: &Row| {
        vec![
            row.clients.to_string(),
            format!("{:.0}", row.commits_per_second),
            format!("{:.2}", row.client.median_ms),
            format!("{:.2}", row.client.p99_ms),
            format!("{:.1}", row.client.max_ms),
            format!("{:.2}", row.floor.median_ms),
            format!("{:.2}", row.floor.p99_ms),
            format!("{:.2}", row.ratio),
            format!("{:.2}", row.server_cores),
            format!("{:.2}", row.database_cores),
        ]
    };
    print(
        &[
            "clients",
            "commits/s",
            "median ms",
            "p99",
            "max",
            "floor: median",
            "p99",
            "ratio",
            "server cores",
            "database",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    write("latency", &Machine::this(version), &rows)
}

/// Commits at that rate, and how long each takes to the client that follows it.
pub async fn measure(served: &Served, trial: Trial) -> anyhow::Result<Row> {
    let Trial {
        clients,
        rate,
        seconds,
    } = trial;
    let times = Arc::new(Times::default());
    let noted = Arc::clone(&times);
    let receive = move |_, kind, text: &[u8]| {
        if kind == Kind::Patch {
            for n in values_of_n(text) {
                noted.arrived(n, &noted.client);
            }
        }
    };
    let swarm = Swarm::connect_with(&served.address, served.token.as_deref(), clients, receive)?;
    swarm.subscribe("late", |client| format!("owner=eq.{client}&order=id"))?;
    swarm.wait(clients as u64, Duration::from_secs(60), |s| &s.snapshots)?;
    let mut listener = PgListener::connect_with(&served.database.pool(1).await).await?;
    listener.listen("floor").await?;
    let noted = Arc::clone(&times);
    let floor = tokio::spawn(async move {
        while let Ok(notification) = listener.recv().await {
            if let Ok(n) = notification.payload().parse() {
                noted.arrived(n, &noted.floor);
            }
        }
    });

    let (before, begun) = (served.cpu(), Instant::now());
    let next = Arc::new(AtomicU64::new(1));
    let end = begun + Duration::from_secs(seconds.into());
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut connection = served.database.connect().await;
        let (next, times) = (Arc::clone(&next), Arc::clone(&times));
        writers.push(tokio::spawn(async move {
            while Instant::now() < end {
                let n = next.fetch_add(1, Relaxed);
                if rate > 0 {
                    let due = begun + Duration::from_secs(1) * n as u32 / rate;
                    tokio::time::sleep_until(due.into()).await;
                }
                // Spread over the rows, each of which one client follows.
                let id = (n * 7919) % 10 * 1000 + (n * 104_729) % clients as u64;
                let sql = format!(
                    "BEGIN; UPDATE late SET n = {n} WHERE id = {id}; \
                     SELECT pg_notify('floor', '{n}')"
                );
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await?;
                {
                    let mut sent = lock(&times.sent);
                    let at = n as usize;
                    if sent.len() <= at {
                        sent.resize(at + 1, None);
                    }
                    sent[at] = Some(Instant::now());
                }
                sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
            }
            anyhow::Ok(())
        }));
    }
    for writer in writers {
        writer.await??;
    }
    let took = begun.elapsed().as_secs_f64();
    let cpu = served.cpu().since(before);
    // What is on its way arrives.
    while swarm.last().elapsed() < Duration::from_millis(300) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    floor.abort();
    drop(swarm);
    let (client, floor) = (delays(&times.client), delays(&times.floor));
    Ok(Row {
        clients,
        rate,
        commits_per_second: floor.messages as f64 / took,
        ratio: client.median_ms / floor.median_ms,
        client,
        floor,
        server_cores: cpu.server.as_secs_f64() / took,
        database_cores: cpu.database.as_secs_f64() / took,
    })
}

/// What these came to, which are taken.
pub fn delays(times: &Mutex<Vec<Duration>>) -> Delays {
    let mut times = std::mem::take(&mut *lock(times));
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len().saturating_sub(1) as f64 * share) as usize;
        times
            .get(place)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    };
    Delays {
        messages: times.len(),
        median_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

/// The values that a patch gives the column `n`.
pub fn values_of_n(text: &[u8]) -> impl Iterator<Item = usize> {
    const NAME: &[u8] = b"\"n\":";
    let starts = text
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, part)| *part == NAME)
        .map(|(at, _)| at + NAME.len());
    starts.map(|start| {
        text[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0, |n, digit| n * 10 + usize::from(digit - b'0'))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
