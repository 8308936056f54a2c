//! Rowcast beside what one would use instead, in one run, by one driver.
//!
//! Each system shows the fifty largest open orders of ten thousand to a number of clients.
//! Every commit changes one of the fifty, every fifth so that it moves. A delay is from when
//! COMMIT is sent until a client has received the change, or a later one of the same row where
//! the system leaves versions out. Each system has a cluster of its own, of the same settings.

mod client;
mod commits;
mod server;
mod system;

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde::Serialize;
use sqlx::{Connection, PgConnection};

use crate::{
    cluster::{Cluster, Database},
    progress::Progress,
    report::{self, Machine},
    served::Program,
};
use client::Clients;
use commits::{Commits, SLOTS};
use system::{SYSTEMS, System};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Clients that follow the list
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Commits a second where delays are measured
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds that each of the two phases takes
    #[arg(long, env = "ROWCAST_BENCH_SECONDS", default_value_t = 10)]
    seconds: u32,
    /// Only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<System>,
}

const SCHEMA: &str = "CREATE TABLE orders (id int PRIMARY KEY, title text NOT NULL, \
     status text NOT NULL, amount int NOT NULL, seq bigint NOT NULL); \
     CREATE INDEX ON orders (status, amount DESC, id); \
     INSERT INTO orders SELECT n, 'order number ' || n, CASE n % 2 WHEN 0 THEN 'open' ELSE 'done' END, \
     n % 900000, 0 FROM generate_series(51, 10000) n";

/// Connections that write as fast as they can.
const WRITERS: usize = 4;

/// How long a system may take until it serves, and until its clients are up to date.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Row {
    system: &'static str,
    /// Why it could not be measured; the rest is then missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    #[serde(flatten)]
    figures: Option<Figures>,
}

#[derive(Serialize)]
struct Figures {
    clients: usize,
    /// From the first connection until every client had the list.
    attach_ms: f64,
    /// At this many commits a second: what was asked for, and what was done.
    rate: u32,
    commits_per_second: f64,
    median_ms: f64,
    p99_ms: f64,
    /// Every commit is one of these for each client that was told of it.
    messages_per_second: f64,
    bytes_per_second: f64,
    /// Of the system's processes, without PostgreSQL, at that rate.
    server_cores: f64,
    /// Of the system's processes, without PostgreSQL, after all of it.
    memory_mib: f64,
    /// As fast as four connections can write.
    fast_commits_per_second: f64,
    /// What a client was told of a second meanwhile: less than the commits where versions are
    /// left out.
    fast_messages_per_client: f64,
    /// Commits, by the time from the first until every client had the last.
    changes_per_second: Option<f64>,
    /// What that took after the last commit; missing where it took more than a minute.
    caught_up_ms: Option<f64>,
}

/// Measures each system, one after the other.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let systems = if options.only.is_empty() {
        SYSTEMS.to_vec()
    } else {
        options.only.clone()
    };
    let mut progress = Progress::new("side-by-side", systems.len() as u64 * 3);
    let mut rows = Vec::new();
    let mut version = String::new();
    for system in systems {
        let measured = measure(system, options, &mut progress, &mut version).await;
        rows.push(match measured {
            Ok(figures) => Row {
                system: system.name(),
                skipped: None,
                figures: Some(figures),
            },
            Err(error) => {
                eprintln!("{}: skipped: {error:#}", system.name());
                Row {
                    system: system.name(),
                    skipped: Some(format!("{error:#}")),
                    figures: None,
                }
            }
        });
    }
    drop(progress);
    print(&rows);
    report::write("side-by-side", &Machine::this(version), &rows)
}

async fn measure(
    system: System,
    options: &Options,
    progress: &mut Progress,
    version: &mut String,
) -> anyhow::Result<Figures> {
    progress.say(&format!("{}: starting", system.name()));
    let cluster = Cluster::start(&[
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("max_wal_size", "32GB"),
        ("checkpoint_timeout", "1d"),
        ("wal_level", "logical"),
    ]);
    system.install(&cluster).await?;
    let database = cluster.database().await;
    database.execute(SCHEMA).await;
    let mut connection = database.connect().await;
    for slot in 0..SLOTS {
        sqlx::query("INSERT INTO orders VALUES ($1, 'an order of ours', 'open', $2, $3)")
            .bind(slot as i32 + 1)
            .bind(1_000_000 + slot as i32)
            .bind(Commits::first(slot))
            .execute(&mut connection)
            .await?;
    }
    database.execute("VACUUM ANALYZE orders").await;
    *version = sqlx::query_scalar("SELECT version()")
        .fetch_one(&mut connection)
        .await?;

    let port = free_port()?;
    let mut server = system
        .start(options.program.path()?.as_path(), &database, port)
        .await?;
    let commits = Arc::new(Commits::default());
    ready(system, &mut server, &commits, port)
        .await
        .with_context(|| format!("it does not serve: {}", system.log()))?;

    let mut clients = Clients::of(&commits);
    let begun = Instant::now();
    for _ in 0..options.clients {
        clients.connect(system.protocol(), port).await?;
    }
    let attached = clients.up_to_date(PATIENCE).await.context("attaching")?;

    progress.advance(
        1,
        &format!("{}: {} commits a second", system.name(), options.rate),
    );
    // What starting has left behind is done in a moment.
    pace(&mut connection, &commits, options.rate, 1).await?;
    clients.up_to_date(PATIENCE).await?;
    clients.delays();
    let (messages, bytes) = clients.received();
    let cpu = server.cpu();
    let paced = Instant::now();
    let committed = pace(&mut connection, &commits, options.rate, options.seconds).await?;
    let writing = paced.elapsed().as_secs_f64();
    clients
        .up_to_date(PATIENCE)
        .await
        .context("after the paced commits")?;
    let lasted = paced.elapsed().as_secs_f64();
    let cpu = server.cpu().saturating_sub(cpu).as_secs_f64();
    let delays = clients.delays();
    let (messages_after, bytes_after) = clients.received();

    progress.advance(1, &format!("{}: as fast as possible", system.name()));
    let (messages_before, _) = clients.received();
    let fast = Instant::now();
    let written = rush(&database, &commits, options.seconds).await?;
    let wrote = fast.elapsed();
    let told = clients.received().0 - messages_before;
    let caught_up = clients.up_to_date(PATIENCE).await;
    if let Err(error) = &caught_up {
        eprintln!("{}: {error:#}", system.name());
    }
    let caught_up = caught_up.ok().map(|at| at.saturating_duration_since(fast));
    let memory = server.memory();
    progress.advance(1, &format!("{}: ending", system.name()));

    let at = |share: f64| {
        let nth = (delays.len().saturating_sub(1) as f64 * share) as usize;
        delays
            .get(nth)
            .map_or(f64::NAN, |delay| delay.as_secs_f64() * 1000.0)
    };
    Ok(Figures {
        clients: options.clients,
        attach_ms: attached.saturating_duration_since(begun).as_secs_f64() * 1000.0,
        rate: options.rate,
        commits_per_second: committed as f64 / writing,
        median_ms: at(0.5),
        p99_ms: at(0.99),
        messages_per_second: (messages_after - messages) as f64 / lasted,
        bytes_per_second: (bytes_after - bytes) as f64 / lasted,
        server_cores: cpu / lasted,
        memory_mib: memory as f64 / f64::from(1 << 20),
        fast_commits_per_second: written as f64 / wrote.as_secs_f64(),
        fast_messages_per_client: told as f64 / wrote.as_secs_f64() / options.clients as f64,
        changes_per_second: caught_up.map(|lasted| written as f64 / lasted.as_secs_f64()),
        caught_up_ms: caught_up.map(|lasted| lasted.saturating_sub(wrote).as_secs_f64() * 1000.0),
    })
}

