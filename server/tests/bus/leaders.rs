//! What becomes of the server that reads for all.

use rustix::process::Signal;

use crate::{
    cluster::Cluster,
    follower::{Follower, PATIENCE},
    redis_server::RedisServer,
    world::{World, signal},
};

/// Takes the leader and its list away, to be looked at no more.
async fn take_leader(world: &mut World) -> crate::server::Server {
    let leader = world.leader().await;
    world.followers.remove(leader);
    world.servers.remove(leader)
}

#[tokio::test]
async fn one_that_is_killed_is_succeeded_and_nothing_is_missed() {
    let mut world = World::new(3).await;
    for _ in 0..2 {
        world.write().await;
        let name = world.leader_name().await.unwrap();
        let mut leader = take_leader(&mut world).await;
        leader.kill().await;
        world.write().await;
        world.until_another_leads(&name).await;
        world.write_and_check().await;
        world.until_one_reads().await;
        world.write_and_check().await;
        if world.servers.len() == 1 {
            return;
        }
        // What is left is known by its place.
        if name != "server-2" {
            return;
        }
    }
}

#[tokio::test]
async fn one_that_ends_in_good_order_is_succeeded_at_once() {
    let mut world = World::new(3).await;
    world.write().await;
    let name = world.leader_name().await.unwrap();
    let leader = take_leader(&mut world).await;
    leader.stop().await;
    world.write().await;
    world.until_another_leads(&name).await;
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn one_that_is_stopped_is_read_without_then_deposed_and_follows_when_it_goes_on() {
    let mut world = World::new(3).await;
    world.write_and_check().await;
    let leader = world.leader().await;
    let name = format!("server-{leader}");
    let pid = world.servers[leader].pid();
    signal(pid, Signal::STOP);
    let stopped = world.followers.remove(leader);
    // By themselves, while nobody leads who does it.
    world.write_and_check().await;
    world.until_another_leads(&name).await;
    world.write_and_check().await;
    signal(pid, Signal::CONT);
    world.followers.insert(leader, stopped);
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
    assert_ne!(world.leader().await, leader);
}

#[tokio::test]
async fn one_whose_reading_alone_hangs_is_heard_no_more_and_succeeded() {
    let mut world = World::without_servers(Cluster::shared(), RedisServer::start().await).await;
    let url = world.redis.url();
    let settings = [("ROWCAST_BUS", url.as_str())];
    let mut ways = Vec::new();
    for _ in 0..2 {
        ways.push(world.join_behind_proxy(&settings).await);
    }
    world.until_one_reads().await;
    world.write_and_check().await;
    let leader = world.leader().await;
    ways[leader].hold_readers();
    let held = world.followers.remove(leader);
    world.write_and_check().await;
    world.until_another_leads(&format!("server-{leader}")).await;
    world.write_and_check().await;
    ways[leader].open();
    world.followers.insert(leader, held);
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
    assert_ne!(world.leader().await, leader);
}

#[tokio::test]
async fn one_that_cannot_write_to_the_bus_leaves_it_to_one_that_can() {
    let mut world = World::without_servers(Cluster::shared(), RedisServer::start().await).await;
    let way = world.bus_proxy().await;
    way.cut();
    let mute = way.instead_of(world.redis.port, &world.redis.url());
    world.join(&[("ROWCAST_BUS", &mute)]).await;
    world.write_and_check().await;
    assert_eq!(world.metric(0, "rowcast_bus_leads").await, 0);
    world.join(&[("ROWCAST_BUS", &world.redis.url())]).await;
    let lead = async {
        while world.metric(1, "rowcast_bus_leads").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, lead)
        .await
        .expect("one that can");
    world.write_and_check().await;
    assert_eq!(world.metric(0, "rowcast_bus_leads").await, 0);
    way.open();
    world.until_one_reads().await;
    world.write_and_check().await;
    assert_eq!(world.metric(1, "rowcast_bus_leads").await, 1);
}

#[tokio::test]
async fn a_list_that_begins_as_the_stream_ends_begins() {
    let mut world = World::new(2).await;
    for n in 0..2 {
        world.write_and_check().await;
        let leader = world.leader().await;
        let pid = world.servers[leader].pid();
        signal(pid, Signal::STOP);
        // Versions that hold nothing of a list: nobody tells of them unless they are asked.
        for _ in 0..3 {
            world.database.execute("SELECT pg_current_xact_id()").await;
        }
        let address = world.servers[1 - leader].address.clone();
        let asked = world.redis.asks().await;
        let begins = tokio::spawn(async move {
            let path = format!("t?order=id&limit={}", 980 - n);
            Follower::new(&address, &path).await
        });
        let is_asked = async {
            while world.redis.asks().await == asked && !begins.is_finished() {
                tokio::task::yield_now().await;
            }
        };
        let asked_in_time = tokio::time::timeout(PATIENCE, is_asked).await;
        asked_in_time.expect("what is new is asked for");
        world.redis.stop().await;
        begins.await.unwrap();
        world.redis.start_again().await;
        signal(pid, Signal::CONT);
        world.write().await;
        world.until_one_reads().await;
        world.write_and_check().await;
    }
}

#[tokio::test]
async fn one_whose_connections_are_cut_goes_on_or_is_succeeded() {
    let mut world = World::new(2).await;
    for _ in 0..3 {
        world.write().await;
        world
            .database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND usename LIKE '%/server-%'",
            )
            .await;
        world.write_and_check().await;
        world.until_one_reads().await;
        world.write_and_check().await;
    }
}

#[tokio::test]
async fn a_follower_that_is_stopped_for_longer_than_the_stream_reaches_misses_nothing() {
    let mut world = World::new(2).await;
    world.write_and_check().await;
    let follower = 1 - world.leader().await;
    let pid = world.servers[follower].pid();
    signal(pid, Signal::STOP);
    let stopped = world.followers.remove(follower);
    for is_trimmed in [false, true] {
        world.write_and_check().await;
        if is_trimmed {
            let stream = world.redis.stream().await;
            let _: i64 = world.redis.ask(&format!("XTRIM {stream} MAXLEN 0")).await;
            world.write_and_check().await;
        }
    }
    signal(pid, Signal::CONT);
    world.followers.insert(follower, stopped);
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
}
