//! One, two and three servers on one database, each reading the log or all by one reader.
//!
//! Every server has as many clients as every other, so what is asked of all of them grows with
//! their number, while what is written stays the same: what the database spends beside what it
//! spends where nobody follows is the servers'.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use tokio::process::Child;

use crate::{
    cluster::{Cluster, Database},
    latency::{self, Delays, values_of_n},
    progress::Progress,
    redis_server::RedisServer,
    report::{Machine, median, print, write},
    served::{Program, cpu_time, database_cpu, end, prepare, raise_open_files, spawn_with},
    swarm::{Kind, Swarm},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Clients of each server
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Lists that these follow, each as many as each other
    #[arg(long, default_value_t = 50)]
    lists: usize,
    /// Commits a second, each of which changes one row of one list
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Seconds that a trial takes
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// How often each trial is made, in turns
    #[arg(long, env = "ROWCAST_BENCH_ROUNDS", default_value_t = 3)]
    rounds: usize,
}

/// The most servers.
const SERVERS: usize = 3;

/// How long clients have to get their lists, and the last change.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many connections write.
const WRITERS: usize = 4;

const SCHEMA: &str = "CREATE TABLE shared (id int PRIMARY KEY, list int NOT NULL, n bigint NOT NULL, \
     title text NOT NULL) WITH (fillfactor = 50); CREATE INDEX ON shared (list); \
     INSERT INTO shared SELECT g, g % LISTS, 0, 'row number ' || g \
     FROM generate_series(0, 50 * LISTS - 1) g; \
     ANALYZE shared; SELECT rowcast.watch('shared')";

/// What is measured: how many servers, and whether one of them reads for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    servers: usize,
    has_bus: bool,
}

#[derive(Serialize)]
struct Row {
    servers: usize,
    bus: bool,
    clients: usize,
    commits_per_second: f64,
    messages_per_second: f64,
    /// From before the COMMIT to the client.
    median_ms: f64,
    p99_ms: f64,
    /// All servers together.
    server_cores: f64,
    database_cores: f64,
    /// What the database spends because of the servers, in processor time for each commit.
    database_us_per_commit: f64,
    /// That, in what it is with one server that reads by itself.
    ratio: f64,
}

