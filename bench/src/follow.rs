//! Real input: pgbench writes, live queries of different filters, sorts and offsets follow.
//!
//! When pgbench stops every list has to equal its SQL, and none may have been reset. The
//! delay of a patch is from the moment its newest change was logged, by the database's clock,
//! to its arrival here, on the same machine.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use futures::{SinkExt, StreamExt};
use rowcast_protocol::{
    Cell,
    json::{Heading, read_event},
    list::List,
    message::{ClientMessage, Event},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

/// What to follow and for how long.
#[derive(clap::Args)]
pub struct Arguments {
    /// A database that pgbench -i has filled and whose tables are live
    #[arg(long)]
    database_url: String,
    /// The server's address
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: String,
    /// The server's process, to measure its processor time
    #[arg(long)]
    server_pid: Option<u32>,
    /// Where pgbench is
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
    /// Clients of pgbench
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Transactions a second in all; 0 is as many as possible
    #[arg(long, default_value_t = 0)]
    rate: u32,
}

/// Each query in the grammar, and what the SQL says it is.
const QUERIES: [(&str, &str, &str); 21] = [
    (
        "pgbench_accounts",
        "order=abalance.desc&limit=50",
        "SELECT aid::text AS key FROM pgbench_accounts ORDER BY abalance DESC, aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "order=abalance.asc&limit=50",
        "SELECT aid::text AS key FROM pgbench_accounts ORDER BY abalance, aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "limit=100",
        "SELECT aid::text AS key FROM pgbench_accounts ORDER BY aid LIMIT 100",
    ),
    (
        "pgbench_accounts",
        "offset=1000&limit=100",
        "SELECT aid::text AS key FROM pgbench_accounts ORDER BY aid LIMIT 100 OFFSET 1000",
    ),
    (
        "pgbench_accounts",
        "bid=eq.3&order=abalance.desc&limit=20",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE bid = 3 ORDER BY abalance DESC, aid LIMIT 20",
    ),
    (
        "pgbench_accounts",
        "bid=in.(1,2)&abalance=gt.0&order=abalance.desc",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE bid IN (1, 2) AND abalance > 0 ORDER BY abalance DESC, aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "abalance=gte.4000&order=aid.desc&limit=200",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE abalance >= 4000 ORDER BY aid DESC LIMIT 200",
    ),
    (
        "pgbench_accounts",
        "abalance=lt.-4500&order=aid&limit=50&offset=20",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE abalance < -4500 ORDER BY aid LIMIT 50 OFFSET 20",
    ),
    (
        "pgbench_accounts",
        "abalance=neq.0&order=abalance.desc,bid.asc&limit=50&offset=500",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE abalance <> 0 ORDER BY abalance DESC, bid, aid LIMIT 50 OFFSET 500",
    ),
    (
        "pgbench_accounts",
        "aid=eq.77",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE aid = 77 ORDER BY aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "or=(abalance.gt.4900,abalance.lt.-4900)&order=abalance",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE abalance > 4900 OR abalance < -4900 ORDER BY abalance, aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "abalance=gt.1000&abalance=lte.1100&order=abalance&limit=50",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE abalance > 1000 AND abalance <= 1100 ORDER BY abalance, aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "filler=like.*x*",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE filler LIKE '%x%' ORDER BY aid LIMIT 50",
    ),
    (
        "pgbench_accounts",
        "not.and=(abalance.eq.0,bid.gt.5)&order=bid.desc,abalance&limit=30",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE NOT (abalance = 0 AND bid > 5) ORDER BY bid DESC, abalance, aid LIMIT 30",
    ),
    (
        "pgbench_accounts",
        "bid=eq.7&abalance=eq.0&order=aid.desc&limit=100",
        "SELECT aid::text AS key FROM pgbench_accounts WHERE bid = 7 AND abalance = 0 ORDER BY aid DESC LIMIT 100",
    ),
    (
        "pgbench_tellers",
        "order=tbalance.desc",
        "SELECT tid::text AS key FROM pgbench_tellers ORDER BY tbalance DESC, tid LIMIT 50",
    ),
    (
        "pgbench_tellers",
        "tbalance=gt.0&order=tbalance",
        "SELECT tid::text AS key FROM pgbench_tellers WHERE tbalance > 0 ORDER BY tbalance, tid LIMIT 50",
    ),
    (
        "pgbench_tellers",
        "bid=eq.1&order=tbalance.desc&limit=3&offset=2",
        "SELECT tid::text AS key FROM pgbench_tellers WHERE bid = 1 ORDER BY tbalance DESC, tid LIMIT 3 OFFSET 2",
    ),
    (
        "pgbench_branches",
        "order=bbalance.desc",
        "SELECT bid::text AS key FROM pgbench_branches ORDER BY bbalance DESC, bid LIMIT 50",
    ),
    (
        "pgbench_branches",
        "bbalance=lt.0",
        "SELECT bid::text AS key FROM pgbench_branches WHERE bbalance < 0 ORDER BY bid LIMIT 50",
    ),
    (
        "pgbench_branches",
        "bid=in.(1,3,5)&order=bbalance&limit=2",
        "SELECT bid::text AS key FROM pgbench_branches WHERE bid IN (1, 3, 5) ORDER BY bbalance, bid LIMIT 2",
    ),
];

/// Follows, writes, compares, and prints what was found.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let state = Arc::new(State::default());
    let reader = tokio::spawn(follow(arguments.addr.clone(), Arc::clone(&state)));
    wait(&state, "every list has come", |held| {
        held.iter().all(|held| held.list.is_some())
    })
    .await?;
    let mut connection = PgConnection::connect(&arguments.database_url).await?;
    let before = Cpu::now(&mut connection, arguments.server_pid).await?;

    let tps = pgbench(&arguments).await?;

    let after = Cpu::now(&mut connection, arguments.server_pid).await?;
    for (nth, (_, query, sql)) in QUERIES.iter().enumerate() {
        let expected: Vec<String> = sqlx::query_scalar(AssertSqlSafe((*sql).to_owned()))
            .fetch_all(&mut connection)
            .await?;
        wait(&state, query, |held| {
            held[nth]
                .list
                .as_ref()
                .is_some_and(|list| keys(list) == expected)
        })
        .await?;
    }
    reader.abort();

    let mut delays = std::mem::take(&mut *lock(&state.delays));
    let resets = *lock(&state.resets);
    ensure!(!delays.is_empty(), "no patch came");
    delays.sort_unstable();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let result = json!({
        "transactions_per_second": tps,
        "queries": QUERIES.len(),
        "patches": delays.len(),
        "resets": resets,
        "delay_ms": {"median": at(0.5), "p99": at(0.99), "max": at(1.0)},
        "server_cores": after.server.saturating_sub(before.server).as_secs_f64()
            / arguments.seconds as f64,
        "database_cores_for_rowcast": after.database.saturating_sub(before.database).as_secs_f64()
            / arguments.seconds as f64,
    });
    println!("{result:#}");
    ensure!(resets == 0, "{resets} lists were reset");
    println!("every list equals its SQL");
    Ok(())
}

