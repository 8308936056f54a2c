//! Rowcast's benchmarks: each part prints a table and writes `target/bench/PART.json`.

mod capture;
mod fanout;
mod follow;
mod latency;
mod report;
mod served;
mod swarm;
mod throughput;

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
    /// COMMIT to client, next to a bare LISTEN client
    Latency(latency::Options),
    /// Changes a second from COMMIT to every client
    Throughput(throughput::Options),
    /// Ten thousand clients: memory, messages a second, time to the last of them
    Fanout(fanout::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().part {
        Some(part) => run(part).await,
        None => {
            for name in ["capture", "latency", "throughput", "fanout"] {
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
        Part::Latency(options) => latency::run(&options).await,
        Part::Throughput(options) => throughput::run(&options).await,
        Part::Fanout(options) => fanout::run(&options).await,
    }
}