/// What one trial found.
struct Trial {
    commits: u64,
    messages: u64,
    took: f64,
    client: Delays,
    server: Duration,
    database: Duration,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    raise_open_files();
    ensure!(
        options.lists > 0 && options.clients.is_multiple_of(options.lists),
        "{} clients can't follow {} lists evenly",
        options.clients,
        options.lists
    );
    let path = options.program.path()?;
    let schema = SCHEMA.replace("LISTS", &options.lists.to_string());
    let (cluster, database) = prepare(&path, &schema).await?;
    let redis = RedisServer::start().await;
    let version: String = sqlx::query_scalar("SELECT version()")
        .fetch_one(&mut database.connect().await)
        .await?;
    let cases = cases();
    let mut trials: Vec<Vec<Trial>> = cases.iter().map(|_| Vec::new()).collect();
    let mut progress = Progress::new("servers", (options.rounds * cases.len()) as u64);
    for _ in 0..options.rounds {
        for (case, trials) in cases.iter().zip(&mut trials) {
            let mut running = Vec::new();
            for _ in 0..case.servers {
                let bus = case.has_bus.then(|| redis.url());
                let settings: Vec<(&str, &str)> = bus
                    .iter()
                    .map(|url| ("ROWCAST_BUS", url.as_str()))
                    .collect();
                running.push(spawn_with(&path, &database.url, &settings).await?);
            }
            trials.push(trial(options, *case, &cluster, &database, &running).await?);
            for (server, _) in running {
                end(server).await?;
            }
            progress.advance(1, &format!("{case:?}"));
        }
    }
    drop(progress);
    let rows = rows(options, &cases, &trials);
    let cells = |row: &Row| {
        vec![
            row.servers.to_string(),
            if row.bus { "yes" } else { "no" }.to_owned(),
            row.clients.to_string(),
            format!("{:.0}", row.commits_per_second),
            format!("{:.0}", row.messages_per_second),
            format!("{:.2}", row.median_ms),
            format!("{:.1}", row.p99_ms),
            format!("{:.2}", row.server_cores),
            format!("{:.3}", row.database_cores),
            format!("{:.0}", row.database_us_per_commit),
            format!("{:.2}", row.ratio),
        ]
    };
    print(
        &[
            "servers",
            "bus",
            "clients",
            "commits/s",
            "messages/s",
            "median ms",
            "99 % ms",
            "server cores",
            "database",
            "us/commit",
            "ratio",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    write("servers", &Machine::this(version), &rows)
}

fn cases() -> Vec<Case> {
    let none = Case {
        servers: 0,
        has_bus: false,
    };
    let some = [false, true]
        .into_iter()
        .flat_map(|has_bus| (1..=SERVERS).map(move |servers| Case { servers, has_bus }));
    std::iter::once(none).chain(some).collect()
}

async fn trial(
    options: &Options,
    case: Case,
    cluster: &Cluster,
    database: &Database,
    running: &[(Child, String)],
) -> anyhow::Result<Trial> {
    let offered = u64::from(options.rate * options.seconds);
    // A trial writes the numbers of the one before; what is the same already is told to nobody.
    database.execute("UPDATE shared SET n = -1").await;
    // When each commit was begun: its number is what it writes.
    let began = Instant::now();
    let begun: Arc<Vec<AtomicU64>> = Arc::new((0..offered).map(|_| AtomicU64::new(0)).collect());
    let delays = Arc::new(Mutex::new(Vec::new()));
    let mut swarms = Vec::new();
    for (_, address) in running {
        let (begun, delays) = (Arc::clone(&begun), Arc::clone(&delays));
        let swarm = Swarm::connect(address, options.clients, move |_, kind, text| {
            let now = began.elapsed();
            if kind != Kind::Patch {
                return;
            }
            let mut delays = lock(&delays);
            for number in values_of_n(text) {
                let Some(begun) = begun.get(number) else {
                    continue;
                };
                let since = Duration::from_nanos(begun.load(Relaxed));
                delays.push(now.saturating_sub(since));
            }
        })?;
        swarm.subscribe("shared", |client| {
            format!("list=eq.{}&order=id&limit=50", client % options.lists)
        })?;
        swarm.wait(options.clients as u64, PATIENCE, |seen| &seen.snapshots)?;
        swarms.push(swarm);
    }
    if case.has_bus {
        // Who reads for all is settled within two seconds, and seen by all in another.
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    let cpu = || {
        let servers = running
            .iter()
            .filter_map(|(server, _)| cpu_time(server.id()?));
        (servers.sum::<Duration>(), database_cpu(cluster))
    };
    let (before, start) = (cpu(), Instant::now());
    let next = Arc::new(AtomicU64::new(0));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut connection = database.connect().await;
        let (begun, next) = (Arc::clone(&begun), Arc::clone(&next));
        let (rate, rows) = (options.rate, 50 * options.lists as u64);
        writers.push(tokio::spawn(async move {
            loop {
                let turn = next.fetch_add(1, Relaxed);
                if turn >= offered {
                    return anyhow::Ok(());
                }
                let due = Duration::from_secs_f64(turn as f64 / f64::from(rate));
                tokio::time::sleep_until((start + due).into()).await;
                let sql = format!("UPDATE shared SET n = {turn} WHERE id = {}", turn % rows);
                begun[turn as usize].store(began.elapsed().as_nanos() as u64, Relaxed);
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await?;
            }
        }));
    }
    for writer in writers {
        writer.await??;
    }
    let took = start.elapsed().as_secs_f64();
    // Each commit is one value in the lists of so many clients.
    let expected = offered as usize * case.servers * (options.clients / options.lists);
    let waited = Instant::now();
    while lock(&delays).len() < expected && waited.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let after = cpu();
    let client = latency::delays(&delays);
    ensure!(
        client.messages >= expected,
        "{} of {expected} values came with {case:?}",
        client.messages
    );
    Ok(Trial {
        commits: offered,
        messages: swarms
            .iter()
            .map(|swarm| swarm.seen.patches.load(Relaxed))
            .sum(),
        took,
        client,
        server: after.0.saturating_sub(before.0),
        database: after.1.saturating_sub(before.1),
    })
}

fn rows(options: &Options, cases: &[Case], trials: &[Vec<Trial>]) -> Vec<Row> {
    let middle = |trials: &[Trial], value: &dyn Fn(&Trial) -> f64| {
        median(&trials.iter().map(value).collect::<Vec<_>>())
    };
    let spent = |trials: &[Trial]| {
        middle(trials, &|trial| {
            trial.database.as_secs_f64() * 1e6 / trial.commits as f64
        })
    };
    let of = |wanted: Case| {
        let mut found = cases
            .iter()
            .zip(trials)
            .filter(|(case, _)| **case == wanted);
        found.next().map_or(f64::NAN, |(_, trials)| spent(trials))
    };
    let nobody = of(Case {
        servers: 0,
        has_bus: false,
    });
    let one = of(Case {
        servers: 1,
        has_bus: false,
    }) - nobody;
    let row = |(case, trials): (&Case, &Vec<Trial>)| Row {
        servers: case.servers,
        bus: case.has_bus,
        clients: case.servers * options.clients,
        commits_per_second: middle(trials, &|trial| trial.commits as f64 / trial.took),
        messages_per_second: middle(trials, &|trial| trial.messages as f64 / trial.took),
        median_ms: middle(trials, &|trial| trial.client.median_ms),
        p99_ms: middle(trials, &|trial| trial.client.p99_ms),
        server_cores: middle(trials, &|trial| trial.server.as_secs_f64() / trial.took),
        database_cores: middle(trials, &|trial| trial.database.as_secs_f64() / trial.took),
        database_us_per_commit: spent(trials) - nobody,
        ratio: (spent(trials) - nobody) / one,
    };
    cases.iter().zip(trials).map(row).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
