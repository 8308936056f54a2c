//! What capture costs: transactions a second of `pgbench`'s single-row update.
//!
//! A machine's speed wanders, more so where others use it. So runs are short, each round does
//! all variants one after the other, and what counts is a variant's ratio to "none" within
//! its round.

use anyhow::{Context, bail};
use rowcast::{
    capture::{TailOptions, migrate::migrate, tail},
    database::pool::session,
};
use serde::Serialize;
use sqlx::{PgConnection, postgres::PgListener};

use crate::{
    cluster::{Cluster, Database},
    progress::Progress,
    report::{Machine, median, print, write},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Seconds that a run takes; there are 15 runs in a round
    #[arg(long, env = "ROWCAST_BENCH_SECONDS", default_value_t = 4)]
    seconds: u32,
    /// How many times every run is repeated
    #[arg(long, env = "ROWCAST_BENCH_ROUNDS", default_value_t = 4)]
    rounds: u32,
    /// pgbench's scale: 100,000 accounts each
    #[arg(long, default_value_t = 10)]
    scale: u32,
}

const CLIENTS: [u32; 3] = [1, 8, 32];

/// What is on the table, and who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// No trigger.
    None,
    /// Ours, and a tail that reads all the time.
    Awake,
    /// Ours, and a listener that is told of every commit and never takes the awake lock: what
    /// a tail costs at its worst. (A real one wakes up.)
    Asleep,
    /// Ours, and no server.
    Alone,
    /// What people write themselves.
    Notify,
}

const VARIANTS: [Variant; 5] = [
    Variant::None,
    Variant::Awake,
    Variant::Asleep,
    Variant::Alone,
    Variant::Notify,
];

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Awake => "awake",
            Self::Asleep => "asleep",
            Self::Alone => "no server",
            Self::Notify => "plain notify",
        }
    }
}

#[derive(Serialize)]
struct Row {
    clients: u32,
    variant: &'static str,
    /// Transactions a second, the median of all rounds.
    tps: f64,
    /// The median of the ratios to "none" in the same round.
    ratio: f64,
    rounds: Vec<f64>,
}

const SCRIPT: &str = "\\set aid random(1, 100000 * :scale)\n\
     \\set delta random(-5000, 5000)\n\
     UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;\n";

const NOTIFY: &str = "CREATE FUNCTION plain_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     PERFORM pg_notify('changes', row_to_json(NEW)::text); RETURN NULL; END $$";

pub async fn run(options: &Options) -> anyhow::Result<()> {
    // As durable as a database that matters; without a checkpoint in the middle of a run.
    let cluster = Cluster::start(&[
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("max_wal_size", "32GB"),
        ("checkpoint_timeout", "1d"),
        ("shared_buffers", "512MB"),
        ("max_prepared_transactions", "0"),
    ]);
    let database = cluster.database().await;
    let mut connection = database.connect().await;
    migrate(&mut connection).await?;
    database.execute(NOTIFY).await;
    pgbench(
        &cluster,
        &database,
        &["-i", "-q", "-s", &options.scale.to_string()],
    )?;
    std::fs::write(cluster.directory().join("update.sql"), SCRIPT)?;
    // Every page is written whole once after a checkpoint; have that behind us.
    database
        .execute("UPDATE pgbench_accounts SET abalance = 0")
        .await;
    database.execute("VACUUM pgbench_accounts").await;
    measure(&cluster, &database, options, 8)?;

    let runs = u64::from(options.rounds) * (CLIENTS.len() * VARIANTS.len()) as u64;
    let mut progress = Progress::new("capture", runs);
    let mut all = vec![vec![Vec::new(); VARIANTS.len()]; CLIENTS.len()];
    for round in 0..options.rounds as usize {
        for (place, clients) in CLIENTS.iter().enumerate() {
            for step in 0..VARIANTS.len() {
                // Each begins a round once in a while.
                let which = (step + round) % VARIANTS.len();
                let variant = VARIANTS[which];
                let guard = prepare(&database, &mut connection, variant).await?;
                let tps = measure(&cluster, &database, options, *clients)?;
                let what = format!("round {round}: {clients} clients, {}", variant.name());
                progress.advance(1, &format!("{what}: {tps:.0}"));
                all[place][which].push(tps);
                guard.end(&mut connection).await?;
            }
        }
    }
    drop(progress);
    report(&mut connection, &all).await
}

