//! `route`: what it costs the engine to find and update the queries that one change touches,
//! by how many queries are live.
//!
//! The engine is driven alone, its reads and questions answered from memory, and only the time
//! within it counts. The table grows with the queries, so that a change touches as many of
//! them at every size. All sizes are measured in turns, so that what else the machine does is
//! in each of them.

#[path = "../../src/progress.rs"]
mod progress;
#[path = "../../src/report.rs"]
mod report;

mod mix;
mod table;
mod world;

use cap::Cap;
use clap::Parser;
use mimalloc::MiMalloc;
use serde::Serialize;

use progress::Progress;
use report::{Machine, median};
use world::{Cost, World};

/// Counts what is allocated; it is the allocator of the server.
#[global_allocator]
static HEAP: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// Measures what a change costs the engine.
#[derive(Parser)]
struct Options {
    /// How many queries, each a multiple of 1,000
    #[arg(
        long,
        env = "ROWCAST_BENCH_QUERIES",
        value_delimiter = ',',
        default_value = "1000,10000,100000,1000000"
    )]
    queries: Vec<u32>,
    /// How many times each size is measured
    #[arg(long, env = "ROWCAST_BENCH_ROUNDS", default_value_t = 9)]
    rounds: u32,
    /// Changes in one measurement
    #[arg(long, default_value_t = 4000)]
    changes: u32,
}

#[derive(Serialize)]
struct Row {
    queries: u32,
    /// Engine time of one change: the median of the rounds' means.
    ns_per_change: f64,
    /// Next to the first size, in the same run.
    ratio: f64,
    /// Half of the changes took at most this, and 99 of 100 that.
    p50_ns: f64,
    p99_ns: f64,
    /// Allocated for all queries without their rows, by how many they are.
    bytes_per_query: f64,
    /// Queries whose filter a change's old or new row satisfies, on average.
    touched: f64,
    patches_per_change: f64,
    questions_per_change: f64,
    refills_per_change: f64,
    /// Rows that are shown, each counted once, and rows that the engine holds.
    rows: u64,
    rows_held: u64,
    /// One of them.
    bytes_per_row: f64,
    /// Rows in all lists: so many would be held if they were not shared.
    rows_listed: u64,
    /// Engine time to open one query and take in its rows.
    ns_per_open: f64,
    /// The same queries and a hundredth as many that only PostgreSQL can decide and nothing
    /// can be looked up for, so that each change asks it about each of them.
    residual_queries: u32,
    residual_ns: f64,
    /// Changes that were left out because the thread lost its processor.
    left_out: u64,
}

/// What is measured of one size.
struct Size {
    world: World,
    row: Row,
    means: Vec<f64>,
    residual: Vec<f64>,
    all: Vec<u64>,
    sum: Cost,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let opening: u64 = options
        .queries
        .iter()
        .map(|&queries| u64::from(queries))
        .sum();
    let measuring = u64::from(options.rounds) * options.queries.len() as u64;
    // Opening takes about as long as measuring does.
    let weight = (opening / measuring.max(1)).max(1);
    let mut progress = Progress::new("route", opening + 2 * measuring * weight);

    let mut sizes = Vec::new();
    for &queries in &options.queries {
        sizes.push(open(queries, &mut progress)?);
    }
    for round in 0..options.rounds {
        for size in &mut sizes {
            progress.advance(
                weight,
                &format!("round {round}: {} queries", size.row.queries),
            );
            let mean = measure(size, options.changes, true)?;
            size.means.push(mean);
        }
    }
    for size in &mut sizes {
        size.world.open_residual()?;
    }
    for round in 0..options.rounds {
        for size in &mut sizes {
            progress.advance(
                weight,
                &format!(
                    "round {round}: {} queries, with residual ones",
                    size.row.queries
                ),
            );
            // A change asks a hundredth of all queries.
            let changes = (options.changes / (size.row.queries / 1000)).max(5);
            let mean = measure(size, changes, false)?;
            size.residual.push(mean);
        }
    }
    drop(progress);

    let rows = finish(sizes)?;
    print(&rows);
    report::write("route", &Machine::this(None), &rows)
}

