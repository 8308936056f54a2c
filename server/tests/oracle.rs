//! The oracle: random tables, queries and transactions against a real PostgreSQL and a real
//! server, both stopped and killed at random; after each round every client's list and total
//! are what the SQL says, and samples of them at versions in between.
//!
//! A run is drawn from a seed as a plan, carried out, and made smaller where it fails; what is
//! printed then is the seed and a short script. `ORACLE_SECONDS` bounds the time (20 unless
//! set), `ORACLE_SEED` replays a seed, `ORACLE_SHRINK_SECONDS` bounds the time to make a
//! failure smaller (180). With `ORACLE_SOURCE=replication` changes come from the write-ahead log, not
//! from triggers. Timing is not part of a seed, so a failure that needs a certain
//! interleaving may take several replays.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "oracle/aggregates.rs"]
mod aggregates;
#[path = "oracle/client.rs"]
mod client;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "oracle/conditions.rs"]
mod conditions;
#[path = "oracle/event_stream.rs"]
mod event_stream;
#[path = "oracle/expected.rs"]
mod expected;
#[path = "oracle/plan.rs"]
mod plan;
#[path = "support/ports.rs"]
mod ports;
#[path = "oracle/queries.rs"]
mod queries;
#[path = "support/random.rs"]
mod random;
#[path = "oracle/script.rs"]
mod script;
#[path = "support/server.rs"]
mod server;
#[path = "oracle/shrink.rs"]
mod shrink;
#[path = "oracle/socket.rs"]
mod socket;
#[path = "oracle/statements.rs"]
mod statements;
#[path = "support/strict.rs"]
mod strict;
#[path = "oracle/tables.rs"]
mod tables;
#[path = "support/truth.rs"]
mod truth;
#[path = "oracle/world.rs"]
mod world;

use std::time::{Duration, Instant};

use client::Fault;
use cluster::Cluster;
use plan::{Plan, Source, Step};
use script::script;
use shrink::{Budget, Shrunk, shrink};
use world::{Manner, run};

/// What runs have seen.
#[derive(Debug, Default)]
pub struct Tally {
    pub steps: u64,
    pub queries: u64,
    /// Lists compared after a round, and at versions in between.
    pub lists: u64,
    pub witnessed: u64,
    pub patches: u64,
    pub resets: u64,
    /// Resets of clients that did not read.
    pub fell_behind: u64,
    pub resumed: u64,
    pub server_restarts: u64,
    pub database_restarts: u64,
    pub lost_connections: u64,
    pub definitions: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_equals_its_sql() {
    let source = match std::env::var("ORACLE_SOURCE").as_deref() {
        Err(_) | Ok("" | "triggers") => Source::Triggers,
        Ok("replication") => Source::Replication,
        Ok(other) => panic!("ORACLE_SOURCE={other} is neither triggers nor replication"),
    };
    let seconds = number("ORACLE_SECONDS").unwrap_or(20);
    let first = number("ORACLE_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64)
    });
    compare(source, first, seconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_equal_their_sql_where_tables_have_no_triggers() {
    compare(Source::Replication, 25, 10).await;
}

/// Runs one plan after the other, for so many seconds.
async fn compare(source: Source, first: u64, seconds: u64) {
    let cluster = Cluster::start(&[]);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let manner = Manner {
        deadline: Some(deadline),
        ..Manner::default()
    };
    let mut tally = Tally::default();
    let mut worlds = 0;
    while worlds == 0 || Instant::now() < deadline {
        let seed = first.wrapping_add(worlds);
        println!("oracle: ORACLE_SEED={seed}");
        let plan = Plan::generate(seed, true).of(source);
        if let Err(failure) = run(&cluster, &plan, manner, &mut tally).await {
            println!("oracle: step {}: {}", failure.step, failure.what);
            let budget = Budget {
                runs: 500,
                time: Duration::from_secs(number("ORACLE_SHRINK_SECONDS").unwrap_or(180)),
            };
            let shrunk = shrink(&cluster, &plan, failure, manner, budget).await;
            panic!("{}", report(seed, &plan, &shrunk));
        }
        worlds += 1;
    }
    println!("oracle: {worlds} worlds, {tally:?}");
    assert!(tally.lists > 0, "nothing was compared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_shrunk_to_a_short_script() {
    let cluster = Cluster::start(&[]);
    // A client that applies a patch twice: enough are one table, one query and one insert.
    let manner = Manner {
        fault: Some(Fault::PatchTwice),
        ..Manner::default()
    };
    let mut plan = Plan::generate(7, false);
    plan.steps.truncate(600);
    plan.steps
        .retain(|step| !matches!(step, Step::Follow(nth) if nth % 10 > 0));
    plan.settings.clear();
    let failure = run(&cluster, &plan, manner, &mut Tally::default())
        .await
        .expect_err("a patch applied twice is found out");
    let budget = Budget {
        runs: 200,
        time: Duration::from_secs(240),
    };
    let shrunk = shrink(&cluster, &plan, failure, manner, budget).await;
    let report = report(7, &plan, &shrunk);
    println!("{report}");
    assert!(shrunk.is_repeatable, "{report}");
    let followed = shrunk.plan.followed().count();
    assert_eq!(followed, 1, "{report}");
    assert_eq!(shrunk.plan.needed_tables().count(), 1, "{report}");
    assert!(shrunk.plan.events().count() <= 3, "{report}");
}

fn report(seed: u64, plan: &Plan, shrunk: &Shrunk) -> String {
    let how = match shrunk.is_repeatable {
        true => format!(
            "{} of {} steps are enough",
            shrunk.plan.events().count(),
            plan.events().count()
        ),
        false => "it did not fail again: it depends on the timing".to_owned(),
    };
    format!(
        "a list is not what its SQL says\nORACLE_SEED={seed}; {how} ({} runs)\n\n{}",
        shrunk.runs,
        script(&shrunk.plan, &shrunk.failure)
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
