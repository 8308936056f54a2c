//! Rowcast's benchmarks: each part prints a table and writes `target/bench/PART.json`.

mod capture;
mod follow;
mod report;

#[path = "../../server/tests/support/cluster.rs"]
mod cluster;

use clap::{Parser, Subcommand};

/// Measures a part of Rowcast on this machine.
#[derive(Parser)]
#[command(name = "rowcast-bench")]
struct Cli {
    /// Without one, all
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// What our triggers cost a writer, next to no trigger and to a plain notify trigger
    Capture(capture::Options),
    /// pgbench against a followed database: is every list exact, how late, at what cost
    Follow(follow::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().part {
        Some(part) => run(part).await,
        None => {
            for name in ["capture"] {
                let all = Cli::parse_from(["rowcast-bench", name]);
                if let Some(part) = all.part {
                    run(part).await?;
                }
            }
            Ok(())
        }
    }
}

async fn run(part: Part) -> anyhow::Result<()> {
    match part {
        Part::Capture(options) => capture::run(&options).await,
        Part::Follow(arguments) => follow::run(arguments).await,
    }
}
