//! What a change costs a window deep in a large table: ahead of it, in it, and behind it.
//!
//! One client follows fifty rows at an offset; a change is committed, and the next one once its
//! patch has come. What Rowcast reads for that is PostgreSQL's own count of the rows read from
//! the table and its indexes, without those that the writes themselves take. So a full count
//! or a scan up to a deep offset would show as millions of rows.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{
    progress::Progress,
    report::{self, Machine},
    served::{Program, Served},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Rows of the table
    #[arg(long, env = "ROWCAST_BENCH_ROWS", default_value_t = 10_000_000)]
    rows: i64,
    /// Where the windows begin
    #[arg(long, value_delimiter = ',', default_values_t = [0, 10_000, 1_000_000])]
    offsets: Vec<i64>,
    /// Changes of each kind
    #[arg(long, default_value_t = 200)]
    changes: i64,
}

/// Keys are this far apart, so that rows fit in between.
const STEP: i64 = 1000;

/// How long PostgreSQL may keep what it has counted to itself.
const COUNTED: Duration = Duration::from_millis(10_500);

const PATIENCE: Duration = Duration::from_secs(120);

/// Where a change is, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Rows are inserted at the very beginning, then deleted.
    Ahead,
    /// A cell of a row in the window changes.
    InUpdate,
    /// Rows are inserted in the middle of the window, then deleted.
    InInsert,
    /// Rows are inserted at the very end, then deleted: the total changes.
    Behind,
}

const KINDS: [Kind; 4] = [Kind::Ahead, Kind::InUpdate, Kind::InInsert, Kind::Behind];

#[derive(Serialize)]
struct Row {
    table_rows: i64,
    /// Making the table took this long, before anything was live.
    load_s: f64,
    offset: i64,
    /// The window's first read: until the client had it, and the rows that it took.
    first_ms: f64,
    first_rows_read: i64,
    change: Kind,
    changes: i64,
    /// From sending COMMIT until the client had the patch.
    median_ms: f64,
    p99_ms: f64,
    /// The server's processor time.
    server_us: f64,
    /// Rows asked for because a margin was used up, and windows read anew.
    refills: u64,
    rereads: u64,
    /// Rows that Rowcast's statements read from the table for all of these changes.
    rows_read: i64,
    rows_read_per_change: f64,
}

/// Measures every kind of change at every offset.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let steps = options.offsets.len() as u64 * (KINDS.len() as u64 + 1) + 2;
    let mut progress = Progress::new("window", steps);
    progress.say("starting");
    let served = Served::start(&options.program, "").await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    progress.say(&format!("making a table of {} rows", options.rows));
    let begun = Instant::now();
    make(&mut connection, options.rows).await?;
    let load_s = begun.elapsed().as_secs_f64();
    progress.advance(2, "watching it");
    served.database.execute("SELECT rowcast.watch('big')").await;

    let mut rows = Vec::new();
    for &offset in &options.offsets {
        progress.say(&format!("offset {offset}: first read"));
        let before = rows_read(&mut connection).await?;
        let begun = Instant::now();
        let mut client = Client::open(&served.address, offset).await?;
        let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
        let first_rows_read = rows_read(&mut connection).await? - before;
        progress.advance(1, "");
        for kind in KINDS {
            progress.say(&format!("offset {offset}: {kind:?}"));
            let before = (
                rows_read(&mut connection).await?,
                Metrics::of(&served.address).await?,
                served.cpu(),
            );
            let mut delays = Vec::new();
            for nth in 0..options.changes {
                let sent = change(&mut connection, kind, offset, nth, options).await?;
                delays.push(client.patch().await?.saturating_duration_since(sent));
            }
            let cpu = served.cpu().since(before.2).server;
            let metrics = Metrics::of(&served.address).await?;
            // An update and a delete find their row by its key.
            let written = match kind {
                Kind::InUpdate => options.changes,
                _ => options.changes / 2,
            };
            let read = rows_read(&mut connection).await? - before.0 - written;
            delays.sort_unstable();
            let at = |share: f64| {
                let nth = (delays.len().saturating_sub(1) as f64 * share) as usize;
                delays
                    .get(nth)
                    .map_or(f64::NAN, |delay| delay.as_secs_f64() * 1000.0)
            };
            rows.push(Row {
                table_rows: options.rows,
                load_s,
                offset,
                first_ms,
                first_rows_read,
                change: kind,
                changes: options.changes,
                median_ms: at(0.5),
                p99_ms: at(0.99),
                server_us: cpu.as_secs_f64() * 1e6 / options.changes as f64,
                refills: metrics.refills - before.1.refills,
                rereads: metrics.rereads - before.1.rereads,
                rows_read: read,
                rows_read_per_change: read as f64 / options.changes as f64,
            });
            progress.advance(1, "");
        }
    }
    drop(progress);
    println!("a table of {} rows, made in {load_s:.0} s", options.rows);
    print(&rows);
    report::write("window", &Machine::this(version), &rows)
}