/// Waits until a first client has the list.
async fn ready(
    system: System,
    server: &mut server::Server,
    commits: &Arc<Commits>,
    port: u16,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut first = Clients::of(commits);
        let connected = first.connect(system.protocol(), port).await;
        let served = match connected {
            Ok(()) => first.up_to_date(Duration::from_secs(10)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let Err(error) = served else { return Ok(()) };
        if !server.runs() {
            bail!("a process has ended");
        }
        if begun.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Commits at a rate for some seconds; returns how many it were.
async fn pace(
    connection: &mut PgConnection,
    commits: &Commits,
    rate: u32,
    seconds: u32,
) -> anyhow::Result<u32> {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    let number = rate * seconds;
    for nth in 0..number {
        beat.tick().await;
        commit(connection, commits, nth as usize * 7 % SLOTS, nth).await?;
    }
    Ok(number)
}

/// Commits as fast as some connections can; returns how many it were.
async fn rush(database: &Database, commits: &Arc<Commits>, seconds: u32) -> anyhow::Result<u32> {
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut connection = database.connect().await;
        let commits = Arc::clone(commits);
        writers.push(tokio::spawn(async move {
            let mut written = 0;
            while Instant::now() < until {
                // A row is one writer's: its commits are in order.
                let slots = SLOTS / WRITERS;
                let slot = writer * slots + written as usize * 7 % slots;
                commit(&mut connection, &commits, slot, written).await?;
                written += 1;
            }
            anyhow::Ok(written)
        }));
    }
    let mut written = 0;
    for writer in writers {
        written += writer.await??;
    }
    Ok(written)
}

async fn commit(
    connection: &mut PgConnection,
    commits: &Commits,
    slot: usize,
    nth: u32,
) -> anyhow::Result<()> {
    let number = Commits::number(slot, commits.next(slot));
    let mut transaction = connection.begin().await?;
    let (id, moves) = (slot as i32 + 1, nth.is_multiple_of(5));
    sqlx::query("UPDATE orders SET seq = $1, amount = CASE WHEN $2 THEN 1000000 + $3 ELSE amount END WHERE id = $4")
        .bind(number)
        .bind(moves)
        .bind((nth * 7919 % 100_000) as i32)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    commits.send(slot);
    transaction.commit().await?;
    Ok(())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn print(rows: &[Row]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .filter_map(|row| Some((row.system, row.figures.as_ref()?)))
        .map(|(system, figures)| {
            let or_never = |value: Option<f64>| {
                value.map_or_else(|| "never".to_owned(), |value| format!("{value:.0}"))
            };
            vec![
                system.to_owned(),
                format!("{:.1}", figures.median_ms),
                format!("{:.1}", figures.p99_ms),
                format!("{:.0}", figures.commits_per_second),
                format!("{:.2}", figures.server_cores),
                format!("{:.0}", figures.bytes_per_second / 1000.0),
                format!("{:.0}", figures.fast_commits_per_second),
                format!("{:.0}", figures.fast_messages_per_client),
                or_never(figures.changes_per_second),
                or_never(figures.caught_up_ms),
                format!("{:.0}", figures.memory_mib),
                format!("{:.0}", figures.attach_ms),
            ]
        })
        .collect();
    report::print(
        &[
            "system",
            "median ms",
            "p99 ms",
            "commits/s",
            "cores",
            "kB/s",
            "fast commits/s",
            "messages/s/client",
            "changes/s",
            "caught up ms",
            "MiB",
            "attach ms",
        ],
        &cells,
    );
    for row in rows {
        if let Some(reason) = &row.skipped {
            println!("{}: skipped: {reason}", row.system);
        }
    }
}
