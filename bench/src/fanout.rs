//! Many clients: what one costs, how many messages a second reach them, and how soon.
//!
//! All clients follow one query ("shared"), or each one of its own ("distinct"). A round of
//! changes is one transaction that touches every client's list: one row in the first case, a
//! row for each client in the second.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    report::{Machine, median, write},
    served::{Program, Served, raise_open_files},
    swarm::{Kind as Message, Swarm},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Clients
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Rounds of changes a second, one step after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5, 20, 50, 100])]
    rates: Vec<u32>,
    /// Seconds that a step takes
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Only this kind: shared or distinct
    #[arg(long)]
    only: Option<Kind>,
}

/// How long all clients together may take to get their first lists.
const ATTACH_PATIENCE: Duration = Duration::from_secs(300);

/// Whose queries are whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Shared,
    Distinct,
}

#[derive(Serialize)]
struct Row {
    kind: Kind,
    clients: usize,
    /// Subscribing all at once: until the last has its snapshot.
    attach_ms: f64,
    /// Subscriptions that were refused meanwhile, and asked for again.
    attach_refused: u64,
    /// Processor time of the database for that.
    attach_database_ms: f64,
    /// Processor time of the server for that.
    attach_server_ms: f64,
    /// Resident memory for each connection that follows nothing.
    connected_bytes_per_client: f64,
    /// Resident memory for each client that follows its query, when nothing happens.
    idle_bytes_per_client: f64,
    /// The same after all the steps.
    used_bytes_per_client: f64,
    /// One round, from its COMMIT to the last client.
    one_change_to_last_ms: f64,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    rounds_per_second: u32,
    /// Messages a second that came.
    messages_per_second: f64,
    /// Messages that came for each message that one round at a time would bring: less than
    /// one means that rounds were merged.
    merged: f64,
    /// From the end of the last COMMIT to the last message.
    lag_ms: f64,
    server_cores: f64,
    database_cores: f64,
    messages_per_server_core_second: f64,
    resets: u64,
}

const SCHEMA: &str = "CREATE TABLE fan (id int PRIMARY KEY, topic int NOT NULL, n bigint NOT NULL, \
     title text NOT NULL, at timestamptz NOT NULL DEFAULT now()); \
     CREATE INDEX ON fan (topic); \
     INSERT INTO fan SELECT g, g / 3, 0, 'row number ' || g FROM generate_series(0, 3 * CLIENTS) g; \
     INSERT INTO fan SELECT -g, -1, 0, 'shared row ' || g FROM generate_series(1, 50) g; \
     ANALYZE fan; SELECT rowcast.watch('fan')";

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let files = raise_open_files();
    ensure!(
        files > options.clients as u64 + 100,
        "{files} files may be open: too few for {} clients",
        options.clients
    );
    let mut rows = Vec::new();
    let mut version = String::new();
    for kind in [Kind::Shared, Kind::Distinct] {
        if options.only.is_some_and(|only| only != kind) {
            continue;
        }
        let schema = SCHEMA.replace("CLIENTS", &options.clients.to_string());
        let served = Served::start(&options.program, &schema).await?;
        let mut connection = served.database.connect().await;
        version = served.version(&mut connection).await?;
        let row = measure(options, kind, &served, &mut connection).await?;
        print(&row);
        rows.push(row);
    }
    write("fanout", &Machine::this(version), &rows)
}

