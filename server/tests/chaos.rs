//! Three servers with one reader of the log, Redis, nginx and PostgreSQL; clients that move
//! between them, writers that do not rest. One thing after another is killed, stopped, cut off or
//! started again. After each, once everybody has caught up, each list equals its SQL; each patch
//! came once, and nobody was told what a page would have to be loaded again for.
//!
//! `ROWCAST_CHAOS_SECONDS` bounds the time (60 unless set; every fault happens once, however long
//! that takes), `ROWCAST_CHAOS_CLIENTS` is how many clients there are (40), `ROWCAST_CHAOS_SEED`
//! gives the same faults in the same order again. Timing is not part of a seed.
//!
//! In the same world servers are replaced one after another: `chaos/replacing.rs`.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "chaos/balancer.rs"]
mod balancer;
#[path = "chaos/client.rs"]
mod client;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "chaos/faults.rs"]
mod faults;
#[path = "chaos/held.rs"]
mod held;
#[path = "chaos/marker.rs"]
mod marker;
#[path = "chaos/people.rs"]
mod people;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/nginx.rs"]
mod proxy_program;
#[path = "chaos/queries.rs"]
mod queries;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "chaos/replacing.rs"]
mod replacing;
#[path = "chaos/report.rs"]
mod report;
#[path = "support/roles.rs"]
mod roles;
#[path = "chaos/seen.rs"]
mod seen;
#[path = "support/server.rs"]
mod server;
#[path = "chaos/settle.rs"]
mod settle;
#[path = "chaos/socket.rs"]
mod socket;
#[path = "chaos/statements.rs"]
mod statements;
#[path = "support/strict.rs"]
mod strict;
#[path = "support/truth.rs"]
mod truth;
#[path = "chaos/world.rs"]
mod world;
#[path = "chaos/writers.rs"]
mod writers;

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use faults::Fault;
use report::Report;
use server::PROGRAM;
use tokio::sync::Mutex as Turn;
use world::{Manner, Plan, World};

/// Each needs the machine for itself.
static TURN: Turn<()> = Turn::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_each_list_equals_its_sql_and_nobody_begins_again() {
    let seconds = number("ROWCAST_CHAOS_SECONDS").unwrap_or(60);
    let clients = number("ROWCAST_CHAOS_CLIENTS").unwrap_or(40);
    let seed = seed();
    println!("chaos: ROWCAST_CHAOS_SEED={seed}, {clients} clients");
    let plan = Plan {
        clients: clients as usize,
        drain: "1s",
        manner: Manner::Restless,
        program: Path::new(PROGRAM),
    };
    let _turn = TURN.lock().await;
    let mut world = World::new(seed, plan).await;
    let begun = Instant::now();
    let mut report = Report::default();
    loop {
        let mut faults = Fault::ALL.to_vec();
        while !faults.is_empty() {
            let nth = world.random.below(faults.len() as u64) as usize;
            let fault = faults.swap_remove(nth);
            let before = Report::begin(&world);
            println!(
                "chaos: {:>4} s: {}",
                begun.elapsed().as_secs(),
                fault.name()
            );
            let nth = fault.happen(&mut world).await;
            world.settle(fault.name()).await;
            report.end(fault, nth, &before, &world);
            let is_over = begun.elapsed() >= Duration::from_secs(seconds);
            if is_over && report.has_all() {
                // Not as what a test prints, which nobody sees of one that holds.
                let told = format!("chaos: {} s\n{report}\n", begun.elapsed().as_secs());
                std::io::stdout().write_all(told.as_bytes()).unwrap();
                let all = report.all();
                assert!(all.patches > 0 && all.resumed > 0, "nothing was followed");
                return;
            }
        }
    }
}

fn seed() -> u64 {
    number("ROWCAST_CHAOS_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_nanos() as u64
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
