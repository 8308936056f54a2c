//! What watch rules cost those who write to a busy table, and those who follow another.
//!
//! A machine's speed wanders. So runs are short, each round does all numbers of rules one after the
//! other, and what counts is the ratio to none within a round. The busy table is written to as fast as
//! its writers can; meanwhile another one is written to at a slow beat, whose list others follow.

use std::time::{Duration, Instant};

use anyhow::Context;
use rowcast::auth::{
    account,
    token::{self, NewToken},
};
use serde::Serialize;
use sqlx::PgConnection;

use crate::{
    cluster::Database,
    latency::{self, Trial},
    progress::Progress,
    report::{Machine, median, print, write},
    served::{Program, Served, raise_open_files},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Numbers of rules over the busy table
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 100])]
    rules: Vec<u32>,
    /// Commits a second to the other table
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Commits a second to the busy table, of all its writers; 0 is as many as possible
    #[arg(long, default_value_t = 0)]
    busy: u32,
    /// Seconds that a run takes
    #[arg(long, env = "ROWCAST_BENCH_SECONDS", default_value_t = 5)]
    seconds: u32,
    /// How many times every run is repeated
    #[arg(long, env = "ROWCAST_BENCH_ROUNDS", default_value_t = 5)]
    rounds: u32,
}

/// How many connections write to the busy table.
const WRITERS: u64 = 4;

/// How many follow the other one, each a list of their own.
const CLIENTS: usize = 10;

/// How many rows the busy table has: each rule looks for one of a hundred.
const ROWS: u64 = 10_000;

/// Somebody has to sign in where there are rules.
const SETTINGS: [(&str, &str); 1] = [("ROWCAST_AUTH", "on")];

#[derive(Serialize)]
struct Row {
    rules: u32,
    /// Commits a second to the busy table, the median of all rounds.
    commits_per_second: f64,
    /// The median of the ratios to the first number of rules in the same round.
    commits_ratio: f64,
    /// From COMMIT to the clients of the other table.
    median_ms: f64,
    p99_ms: f64,
    median_ratio: f64,
    p99_ratio: f64,
    /// Rows that the rules told of in all rounds.
    hits: i64,
    server_cores: f64,
    database_cores: f64,
    rounds: Vec<Round>,
}

/// What one run gave.
#[derive(Clone, Serialize)]
struct Round {
    commits_per_second: f64,
    median_ms: f64,
    p99_ms: f64,
    /// To a bare `LISTEN` client of the same transactions.
    floor_p99_ms: f64,
    hits: i64,
    server_cores: f64,
    database_cores: f64,
}

fn schema() -> String {
    format!(
        "{}; CREATE TABLE busy (id int PRIMARY KEY, owner int NOT NULL, n bigint NOT NULL, \
         title text NOT NULL) WITH (fillfactor = 50); \
         INSERT INTO busy SELECT g, g % 100, 0, 'row number ' || g FROM generate_series(0, {ROWS} - 1) g; \
         ANALYZE busy; SELECT rowcast.watch('busy')",
        latency::SCHEMA
    )
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    raise_open_files();
    let mut served = Served::start(&options.program, &schema()).await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    served.token = Some(somebody(&served.database).await?);
    let runs = u64::from(options.rounds) * options.rules.len() as u64;
    let mut progress = Progress::new("watching", runs);
    let mut all: Vec<Vec<Round>> = vec![Vec::new(); options.rules.len()];
    for round in 0..options.rounds as usize {
        for step in 0..options.rules.len() {
            // Each begins a round once in a while.
            let which = (step + round) % options.rules.len();
            let rules = options.rules[which];
            make(&mut connection, rules).await?;
            // Rules that are made by SQL are seen when a server starts.
            served = served.restart(&options.program, &SETTINGS).await?;
            // Connections, plans and caches are there before it counts.
            measure(options, &served, &mut connection, 1).await?;
            let run = measure(options, &served, &mut connection, options.seconds).await?;
            progress.advance(
                1,
                &format!("{rules} rules: {:.0}/s", run.commits_per_second),
            );
            all[which].push(run);
        }
    }
    drop(progress);
    report(options, version, &all)
}

/// An account that sees all tables, by its token.
async fn somebody(database: &Database) -> anyhow::Result<String> {
    let pool = database.pool(1).await;
    let roles = ["administrator".to_owned()];
    let id = account::add(&pool, "ann", &roles, None)
        .await
        .map_err(|error| anyhow::anyhow!(error.message))?;
    let new = NewToken {
        name: "bench".to_owned(),
        scopes: vec!["read".to_owned()],
        expires: None,
    };
    let made = token::create(&pool, id, &new).await;
    let (_, secret) = made.map_err(|error| anyhow::anyhow!(error.message))?;
    Ok(secret.reveal().to_owned())
}

