//! What the lost primary's reader has left on the bus.

use crate::{
    follower::Follower,
    redis_server::RedisServer,
    server::Server,
    world::{LIST, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_on_the_bus_is_taken_for_none_of_the_new_primary() {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    let bus: &'static str = redis.url().leak();
    let settings = [("ROWCAST_BUS", bus)];
    let mut servers = Vec::new();
    let mut followers = Vec::new();
    for _ in 0..2 {
        let server = Server::with(&world.database.url, &settings).await;
        followers.push(Follower::new(&server.address, LIST).await);
        servers.push(server);
    }
    let lost = world.commit(100..140, "lost").await;
    for follower in &followers {
        world.until_equal(follower).await;
    }
    // Entries of it are there, of whichever server reads by now.
    let old: Vec<String> = redis.ask("KEYS rowcast:*:log").await;
    assert_eq!(old.len(), 1, "{old:?}");
    let held: u64 = redis.ask(&format!("XLEN {}", old[0])).await;
    assert!(held > 0);

    world.fail_over();
    let kept = world.commit(200..360, "kept").await;
    // But for those that the servers themselves took.
    assert!(!lost.is_disjoint(&kept), "numbers are handed out again");
    // One that comes later, to which all that is on the bus is new.
    let late = Server::with(&world.database.url, &settings).await;
    followers.push(Follower::new(&late.address, LIST).await);
    for follower in &followers {
        world.until_equal(follower).await;
    }
    world.commit(400..420, "more").await;
    for follower in &followers {
        world.until_equal(follower).await;
        let seen = follower.seen();
        let twice: Vec<_> = seen
            .inserted
            .iter()
            .filter(|(_, times)| **times > 1)
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
    let left: u64 = redis.ask(&format!("XLEN {}", old[0])).await;
    assert!(left >= held, "what is old is still there, and passed over");
    drop(followers);
    for server in servers {
        server.stop().await;
    }
    late.stop().await;
}