/// What goes on beside the writers.
enum Beside {
    Nothing,
    Tail(tokio::task::JoinHandle<()>),
    Listener(Box<PgListener>),
}

impl Beside {
    async fn end(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        match self {
            Self::Nothing => {}
            Self::Tail(task) => task.abort(),
            Self::Listener(listener) => drop(listener),
        }
        // Locks end with their sessions, which takes a moment.
        sqlx::raw_sql(
            "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory') LOOP \
             PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$; \
             SELECT rowcast.unwatch('pgbench_accounts'); \
             DROP TRIGGER IF EXISTS plain ON pgbench_accounts; TRUNCATE rowcast.change_log",
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

async fn prepare(
    database: &Database,
    connection: &mut PgConnection,
    variant: Variant,
) -> anyhow::Result<Beside> {
    match variant {
        Variant::None => return Ok(Beside::Nothing),
        Variant::Notify => {
            sqlx::raw_sql(
                "CREATE TRIGGER plain AFTER INSERT OR UPDATE ON pgbench_accounts \
                 FOR EACH ROW EXECUTE FUNCTION plain_notify()",
            )
            .execute(connection)
            .await?;
            let mut listener = PgListener::connect_with(&database.pool(1).await).await?;
            listener.listen("changes").await?;
            return Ok(Beside::Listener(Box::new(listener)));
        }
        Variant::Awake | Variant::Asleep | Variant::Alone => {}
    }
    sqlx::raw_sql("SELECT rowcast.watch('pgbench_accounts')")
        .execute(connection)
        .await?;
    match variant {
        Variant::Awake => {
            let mut tail = tail::start(TailOptions {
                database: session(database.options.clone()),
                read_bound: 64 << 20,
                bus: None,
                traces: Default::default(),
            })
            .await?;
            Ok(Beside::Tail(tokio::spawn(async move {
                while tail.events.recv().await.is_some() {}
            })))
        }
        Variant::Asleep => {
            let mut listener = PgListener::connect_with(&database.pool(1).await).await?;
            sqlx::query("SELECT pg_advisory_lock_shared(rowcast.awake_class(), 3)")
                .execute(&mut listener)
                .await?;
            listener.listen("rowcast").await?;
            Ok(Beside::Listener(Box::new(listener)))
        }
        _ => Ok(Beside::Nothing),
    }
}

/// Transactions a second.
fn measure(
    cluster: &Cluster,
    database: &Database,
    options: &Options,
    clients: u32,
) -> anyhow::Result<f64> {
    let (clients, seconds) = (clients.to_string(), options.seconds.to_string());
    let (scale, script) = (
        options.scale.to_string(),
        cluster.directory().join("update.sql"),
    );
    let script = script.to_string_lossy();
    let output = pgbench(
        cluster,
        database,
        &[
            "-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-s", &scale, "-f",
            &script,
        ],
    )?;
    output
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok())
        .context("pgbench names no transactions per second")
}

fn pgbench(cluster: &Cluster, database: &Database, arguments: &[&str]) -> anyhow::Result<String> {
    let output = cluster
        .program("pgbench", database)
        .args(arguments)
        .output()
        .context("pgbench can't be run")?;
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn report(connection: &mut PgConnection, all: &[Vec<Vec<f64>>]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (runs, clients) in all.iter().zip(CLIENTS) {
        for (rounds, variant) in runs.iter().zip(VARIANTS) {
            let ratios: Vec<f64> = rounds.iter().zip(&runs[0]).map(|(a, b)| a / b).collect();
            rows.push(Row {
                clients,
                variant: variant.name(),
                tps: median(rounds),
                ratio: median(&ratios),
                rounds: rounds.clone(),
            });
        }
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.clients.to_string(),
                row.variant.to_owned(),
                format!("{:.0}", row.tps),
                format!("{:.2}", row.ratio),
            ]
        })
        .collect();
    print(&["clients", "variant", "tps", "ratio to none"], &cells);
    let version: String = sqlx::query_scalar("SELECT version()")
        .fetch_one(&mut *connection)
        .await?;
    write("capture", &Machine::this(version), &rows)
}
