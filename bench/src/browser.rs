//! What the page takes in headless Chromium: cell updates a second without a long frame,
//! hydration, and what has to be downloaded.
//!
//! The table has 1,000 rows by 10 columns, and the page follows all of them. Fifty commits a
//! second change more and more cells, from the first row on, so that those on the screen change
//! with every commit; a step holds if no frame took more than 50 ms and the page was up to date
//! soon after the last commit. The page has the rows near the screen in its document: cells are
//! counted where it shows them, by its own mutations.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    progress::Progress,
    report::{self, Machine, median},
    served::{Program, Served},
};

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    program: Program,
    /// Cells a second, one step after the other
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [900, 4500, 9000, 18_000, 36_000, 72_000, 144_000, 288_000]
    )]
    rates: Vec<u32>,
    /// Seconds that a step takes
    #[arg(long, env = "ROWCAST_BENCH_SECONDS", default_value_t = 5)]
    seconds: u32,
    /// How many times a page is loaded
    #[arg(long, default_value_t = 5)]
    loads: u32,
}

const SCHEMA: &str = "CREATE TABLE grid (id int PRIMARY KEY, a int, b int, c int, d int, e int, \
     f int, g int, h int, i int); \
     INSERT INTO grid SELECT n, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 1000) n; \
     ANALYZE grid; SELECT rowcast.watch('grid')";

/// Rows, and columns that change.
const ROWS: u32 = 1000;
const COLUMNS: u32 = 9;

const COMMITS_PER_SECOND: u32 = 50;

/// How late the page may be after the last commit.
const SOON_MS: f64 = 250.0;

/// One line of the result; what it is about is in `what`.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Row {
    /// What a browser downloads, compressed by Brotli, in bytes.
    Sizes { wasm: u64, js: u64, css: u64 },
    /// A page is loaded with an empty cache; medians, from when it is asked for.
    Load {
        rows: u32,
        response_ms: f64,
        paint_ms: f64,
        wasm_ms: f64,
        live_ms: f64,
        /// From when the program has come until the page follows its table.
        hydration_ms: f64,
        bytes: f64,
    },
    /// Cells change.
    Updates(Updates),
}

#[derive(Serialize)]
struct Updates {
    cells_per_second_offered: u32,
    /// Those shown.
    cells_per_second: f64,
    frames_per_second: f64,
    median_frame_ms: f64,
    worst_frame_ms: f64,
    frames_over_50_ms: u64,
    /// From the last commit until the page showed it.
    lag_ms: f64,
    holds: bool,
}

#[derive(Deserialize)]
struct Loaded {
    response_ms: f64,
    paint_ms: Option<f64>,
    wasm_ms: Option<f64>,
    live_ms: f64,
    bytes: f64,
}

#[derive(Deserialize)]
struct Counted {
    lag_ms: f64,
    cells: u64,
    frames: u64,
    median_frame_ms: f64,
    worst_frame_ms: f64,
    frames_over_50_ms: u64,
}

/// Measures downloads, loading and updates.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut progress = Progress::new("browser", 4 + options.rates.len() as u64);
    progress.say("starting");
    let served = Served::start(&options.program, SCHEMA).await?;
    let mut connection = served.database.connect().await;
    let version = served.version(&mut connection).await?;
    let mut page = Page::start()?;
    let mut rows = vec![sizes()?];

    for limit in [50, ROWS] {
        progress.advance(2, &format!("loading a page of {limit} rows"));
        let url = address(&served, limit);
        let mut loads: Vec<Loaded> = Vec::new();
        for _ in 0..options.loads {
            loads.push(page.tell(json!({"command": "open", "url": url})).await?);
        }
        let of =
            |value: &dyn Fn(&Loaded) -> f64| median(&loads.iter().map(value).collect::<Vec<_>>());
        rows.push(Row::Load {
            rows: limit,
            response_ms: of(&|load| load.response_ms),
            paint_ms: of(&|load| load.paint_ms.unwrap_or(f64::NAN)),
            wasm_ms: of(&|load| load.wasm_ms.unwrap_or(f64::NAN)),
            live_ms: of(&|load| load.live_ms),
            hydration_ms: of(&|load| load.live_ms - load.wasm_ms.unwrap_or(f64::NAN)),
            bytes: of(&|load| load.bytes),
        });
    }

    let mut number = 0;
    // What is compiled on first use is so before it counts.
    step(
        &mut page,
        &mut connection,
        COMMITS_PER_SECOND * COLUMNS,
        1,
        &mut number,
    )
    .await?;
    for &rate in &options.rates {
        progress.advance(1, &format!("{rate} cells a second"));
        let updates = step(
            &mut page,
            &mut connection,
            rate,
            options.seconds,
            &mut number,
        )
        .await?;
        let holds = updates.holds;
        rows.push(Row::Updates(updates));
        if !holds {
            break;
        }
    }
    drop(progress);
    print(&rows);
    report::write("browser", &Machine::this(version), &rows)
}

