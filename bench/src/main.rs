//! Rowcast's benchmarks: each part prints a table and writes `target/bench/PART.json`.

mod attack;
mod browser;
#[cfg(feature = "capture")]
mod capture;
mod fanout;
mod follow;
mod latency;
mod progress;
mod report;
mod served;
mod servers;
mod side_by_side;
mod swarm;
mod throughput;
#[cfg(feature = "capture")]
mod watching;
mod window;

#[path = "../../server/tests/support/cluster.rs"]
mod cluster;

#[path = "../../server/tests/support/ports.rs"]
mod ports;

#[path = "../../server/tests/support/redis_server.rs"]
mod redis_server;

use clap::{Parser, Subcommand};

/// Measures a part of Rowcast on this machine.
#[derive(Parser)]
#[command(name = "rowcast-bench")]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// What our triggers cost a writer, next to no trigger and to a plain notify trigger
    #[cfg(feature = "capture")]
    Capture(capture::Options),
    /// pgbench against a followed database: is every list exact, how late, at what cost
    Follow(follow::Arguments),
    /// COMMIT to client, next to a bare LISTEN client
    Latency(latency::Options),
    /// COMMIT to client while others misuse the server, next to when nobody does
    Attack(attack::Options),
    /// Changes a second from COMMIT to every client
    Throughput(throughput::Options),
    /// Ten thousand clients: memory, messages a second, time to the last of them
    Fanout(fanout::Options),
    /// One, two and three servers on one database, with a shared reader of the log and without
    Servers(servers::Options),
    /// What watch rules over a busy table cost its writers and other clients
    #[cfg(feature = "capture")]
    Watching(watching::Options),
    /// A change ahead of, in and behind a window deep in ten million rows
    Window(window::Options),
    /// Cell updates, hydration and sizes in Chromium
    Browser(browser::Options),
    /// Rowcast beside what one would use instead
    SideBySide(side_by_side::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().part {
        #[cfg(feature = "capture")]
        Part::Capture(options) => capture::run(&options).await,
        Part::Follow(arguments) => follow::run(arguments).await,
        Part::Latency(options) => latency::run(&options).await,
        Part::Attack(options) => attack::run(&options).await,
        Part::Throughput(options) => throughput::run(&options).await,
        Part::Fanout(options) => fanout::run(&options).await,
        Part::Servers(options) => servers::run(&options).await,
        #[cfg(feature = "capture")]
        Part::Watching(options) => watching::run(&options).await,
        Part::Window(options) => window::run(&options).await,
        Part::Browser(options) => browser::run(&options).await,
        Part::SideBySide(options) => side_by_side::run(&options).await,
    }
}
