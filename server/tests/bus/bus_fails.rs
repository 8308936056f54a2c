//! What becomes of the bus.

use std::time::Duration;

use crate::{cluster::Cluster, redis_server::RedisServer, world::World};

#[tokio::test]
async fn what_is_lost_of_the_stream_is_read_from_the_log() {
    let mut world = World::new(3).await;
    for _ in 0..3 {
        world.write().await;
        let _: String = world.redis.ask("FLUSHALL").await;
        world.write_and_check().await;
    }
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn while_it_is_gone_each_reads_by_itself_and_with_it_one_for_all_again() {
    let mut world = World::new(3).await;
    for _ in 0..2 {
        world.write().await;
        world.redis.stop().await;
        world.write_and_check().await;
        world.until_readers(3).await;
        world.write_and_check().await;
        world.redis.start_again().await;
        world.write().await;
        world.until_one_reads().await;
        world.write_and_check().await;
    }
}

#[tokio::test]
async fn one_that_hangs_is_read_without() {
    let mut world = World::new(2).await;
    world.write_and_check().await;
    let _: String = world.redis.ask("CLIENT PAUSE 5000 ALL").await;
    world.write_and_check().await;
    world.until_readers(2).await;
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn what_comes_late_is_read_from_the_log_and_what_comes_in_time_is_followed_again() {
    let mut world = World::new(1).await;
    let way = world.join_behind_bus_proxy().await;
    world.write_and_check().await;
    world.until_one_reads().await;
    // It answers, and what it answers is some entries behind.
    way.slow(Duration::from_millis(1_200));
    world.write_and_check().await;
    world.until_readers(2).await;
    world.write_and_check().await;
    way.open();
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn what_is_read_while_it_is_slow_comes_in_few_entries_and_all_of_it() {
    let mut world = World::without_servers(Cluster::shared(), RedisServer::start().await).await;
    let way = world.join_behind_bus_proxy().await;
    world.until_one_reads().await;
    world.join(&[("ROWCAST_BUS", &world.redis.url())]).await;
    world.until_one_reads().await;
    world.write_and_check().await;
    assert_eq!(world.leader().await, 0);
    let before = world.redis.entries().await;
    way.hold();
    let follower = world.followers.remove(1);
    for _ in 0..5 {
        world.write_and_check().await;
    }
    way.open();
    world.followers.push(follower);
    world.check().await;
    let after = world.redis.entries().await;
    // What says only that somebody is there is the smallest.
    let beat = after.iter().map(|(_, size)| *size).min().unwrap();
    let with_rows: Vec<_> = after[before.len()..]
        .iter()
        .filter(|(_, size)| *size > beat + 30)
        .collect();
    // The one on which it was held up, and another one; of five times that all was read.
    assert!((1..=3).contains(&with_rows.len()), "{with_rows:?}");
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn servers_start_without_it() {
    let mut redis = RedisServer::start().await;
    redis.stop().await;
    let url = redis.url();
    let cluster = Cluster::shared();
    let settings = [("ROWCAST_BUS", url.as_str())];
    let mut world = World::with(cluster, redis, 1, &settings).await;
    world.join(&settings).await;
    world.write_and_check().await;
    assert_eq!(world.readers().await, 2);
    world.redis.start_again().await;
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn what_stands_there_and_cannot_be_read_is_read_from_the_log() {
    let mut world = World::new(2).await;
    world.write_and_check().await;
    let stream = world.redis.stream().await;
    for entry in [
        // Of a later version, which may mean anything.
        "form 3 writer 9 number 1 at 0 of 1 bytes x",
        "form 99 something else",
        // Of the version before, of which nothing is signed.
        "form 1 writer 9 number 1 at 0 of 1 bytes x",
        // Damaged.
        "form 2 writer 9 number 1 at 0 of 1 bytes x",
        "form 2 writer 9 number 1 at 0 of 4000000000 bytes x",
        // A piece of what never comes whole, and nothing at all.
        "form 2 writer 9 number 1 at 1 of 3 bytes x",
        "what ever",
    ] {
        world.write().await;
        let _: String = world.redis.ask(&format!("XADD {stream} * {entry}")).await;
        world.write_and_check().await;
        world.until_one_reads().await;
        world.write_and_check().await;
    }
}
