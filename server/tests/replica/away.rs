//! Standbys that can't answer.

use tokio::task::block_in_place;

use crate::{
    follower::Follower,
    world::{LIST, World, execute, set},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_does_not_replay_is_not_waited_for() {
    let world = World::new("").await;
    world.until_read().await;
    let mut copy = world.copy.connect().await;
    execute(&mut copy, "SELECT pg_wal_replay_pause()").await;
    world.database.execute("UPDATE t SET n = 5").await;
    for _ in 0..20 {
        assert_eq!(world.listed(LIST).await, world.held().await);
    }
    let follower = Follower::new(&world.server.address, LIST).await;
    world.is_live(&follower).await;
    assert!(world.fallbacks("behind").await >= 20);
    execute(&mut copy, "SELECT pg_wal_replay_resume()").await;
    world.until_read().await;
    world.is_live(&follower).await;
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_stopped_or_killed_is_done_without_and_read_from_again() {
    let world = World::new("").await;
    let follower = Follower::new(&world.server.address, LIST).await;
    for is_killed in [false, true] {
        world.until_read().await;
        block_in_place(|| {
            if is_killed {
                world.standby.kill();
            } else {
                world.standby.stop();
            }
        });
        let before = world.fallbacks("away").await;
        assert_eq!(world.listed(LIST).await, world.held().await);
        assert!(world.fallbacks("away").await > before);
        world.is_live(&follower).await;
        let other = Follower::new(&world.server.address, "t?order=id&n=gte.0").await;
        world.is_live(&other).await;
        block_in_place(|| world.standby.resume());
        world.until_read().await;
    }
    assert!(follower.seen().resets.is_empty());
    world.server.stop().await;
}

/// What is written to it from then on is nobody's who is served by the old primary.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_was_promoted_is_not_read_from() {
    let mut world = World::new("").await;
    world.until_read().await;
    let port = world.standby.port;
    block_in_place(|| world.standby.promote(port));
    world.copy.execute("UPDATE t SET n = 666").await;
    world.database.execute("UPDATE t SET n = 1").await;
    let reads = world.reads().await;
    let follower = Follower::new(&world.server.address, LIST).await;
    assert_eq!(world.listed(LIST).await, vec![1; 20]);
    world.is_live(&follower).await;
    assert_eq!(world.reads().await, reads);
    assert!(world.all_fallbacks().await >= 2);
    world.server.stop().await;
}

/// A commit that waits for another standby is shown by this one before the primary shows it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_primary_does_not_show_is_shown_to_nobody() {
    let world = World::new("").await;
    world.until_read().await;
    set(&world.database, "synchronous_standby_names = 'nobody'").await;
    let database = world.database.clone();
    let writing = tokio::spawn(async move {
        database.execute("UPDATE t SET n = 9 WHERE id = 1").await;
    });
    let mut copy = world.copy.connect().await;
    let replayed = async {
        loop {
            let n: i32 = sqlx::query_scalar("SELECT n FROM t WHERE id = 1")
                .fetch_one(&mut copy)
                .await
                .unwrap();
            if n == 9 {
                break;
            }
        }
    };
    tokio::time::timeout(crate::follower::PATIENCE, replayed)
        .await
        .expect("it is replayed");
    assert_eq!(world.listed(LIST).await, vec![0; 20]);
    assert_eq!(world.fallbacks("ahead").await, 1);
    let follower = Follower::new(&world.server.address, LIST).await;
    set(&world.database, "synchronous_standby_names = ''").await;
    writing.await.unwrap();
    world.is_live(&follower).await;
    world.until_read().await;
    world.server.stop().await;
}

/// A lock that is replayed ends what it waits for.
#[tokio::test(flavor = "multi_thread")]
async fn what_replaying_ends_is_read_from_the_primary() {
    let world = World::new("max_standby_streaming_delay = '0'").await;
    world
        .database
        .execute(
            "CREATE VIEW slow AS SELECT id, n FROM t CROSS JOIN (SELECT pg_sleep(CASE WHEN \
             pg_is_in_recovery() THEN 25 ELSE 0 END)) s",
        )
        .await;
    let mut copy = world.copy.connect().await;
    let locking = async {
        let asked = "SELECT count(*) FROM pg_stat_activity \
                      WHERE wait_event = 'PgSleep' AND query LIKE '%slow%'";
        while sqlx::query_scalar::<_, i64>(asked)
            .fetch_one(&mut copy)
            .await
            .unwrap()
            == 0
        {}
        let lock = "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; COMMIT";
        world.database.execute(lock).await;
    };
    let (listed, ()) = tokio::join!(world.listed("slow?order=id&limit=1000"), locking);
    assert_eq!(listed, world.held().await);
    assert_eq!(world.fallbacks("conflict").await, 1);
    assert_eq!(world.all_fallbacks().await, 1);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_replicated_is_read_from_the_primary() {
    let world = World::new("").await;
    let unlogged =
        "CREATE UNLOGGED TABLE u (id int PRIMARY KEY, n int); INSERT INTO u VALUES (1, 4)";
    world.database.execute(unlogged).await;
    assert_eq!(world.listed("u?order=id").await, [4]);
    assert_eq!(world.fallbacks("refused").await, 1);
    world.until_read().await;
    world.server.stop().await;
}
