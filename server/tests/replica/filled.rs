//! What a standby gives, and of which version it is.

use sqlx::Connection;

use crate::{
    follower::Follower,
    world::{LIST, World, execute},
};

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_from_the_standby() {
    let world = World::new("").await;
    let follower = world.follower_of_the_standby().await;
    assert_eq!(world.listed(LIST).await, world.held().await);
    let page = world.get("/tables/t").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    world.was_at_most_late().await;
    let asked: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity \
          WHERE application_name = 'rowcast' AND query LIKE '%rowcast.change_log%'",
    )
    .fetch_one(&mut world.copy.connect().await)
    .await
    .unwrap();
    assert!(asked >= 1, "{asked}");
    world.is_live(&follower).await;
    world.server.stop().await;
}

/// A standby's own snapshot says that a transaction has ended which still runs.
#[tokio::test(flavor = "multi_thread")]
async fn what_still_runs_when_a_list_is_read_comes_when_it_commits() {
    let world = World::new("").await;
    let mut open = world.database.connect().await;
    execute(&mut open, "BEGIN; UPDATE t SET n = 7 WHERE id = 1").await;
    // The standby knows of it.
    world
        .database
        .execute("UPDATE t SET n = 1 WHERE id = 2")
        .await;
    let follower = world.follower_of_the_standby().await;
    assert_eq!(world.listed(LIST).await[..2], [0, 1]);
    execute(&mut open, "COMMIT").await;
    world.is_live(&follower).await;
    assert_eq!(world.listed(LIST).await, world.held().await);
    assert!(follower.seen().resets.is_empty());
    open.close().await.unwrap();
    world.server.stop().await;
}

/// Whoever has written sees that in what they ask for next, however late the standby is.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_a_list_was_asked_for_is_in_it() {
    let world = World::new("recovery_min_apply_delay = '100ms'").await;
    for n in 1..=20 {
        let sql = format!("UPDATE t SET n = {n} WHERE id = {n}");
        world.database.execute(&sql).await;
        assert_eq!(world.listed(LIST).await, world.held().await);
        if n % 4 == 0 {
            let follower = Follower::new(&world.server.address, LIST).await;
            world.is_live(&follower).await;
        }
    }
    world.was_at_most_late().await;
    world.server.stop().await;
}

/// A commit that is not on disk yet is shown, and no standby has it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_is_not_yet_written_out_is_waited_for() {
    let world = World::new("").await;
    let mut writer = world.database.connect().await;
    execute(&mut writer, "SET synchronous_commit = off").await;
    for n in 1..=20 {
        execute(&mut writer, &format!("UPDATE t SET n = {n} WHERE id = {n}")).await;
        assert_eq!(world.listed(LIST).await, world.held().await);
    }
    world.was_at_most_late().await;
    writer.close().await.unwrap();
    world.server.stop().await;
}