#[derive(Default)]
struct State {
    held: Mutex<Vec<Held>>,
    delays: Mutex<Vec<i64>>,
    resets: Mutex<u64>,
    fault: Mutex<Option<String>>,
    changed: Notify,
}

#[derive(Default)]
struct Held {
    heading: Heading,
    list: Option<List>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn keys(list: &List) -> Vec<String> {
    list.rows
        .iter()
        .map(|row| row.key.0.first().map(Cell::to_json).unwrap_or_default())
        .collect()
}

async fn wait(state: &State, what: &str, is_so: impl Fn(&[Held]) -> bool) -> anyhow::Result<()> {
    let waiting = async {
        loop {
            let changed = state.changed.notified();
            let is_there = {
                let held = lock(&state.held);
                held.len() == QUERIES.len() && is_so(&held)
            };
            if is_there {
                return Ok(());
            }
            if let Some(fault) = lock(&state.fault).clone() {
                bail!(fault);
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), changed).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .with_context(|| format!("not so after 30 s: {what}"))?
}

async fn follow(addr: String, state: Arc<State>) {
    if let Err(error) = receive(&addr, &state).await {
        *lock(&state.fault) = Some(format!("{error:#}"));
        state.changed.notify_waiters();
    }
}

async fn receive(addr: &str, state: &State) -> anyhow::Result<()> {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{addr}/api/ws")).await?;
    lock(&state.held).resize_with(QUERIES.len(), Held::default);
    for (nth, (table, query, _)) in QUERIES.iter().enumerate() {
        let message = ClientMessage::Subscribe {
            id: nth as u32,
            table: (*table).to_owned(),
            query: (*query).to_owned(),
            cursor: None,
        };
        socket.send(Message::text(message.to_json())).await?;
    }
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let arrived = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
        let message: serde_json::Value = serde_json::from_str(&text)?;
        let id = message["id"].as_u64().context("a message without an id")?;
        let name = message["type"]
            .as_str()
            .context("a message without a type")?;
        let mut held = lock(&state.held);
        let held = held
            .get_mut(id as usize)
            .context("an id that is not ours")?;
        match read_event(name, &text, &mut held.heading)? {
            Event::Snapshot(snapshot) => held.list = Some(List::new(snapshot)),
            Event::Patch(patch) => {
                lock(&state.delays).push(arrived - patch.changed_at);
                held.list
                    .as_mut()
                    .context("a patch without a list")?
                    .apply(&patch)?;
            }
            Event::Reset { .. } => {
                *lock(&state.resets) += 1;
                held.list = None;
            }
            Event::Error(error) => bail!("query {id}: {error}"),
        }
        state.changed.notify_waiters();
    }
    bail!("the server has closed the connection")
}

/// Runs pgbench and returns its transactions a second.
async fn pgbench(arguments: &Arguments) -> anyhow::Result<f64> {
    let mut command = Command::new(&arguments.pgbench);
    command
        .args(["-n", "-M", "prepared", "-j", "2"])
        .args(["-c", &arguments.clients.to_string()])
        .args(["-T", &arguments.seconds.to_string()]);
    if arguments.rate > 0 {
        command.args(["-R", &arguments.rate.to_string()]);
    }
    command
        .arg(&arguments.database_url)
        .stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "pgbench failed");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .context("pgbench says no tps")
}

/// Processor time used so far.
struct Cpu {
    server: Duration,
    database: Duration,
}

impl Cpu {
    async fn now(connection: &mut PgConnection, server: Option<u32>) -> anyhow::Result<Self> {
        let rows =
            sqlx::query("SELECT pid FROM pg_stat_activity WHERE application_name = 'rowcast'")
                .fetch_all(connection)
                .await?;
        let mut database = Duration::ZERO;
        for row in rows {
            let pid: i32 = row.try_get(0)?;
            database += cpu_time(pid.unsigned_abs()).unwrap_or_default();
        }
        Ok(Self {
            server: server.and_then(cpu_time).unwrap_or_default(),
            database,
        })
    }
}

/// User and system time of a process, from `/proc`, whose unit is 1/100 s on Linux.
fn cpu_time(pid: u32) -> Option<Duration> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}