/// Changes cells at a rate for some seconds.
async fn step(
    page: &mut Page,
    connection: &mut PgConnection,
    rate: u32,
    seconds: u32,
    number: &mut i32,
) -> anyhow::Result<Updates> {
    let changed = (rate / COMMITS_PER_SECOND / COLUMNS).clamp(1, ROWS);
    let _: Value = page.tell(json!({"command": "begin"})).await?;
    let begun = std::time::Instant::now();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / COMMITS_PER_SECOND);
    for _ in 0..COMMITS_PER_SECOND * seconds {
        beat.tick().await;
        *number += 1;
        sqlx::query(
            "UPDATE grid SET a = $1, b = $1, c = $1, d = $1, e = $1, f = $1, g = $1, h = $1, \
             i = $1 WHERE id <= $2",
        )
        .bind(*number)
        .bind(changed as i32)
        .execute(&mut *connection)
        .await?;
    }
    let wrote = begun.elapsed().as_secs_f64();
    let end = json!({"command": "end", "key": 1, "column": "i", "text": shown(*number)});
    let counted: Counted = page.tell(end).await?;
    let lasted = wrote + counted.lag_ms / 1000.0;
    Ok(Updates {
        cells_per_second_offered: rate,
        cells_per_second: counted.cells as f64 / lasted,
        frames_per_second: counted.frames as f64 / lasted,
        median_frame_ms: counted.median_frame_ms,
        worst_frame_ms: counted.worst_frame_ms,
        frames_over_50_ms: counted.frames_over_50_ms,
        lag_ms: counted.lag_ms,
        holds: counted.frames_over_50_ms == 0
            && counted.lag_ms < SOON_MS
            // The writer kept the beat.
            && wrote < f64::from(seconds) * 1.1,
    })
}

/// The number as a page shows it.
fn shown(number: i32) -> String {
    number.to_string()
}

fn address(served: &Served, limit: u32) -> String {
    format!(
        "http://{}/tables/grid?order=id&limit={limit}",
        served.address
    )
}

fn sizes() -> anyhow::Result<Row> {
    let of = |name: &str| {
        let path = Path::new("target/site/pkg").join(name);
        let file = fs::metadata(&path);
        file.map(|file| file.len())
            .with_context(|| format!("{}: the site is to be built before", path.display()))
    };
    Ok(Row::Sizes {
        wasm: of("rowcast.wasm.br")?,
        js: of("rowcast.js.br")?,
        css: of("rowcast.css.br")?,
    })
}

/// Chromium with one page, driven by `bench/browser.mjs`.
struct Page {
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// It closes the browser at the end of its input.
    _process: Child,
}

impl Page {
    fn start() -> anyhow::Result<Self> {
        let mut process = Command::new("node")
            .arg("bench/browser.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node can't be run")?;
        let commands = process.stdin.take().context("no input")?;
        let answers = process.stdout.take().context("no output")?;
        Ok(Self {
            commands,
            answers: BufReader::new(answers).lines(),
            _process: process,
        })
    }

    async fn tell<T: DeserializeOwned>(&mut self, command: Value) -> anyhow::Result<T> {
        self.commands
            .write_all(format!("{command}\n").as_bytes())
            .await?;
        let line = self.answers.next_line().await?;
        let answer: Value = serde_json::from_str(&line.context("the browser has ended")?)?;
        if let Some(error) = answer.get("error") {
            bail!("{}: {error}", command["command"]);
        }
        Ok(serde_json::from_value(answer)?)
    }
}

fn print(rows: &[Row]) {
    let mut updates = Vec::new();
    for row in rows {
        match row {
            Row::Sizes { wasm, js, css } => {
                println!("compressed: wasm {wasm}, js {js}, css {css} bytes");
            }
            Row::Load {
                rows,
                paint_ms,
                live_ms,
                hydration_ms,
                ..
            } => println!(
                "a page of {rows} rows: painted after {paint_ms:.0} ms, live after {live_ms:.0} ms, \
                 of which hydration took {hydration_ms:.0} ms"
            ),
            Row::Updates(of) => updates.push(vec![
                of.cells_per_second_offered.to_string(),
                format!("{:.0}", of.cells_per_second),
                format!("{:.0}", of.frames_per_second),
                format!("{:.1}", of.median_frame_ms),
                format!("{:.1}", of.worst_frame_ms),
                of.frames_over_50_ms.to_string(),
                format!("{:.0}", of.lag_ms),
                of.holds.to_string(),
            ]),
        }
    }
    report::print(
        &[
            "cells/s offered",
            "shown",
            "frames/s",
            "median frame ms",
            "worst frame ms",
            "over 50 ms",
            "lag ms",
            "holds",
        ],
        &updates,
    );
}
