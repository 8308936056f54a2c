//! How many changes a second are sustained, from COMMIT to every client that they concern.
//!
//! The load is offered at a rate, whatever becomes of it, and doubled from step to step until
//! it is no longer carried. After each step every client's list is changed once more: when the
//! last has that, all has arrived.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use sqlx::AssertSqlSafe;

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
    /// Clients, each with a query of its own
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Rows that a transaction changes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100])]
    batches: Vec<u32>,
    /// Changes a second in the first step
    #[arg(long, default_value_t = 1000)]
    from: u32,
    /// Seconds that a step takes
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

/// How many connections write.
const WRITERS: usize = 4;

/// How far behind the clients may be at the end of a step that counts as sustained.
const LAG: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Row {
    /// Rows that a transaction changes.
    batch: u32,
    clients: usize,
    offered_per_second: u32,
    /// Changes committed a second.
    committed_per_second: f64,
    /// From the last COMMIT to the last client.
    lag_ms: f64,
    /// Whether as much was committed as offered, and was with the clients in time.
    sustained: bool,
    patches_per_second: f64,
    resets: u64,
    server_cores: f64,
    database_cores: f64,
    changes_per_server_core_second: f64,
}

const SCHEMA: &str = "CREATE TABLE flow (id int PRIMARY KEY, owner int NOT NULL, n bigint NOT NULL, \
     title text NOT NULL) WITH (fillfactor = 50); CREATE INDEX ON flow (owner); \
     INSERT INTO flow SELECT g, g % CLIENTS, 0, 'row number ' || g \
     FROM generate_series(0, 100 * CLIENTS - 1) g; \
     ANALYZE flow; SELECT rowcast.watch('flow')";

pub async fn run(options: &Options) -> anyhow::Result<()> {
    raise_open_files();
    let schema = SCHEMA.replace("CLIENTS", &options.clients.to_string());
    let served = Served::start(&options.program, &schema).await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    // Each client has seen the final mark of a step when its list shows it.
    let marked = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&marked);
    let swarm = Swarm::connect(&served.address, options.clients, move |_, kind, text| {
        let is_mark = text
            .windows(6)
            .any(|part| part == b"\"n\":-1" || part == b"\"n\":-2");
        if kind == Kind::Patch && is_mark {
            noted.fetch_add(1, Relaxed);
        }
    })?;
    swarm.subscribe("flow", |client| {
        format!("owner=eq.{client}&order=id&limit=100")
    })?;
    swarm.wait(options.clients as u64, Duration::from_secs(60), |s| {
        &s.snapshots
    })?;
    let progress = Progress::new("throughput", 1);
    let mut rows = Vec::new();
    for &batch in &options.batches {
        let mut offered = options.from;
        loop {
            progress.say(&format!(
                "{batch} rows a transaction, {offered} changes a second"
            ));
            let row = step(options, &served, &swarm, &marked, batch, offered).await?;
            let is_sustained = row.sustained;
            rows.push(row);
            if !is_sustained {
                break;
            }
            offered *= 2;
        }
    }
    drop(progress);
    let cells = |row: &Row| {
        vec![
            row.batch.to_string(),
            row.offered_per_second.to_string(),
            format!("{:.0}", row.committed_per_second),
            format!("{:.0}", row.lag_ms),
            if row.sustained { "yes" } else { "no" }.to_owned(),
            format!("{:.2}", row.server_cores),
            format!("{:.2}", row.database_cores),
            format!("{:.0}", row.changes_per_server_core_second),
            row.resets.to_string(),
        ]
    };
    print(
        &[
            "rows/commit",
            "offered/s",
            "committed/s",
            "lag ms",
            "sustained",
            "server cores",
            "database",
            "changes/server core s",
            "resets",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    write("throughput", &Machine::this(version), &rows)
}

async fn step(
    options: &Options,
    served: &Served,
    swarm: &Swarm,
    marked: &AtomicU64,
    batch: u32,
    offered: u32,
) -> anyhow::Result<Row> {
    let clients = options.clients as u64;
    let rows = 100 * clients;
    let (patches, resets) = (
        swarm.seen.patches.load(Relaxed),
        swarm.seen.resets.load(Relaxed),
    );
    marked.store(0, Relaxed);
    let (before, begun) = (served.cpu(), Instant::now());
    let end = begun + Duration::from_secs(options.seconds.into());
    let next = Arc::new(AtomicU64::new(0));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut connection = served.database.connect().await;
        let next = Arc::clone(&next);
        writers.push(tokio::spawn(async move {
            let mut done = 0;
            while Instant::now() < end {
                let turn = next.fetch_add(1, Relaxed);
                let due =
                    Duration::from_secs_f64(turn as f64 * f64::from(batch) / f64::from(offered));
                tokio::time::sleep_until((begun + due).into()).await;
                // Writers never meet on a row: each takes the next stretch of them.
                let first = turn * u64::from(batch) % rows;
                let sql = format!(
                    "UPDATE flow SET n = abs(n) + 1 WHERE id >= {first} AND id < {}",
                    first + u64::from(batch)
                );
                let result = sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await?;
                done += result.rows_affected();
            }
            anyhow::Ok(done)
        }));
    }
    let mut done = 0;
    for writer in writers {
        done += writer.await??;
    }
    let took = begun.elapsed().as_secs_f64();
    let cpu = served.cpu().since(before);
    let mut connection = served.database.connect().await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "UPDATE flow SET n = CASE n WHEN -1 THEN -2 ELSE -1 END WHERE id < {clients}"
    )))
    .execute(&mut connection)
    .await?;
    let committed = Instant::now();
    while marked.load(Relaxed) < clients && committed.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let lag = committed.elapsed();
    let committed_per_second = done as f64 / took;
    Ok(Row {
        batch,
        clients: options.clients,
        offered_per_second: offered,
        committed_per_second,
        lag_ms: lag.as_secs_f64() * 1000.0,
        sustained: committed_per_second > 0.95 * f64::from(offered) && lag < LAG,
        patches_per_second: (swarm.seen.patches.load(Relaxed) - patches) as f64 / took,
        resets: swarm.seen.resets.load(Relaxed) - resets,
        server_cores: cpu.server.as_secs_f64() / took,
        database_cores: cpu.database.as_secs_f64() / took,
        changes_per_server_core_second: done as f64 / cpu.server.as_secs_f64(),
    })
}
