//! What was committed and not replicated.

use crate::{
    event_stream::EventStream,
    follower::Follower,
    server::Server,
    world::{LIST, World},
};

/// Whoever saw a commit that was lost does not keep it, also where its transaction's number is
/// another's by now: neither who follows, nor who comes back, to the same server or to another.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_with_the_primary_is_kept_by_nobody() {
    let mut world = World::new().await;
    let server = Server::start(&world.database.url).await;
    let follower = Follower::new(&server.address, LIST).await;
    let mut away = EventStream::open(&server.address, LIST, None).await;
    away.next("snapshot").await;
    let lost = world.commit(100..140, "lost").await;
    follower
        .until("lost rows", |seen| {
            seen.list.as_ref().is_some_and(|list| list.rows.len() == 45)
        })
        .await;
    let mut cursor = String::new();
    let mut total = 5;
    while total < 45 {
        let patch = away.next("patch").await;
        total = patch.data["total"].as_i64().unwrap();
        cursor = patch.id;
    }
    drop(away);

    world.fail_over();
    let kept = world.commit(200..360, "kept").await;
    // But for those that the server itself took.
    assert!(
        !lost.is_disjoint(&kept),
        "numbers of what was lost are handed out again: {lost:?}"
    );
    world.until_equal(&follower).await;
    let seen = follower.seen();
    assert!(!seen.resets.is_empty(), "the list was read anew");

    let other = Server::start(&world.database.url).await;
    for address in [&server.address, &other.address] {
        let mut back = EventStream::open(address, LIST, Some(&cursor)).await;
        back.next("reset").await;
        let snapshot = back.next("snapshot").await;
        let rows = snapshot.data["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 165);
        assert!(rows.iter().all(|row| row["cells"][1] != "lost"));
    }
    server.stop().await;
    other.stop().await;
}
