//! Servers are replaced one after another while clients follow and people load pages.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    TURN, number,
    people::People,
    seed,
    world::{Manner, Plan, World},
};

/// What a list may be late by where the machine has nothing else to do.
const LATE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_replaced_one_after_another_and_no_page_fails() {
    let measured = number("ROWCAST_ROLLING_DRAIN");
    let seconds = measured.unwrap_or(5);
    let plan = Plan {
        clients: number("ROWCAST_CHAOS_CLIENTS").unwrap_or(40) as usize,
        drain: format!("{seconds}s").leak(),
        manner: Manner::Faithful,
    };
    let _turn = TURN.lock().await;
    let mut world = World::new(seed(), plan).await;
    let people = People::start(world.balancer.address, &mut world.random);
    people.count(100).await;
    world.take_seen(None);
    world.marker.slowest();
    let begun = Instant::now();
    for nth in 0..world.servers.len() {
        let before = people.met();
        world.servers[nth].signal(Signal::TERM);
        let status = world.servers[nth].ended().await;
        assert!(status.success(), "{status}");
        world.servers[nth].restart().await;
        people.count(100).await;
        eprintln!(
            "{nth}: {:?} {before:?} {:?} {}",
            begun.elapsed(),
            people.met(),
            people.failures().join("\n")
        );
    }
    let took = begun.elapsed();
    let commits = world.writers.commits();
    let (met, failures) = (people.met(), people.failures());
    people.stop().await;
    world.settle("the servers were replaced").await;
    let (seen, _) = world.take_seen(None);
    let slowest = world.marker.slowest();
    let told = format!("{took:?} {commits} {met:?} {seen:?} {slowest:?}\n");
    std::io::stdout().write_all(told.as_bytes()).unwrap();
    assert!(
        failures.is_empty(),
        "{}: {}",
        failures.len(),
        failures.join("\n")
    );
    if measured.is_some() {
        assert!(seen.silence <= LATE, "{told}");
    }
}