fn open(queries: u32, progress: &mut Progress) -> anyhow::Result<Size> {
    anyhow::ensure!(
        queries > 0 && queries.is_multiple_of(1000),
        "{queries} queries: a multiple of 1,000 is needed"
    );
    let mut world = World::new(queries);
    let bytes_per_row = bytes_per_row(&world);
    let before = HEAP.allocated();
    let mut opened_so_far = 0u64;
    let opened = world.open(|| {
        opened_so_far += 1;
        if opened_so_far.is_multiple_of(1000) {
            progress.advance(
                1000,
                &format!("opening {opened_so_far} of {queries} queries"),
            );
        }
    })?;
    let held = HEAP.allocated() - before;
    // Every row is in the list of its owner's query.
    let rows = world.table.len() as u64;
    let per_query = 1.0 / f64::from(queries);
    Ok(Size {
        row: Row {
            queries,
            ns_per_change: 0.0,
            ratio: 0.0,
            p50_ns: 0.0,
            p99_ns: 0.0,
            bytes_per_query: (held as f64 - rows as f64 * bytes_per_row) * per_query,
            touched: 0.0,
            patches_per_change: 0.0,
            questions_per_change: 0.0,
            refills_per_change: 0.0,
            rows,
            rows_held: world.rows_held(),
            bytes_per_row,
            rows_listed: opened.listed,
            ns_per_open: opened.time.as_nanos() as f64 * per_query,
            residual_queries: queries / 100,
            residual_ns: 0.0,
            left_out: 0,
        },
        world,
        means: Vec::new(),
        residual: Vec::new(),
        all: Vec::new(),
        sum: Cost::default(),
    })
}

/// What a row takes, once.
fn bytes_per_row(world: &World) -> f64 {
    let mut rows = Vec::with_capacity(1000);
    let before = HEAP.allocated();
    rows.extend(
        world
            .table
            .members(0, 1)
            .take(1000)
            .map(|id| world.table.record(id)),
    );
    (HEAP.allocated() - before) as f64 / rows.len() as f64
}

/// The mean engine time of so many changes, in ns, after some that don't count. Changes during
/// which the thread lost its processor are left out: they tell of the machine.
fn measure(size: &mut Size, changes: u32, keep: bool) -> anyhow::Result<f64> {
    for _ in 0..changes / 10 {
        size.world.change()?;
    }
    let mut times = Vec::with_capacity(changes as usize);
    for _ in 0..changes {
        let cost = size.world.change()?;
        // Where all are disturbed there is nothing better to tell.
        if cost.is_disturbed && changes >= 100 {
            size.row.left_out += 1;
            continue;
        }
        times.push(cost.time.as_nanos() as u64);
        if keep {
            size.sum.patches += cost.patches;
            size.sum.questions += cost.questions;
            size.sum.refills += cost.refills;
        }
    }
    let mean = times.iter().sum::<u64>() as f64 / times.len().max(1) as f64;
    if keep {
        size.all.append(&mut times);
    }
    Ok(mean)
}

fn finish(sizes: Vec<Size>) -> anyhow::Result<Vec<Row>> {
    let first = sizes
        .first()
        .map_or_else(Vec::new, |size| size.means.clone());
    let mut rows = Vec::new();
    for mut size in sizes {
        anyhow::ensure!(
            size.world.contradictions() == 0,
            "the engine was contradicted: what was measured means nothing"
        );
        size.all.sort_unstable();
        let at = |share| {
            let ns = size.all.get(size.all.len() * share / 100);
            ns.map_or(0.0, |ns| *ns as f64)
        };
        let changes = size.all.len() as f64;
        let ratios: Vec<f64> = size.means.iter().zip(&first).map(|(a, b)| a / b).collect();
        rows.push(Row {
            ns_per_change: median(&size.means),
            ratio: median(&ratios),
            p50_ns: at(50),
            p99_ns: at(99),
            touched: mix::TOUCHED,
            patches_per_change: size.sum.patches as f64 / changes,
            questions_per_change: size.sum.questions as f64 / changes,
            refills_per_change: size.sum.refills as f64 / changes,
            residual_ns: median(&size.residual),
            ..size.row
        });
    }
    Ok(rows)
}

fn print(rows: &[Row]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.queries.to_string(),
                format!("{:.0}", row.ns_per_change),
                format!("{:.2}", row.ratio),
                format!("{:.0}", row.p50_ns),
                format!("{:.0}", row.p99_ns),
                format!("{:.1}", row.touched),
                format!("{:.1}", row.patches_per_change),
                format!("{:.0}", row.bytes_per_query),
                row.rows.to_string(),
                row.rows_held.to_string(),
                row.rows_listed.to_string(),
                format!("{:.0}", row.bytes_per_row),
                format!("{:.0}", row.ns_per_open),
                format!("{:.0}", row.residual_ns),
            ]
        })
        .collect();
    report::print(
        &[
            "queries",
            "ns/change",
            "ratio",
            "p50 ns",
            "p99 ns",
            "touched",
            "patches",
            "bytes/query",
            "rows",
            "held",
            "listed",
            "bytes/row",
            "ns/open",
            "ns with residual",
        ],
        &cells,
    );
}
