//! Servers that share one reader of the log.

use crate::{
    follower::Follower,
    metrics::metric,
    redis_server::RedisServer,
    server::Server,
    world::{LIST, REPLICATION, cluster, drop_slot, replicated, until, until_equal},
};

/// Who follows another server's reading finds out that another history has begun, as whoever reads
/// does.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_follow_another_server_find_out_about_another_history() {
    let database = replicated(cluster()).await;
    let mut connection = database.connect().await;
    let redis = RedisServer::start().await;
    let url: &'static str = redis.url().leak();
    let settings = [REPLICATION, ("ROWCAST_BUS", url)];
    let first = Server::with(&database.url, &settings).await;
    let second = Server::with(&database.url, &settings).await;
    let servers = [&first, &second];
    until("one follows the other", async || {
        metric(&first.address, "rowcast_bus_led").await
            + metric(&second.address, "rowcast_bus_led").await
            == 1
    })
    .await;
    let mut followers = Vec::new();
    for server in servers {
        followers.push(Follower::new(&server.address, LIST).await);
    }
    database.execute("INSERT INTO t VALUES (1, 1)").await;
    for follower in &followers {
        let seen = until_equal(follower, &mut connection).await;
        assert_eq!(seen.resets, Vec::<String>::new());
    }
    // The slot is lost, and with it what comes now.
    drop_slot(&mut connection).await;
    database.execute("INSERT INTO t VALUES (2, 2)").await;
    for follower in &followers {
        until_equal(follower, &mut connection).await;
    }
    until("one follows the other again", async || {
        metric(&first.address, "rowcast_bus_led").await
            + metric(&second.address, "rowcast_bus_led").await
            == 1
    })
    .await;
    database.execute("INSERT INTO t VALUES (3, 3)").await;
    for follower in &followers {
        until_equal(follower, &mut connection).await;
    }
    first.stop().await;
    second.stop().await;
}