/// So many rules: each is hit by one of a hundred commits.
async fn make(connection: &mut PgConnection, rules: u32) -> anyhow::Result<()> {
    sqlx::raw_sql("DELETE FROM rowcast.watch_rule; DELETE FROM rowcast.notification")
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, column_name) \
         SELECT a.id, 'rule ' || g, 'busy', 'owner=eq.' || g % 100, 'changes', 'n' \
           FROM rowcast.account a, generate_series(1, $1) AS g WHERE a.name = 'ann'",
    )
    .bind(i32::try_from(rules).context("fewer rules")?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn hits(connection: &mut PgConnection) -> anyhow::Result<i64> {
    let sql = "SELECT coalesce(sum(hits), 0)::int8 FROM rowcast.watch_rule";
    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
}

async fn measure(
    options: &Options,
    served: &Served,
    connection: &mut PgConnection,
    seconds: u32,
) -> anyhow::Result<Round> {
    let before = hits(connection).await?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds.into());
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut connection = served.database.connect().await;
        let busy = u64::from(options.busy);
        writers.push(tokio::spawn(async move {
            let mut done = 0_u64;
            while Instant::now() < end {
                let turn = done * WRITERS + writer;
                if busy > 0 {
                    let due = Duration::from_secs_f64(turn as f64 / busy as f64);
                    tokio::time::sleep_until((begun + due).into()).await;
                }
                // Spread over the rows; no two writers meet on one.
                let id = turn * 7919 % (ROWS / WRITERS) * WRITERS + writer;
                sqlx::query("UPDATE busy SET n = n + 1 WHERE id = $1")
                    .bind(id as i32)
                    .execute(&mut connection)
                    .await?;
                done += 1;
            }
            anyhow::Ok(done as f64 / begun.elapsed().as_secs_f64())
        }));
    }
    let trial = Trial {
        clients: CLIENTS,
        rate: options.rate,
        seconds,
    };
    let other = latency::measure(served, trial).await?;
    let mut commits_per_second = 0.0;
    for writer in writers {
        commits_per_second += writer.await??;
    }
    Ok(Round {
        commits_per_second,
        median_ms: other.client.median_ms,
        p99_ms: other.client.p99_ms,
        floor_p99_ms: other.floor.p99_ms,
        hits: hits(connection).await? - before,
        server_cores: other.server_cores,
        database_cores: other.database_cores,
    })
}

fn report(options: &Options, version: String, all: &[Vec<Round>]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (rounds, rules) in all.iter().zip(&options.rules) {
        let of = |value: fn(&Round) -> f64| {
            let values: Vec<f64> = rounds.iter().map(value).collect();
            let ratios: Vec<f64> = rounds
                .iter()
                .zip(&all[0])
                .map(|(a, b)| value(a) / value(b))
                .collect();
            (median(&values), median(&ratios))
        };
        let (commits_per_second, commits_ratio) = of(|round| round.commits_per_second);
        let (median_ms, median_ratio) = of(|round| round.median_ms);
        let (p99_ms, p99_ratio) = of(|round| round.p99_ms);
        rows.push(Row {
            rules: *rules,
            commits_per_second,
            commits_ratio,
            median_ms,
            p99_ms,
            median_ratio,
            p99_ratio,
            hits: rounds.iter().map(|round| round.hits).sum(),
            server_cores: of(|round| round.server_cores).0,
            database_cores: of(|round| round.database_cores).0,
            rounds: rounds.clone(),
        });
    }
    let cells = |row: &Row| {
        vec![
            row.rules.to_string(),
            format!("{:.0}", row.commits_per_second),
            format!("{:.2}", row.commits_ratio),
            format!("{:.2}", row.median_ms),
            format!("{:.2}", row.median_ratio),
            format!("{:.2}", row.p99_ms),
            format!("{:.2}", row.p99_ratio),
            row.hits.to_string(),
            format!("{:.2}", row.server_cores),
            format!("{:.2}", row.database_cores),
        ]
    };
    print(
        &[
            "rules",
            "commits/s",
            "ratio",
            "other list: median ms",
            "ratio",
            "p99",
            "ratio",
            "hits",
            "server cores",
            "database",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    write("watching", &Machine::this(version), &rows)
}