async fn make(connection: &mut PgConnection, rows: i64) -> anyhow::Result<()> {
    sqlx::raw_sql("CREATE TABLE big (id bigint, n int NOT NULL) WITH (autovacuum_enabled = off)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO big SELECT g * $1, 0 FROM generate_series(1, $2) g")
        .bind(STEP)
        .bind(rows)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("ALTER TABLE big ADD PRIMARY KEY (id)")
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE big")
        .execute(connection)
        .await?;
    Ok(())
}

/// Commits one change; returns when COMMIT was sent.
async fn change(
    connection: &mut PgConnection,
    kind: Kind,
    offset: i64,
    nth: i64,
    options: &Options,
) -> anyhow::Result<Instant> {
    let half = options.changes / 2;
    // What the first half inserts the second deletes.
    let (is_delete, place) = (nth >= half, if nth >= half { nth - half } else { nth });
    let middle = (offset + 25) * STEP;
    let id = match kind {
        Kind::Ahead => -place,
        Kind::InUpdate => middle + nth % 10 * STEP,
        Kind::InInsert => middle + 1 + place,
        Kind::Behind => (options.rows + 1 + place) * STEP,
    };
    let statement = match kind {
        Kind::InUpdate => "UPDATE big SET n = n + 1 WHERE id = $1",
        _ if is_delete => "DELETE FROM big WHERE id = $1",
        _ => "INSERT INTO big VALUES ($1, 0)",
    };
    let mut transaction = connection.begin().await?;
    sqlx::query(statement)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    let sent = Instant::now();
    transaction.commit().await?;
    Ok(sent)
}

/// Rows read from the table so far, by whomever, once all have told.
async fn rows_read(connection: &mut PgConnection) -> anyhow::Result<i64> {
    tokio::time::sleep(COUNTED).await;
    let read = sqlx::query_scalar(
        "SELECT (seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i \
         WHERE i.relid = t.relid))::bigint FROM pg_stat_user_tables t WHERE relid = 'big'::regclass",
    )
    .fetch_one(connection)
    .await?;
    Ok(read)
}

/// Follows one window.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Returns when the first list is there.
    async fn open(address: &str, offset: i64) -> anyhow::Result<Self> {
        let (mut socket, _) = connect_async(format!("ws://{address}/api/ws")).await?;
        let subscribe = json!({
            "type": "subscribe", "id": 1, "table": "big",
            "query": format!("order=id&limit=50&offset={offset}"),
        });
        socket.send(Message::text(subscribe.to_string())).await?;
        let mut client = Self(socket);
        client.next("snapshot").await?;
        Ok(client)
    }

    async fn patch(&mut self) -> anyhow::Result<Instant> {
        self.next("patch").await
    }

    async fn next(&mut self, wanted: &str) -> anyhow::Result<Instant> {
        let start = format!("{{\"type\":\"{wanted}\"");
        let waiting = async {
            while let Some(message) = self.0.next().await {
                let at = Instant::now();
                let message = message?;
                match message.to_text() {
                    Ok(text) if text.starts_with(&start) => return Ok(at),
                    Ok(text) if text.starts_with('{') => {
                        bail!("instead of a {wanted}: {}", &text[..text.len().min(200)])
                    }
                    _ => {}
                }
            }
            bail!("the server has closed the connection")
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .with_context(|| format!("no {wanted} in {PATIENCE:?}"))?
    }
}

/// The server's own figures.
struct Metrics {
    refills: u64,
    rereads: u64,
}

impl Metrics {
    async fn of(address: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let value = |name: &str| {
            answer
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
                .map(|value| value as u64)
                .with_context(|| format!("no {name}"))
        };
        Ok(Self {
            refills: value("rowcast_refills_total")?,
            rereads: value("rowcast_rereads_total")?,
        })
    }
}

fn print(rows: &[Row]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.offset.to_string(),
                format!("{:?}", row.change),
                format!("{:.2}", row.median_ms),
                format!("{:.2}", row.p99_ms),
                format!("{:.0}", row.server_us),
                row.refills.to_string(),
                row.rereads.to_string(),
                format!("{:.1}", row.rows_read_per_change),
                format!("{:.0}", row.first_ms),
                row.first_rows_read.to_string(),
            ]
        })
        .collect();
    report::print(
        &[
            "offset",
            "change",
            "median ms",
            "p99 ms",
            "server us",
            "refills",
            "rereads",
            "rows read/change",
            "first ms",
            "first rows",
        ],
        &cells,
    );
}