async fn measure(
    options: &Options,
    kind: Kind,
    served: &Served,
    connection: &mut PgConnection,
) -> anyhow::Result<Row> {
    let clients = options.clients as u64;
    let each = |total: u64| total as f64 / clients as f64;
    // What any client at all costs, once, is behind us.
    let first = Swarm::connect(&served.address, 1, |_, _, _| {})?;
    first.subscribe("fan", |_| "topic=eq.-1".to_owned())?;
    first.wait(1, Duration::from_secs(30), |seen| &seen.snapshots)?;
    let empty = served.resident();

    let refused = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&refused);
    let swarm = Swarm::connect(
        &served.address,
        options.clients,
        move |client, message, _| {
            if message == Message::Error {
                lock(&noted).push(client);
            }
        },
    )?;
    let connected = served.resident();
    let query = |client: usize| match kind {
        Kind::Shared => "topic=eq.-1&order=id&limit=50".to_owned(),
        Kind::Distinct => format!("topic=eq.{client}&order=id&limit=50"),
    };
    let (before, begun) = (served.cpu(), Instant::now());
    swarm.subscribe("fan", query)?;
    while swarm.seen.snapshots.load(Relaxed) < clients && begun.elapsed() < ATTACH_PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
        for client in std::mem::take(&mut *lock(&refused)) {
            swarm.subscribe_one(client, "fan", &query(client))?;
        }
    }
    let attached = swarm.wait(clients, Duration::ZERO, |seen| &seen.snapshots)?;
    let attach_ms = (attached - begun).as_secs_f64() * 1000.0;
    let attach = served.cpu().since(before);
    let attach_refused = swarm.seen.errors.load(Relaxed);
    eprintln!(
        "{kind:?}: {clients} clients attached in {attach_ms:.0} ms, {attach_refused} times refused"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = served.resident();

    let mut sent = 0;
    let mut singles = Vec::new();
    for _ in 0..7 {
        let before = swarm.seen.patches.load(Relaxed);
        let begun = change(connection, kind, options.clients, sent).await?.0;
        sent += 1;
        let last = swarm.wait(before + clients, Duration::from_secs(60), |s| &s.patches)?;
        singles.push((last - begun).as_secs_f64() * 1000.0);
    }
    let mut steps = Vec::new();
    for &rate in &options.rates {
        let step = step(options, kind, served, connection, &swarm, rate, &mut sent).await?;
        eprintln!(
            "{kind:?}: {rate} rounds/s: {:.0} messages/s, {:.0} a server core second, lag {:.0} ms",
            step.messages_per_second, step.messages_per_server_core_second, step.lag_ms
        );
        steps.push(step);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let used = served.resident();
    Ok(Row {
        kind,
        clients: options.clients,
        attach_ms,
        attach_refused,
        attach_database_ms: attach.database.as_secs_f64() * 1000.0,
        attach_server_ms: attach.server.as_secs_f64() * 1000.0,
        connected_bytes_per_client: each(connected.saturating_sub(empty)),
        idle_bytes_per_client: each(idle.saturating_sub(empty)),
        used_bytes_per_client: each(used.saturating_sub(empty)),
        one_change_to_last_ms: median(&singles),
        steps,
    })
}

/// Changes what every client sees. Returns when the COMMIT was sent and when it was done.
async fn change(
    connection: &mut PgConnection,
    kind: Kind,
    clients: usize,
    n: u64,
) -> anyhow::Result<(Instant, Instant)> {
    let condition = match kind {
        Kind::Shared => format!("id = -{}", 1 + n % 50),
        Kind::Distinct => format!("id % 3 = 0 AND id >= 0 AND id < 3 * {clients}"),
    };
    let sql = format!("BEGIN; UPDATE fan SET n = n + 1 WHERE {condition}");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *connection)
        .await?;
    let begun = Instant::now();
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok((begun, Instant::now()))
}

async fn step(
    options: &Options,
    kind: Kind,
    served: &Served,
    connection: &mut PgConnection,
    swarm: &Swarm,
    rate: u32,
    sent: &mut u64,
) -> anyhow::Result<Step> {
    let (messages, resets) = (
        swarm.seen.patches.load(Relaxed),
        swarm.seen.resets.load(Relaxed),
    );
    let (before, begun) = (served.cpu(), Instant::now());
    let mut beat = tokio::time::interval(Duration::from_secs(1) / rate);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut committed = begun;
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(options.seconds.into()) {
        beat.tick().await;
        committed = change(connection, kind, options.clients, *sent).await?.1;
        *sent += 1;
        rounds += 1;
    }
    // How many come is not known where rounds are merged: it is over when nothing came for a
    // while.
    while committed.elapsed().min(swarm.last().elapsed()) < Duration::from_millis(1500) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = (swarm.last() - begun).as_secs_f64();
    let cpu = served.cpu().since(before);
    let messages = (swarm.seen.patches.load(Relaxed) - messages) as f64;
    Ok(Step {
        rounds_per_second: rate,
        messages_per_second: messages / took,
        merged: messages / (f64::from(rounds) * options.clients as f64),
        lag_ms: (swarm.last() - committed).as_secs_f64() * 1000.0,
        server_cores: cpu.server.as_secs_f64() / took,
        database_cores: cpu.database.as_secs_f64() / took,
        messages_per_server_core_second: messages / cpu.server.as_secs_f64(),
        resets: swarm.seen.resets.load(Relaxed) - resets,
    })
}

fn print(row: &Row) {
    println!(
        "{:?}, {} clients: attached in {:.0} ms, {} refusals (server {:.0}, database {:.0} ms of processor); \
         {:.1} KiB a connection, {:.1} KiB an idle client, {:.1} KiB after traffic; \
         one change reaches the last in {:.1} ms",
        row.kind,
        row.clients,
        row.attach_ms,
        row.attach_refused,
        row.attach_server_ms,
        row.attach_database_ms,
        row.connected_bytes_per_client / 1024.0,
        row.idle_bytes_per_client / 1024.0,
        row.used_bytes_per_client / 1024.0,
        row.one_change_to_last_ms,
    );
    println!("rounds/s  messages/s  merged   lag ms  server  database  messages/core s  resets");
    for step in &row.steps {
        println!(
            "{:>8}  {:>10.0}  {:>6.2}  {:>7.1}  {:>6.2}  {:>8.2}  {:>15.0}  {:>6}",
            step.rounds_per_second,
            step.messages_per_second,
            step.merged,
            step.lag_ms,
            step.server_cores,
            step.database_cores,
            step.messages_per_server_core_second,
            step.resets,
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
