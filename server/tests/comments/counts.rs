//! How many comments rows have.

use serde_json::json;

use crate::{
    follower::Follower,
    threads::{comment, world},
    world::World,
};

async fn counts(world: &World, token: &str, keys: &str) -> serde_json::Value {
    let path = format!(
        "/api/rows/rowcast.comment_count?table=eq.ticket&key=in.({keys})&select=key,comments&order=key"
    );
    let rows = world.ok(token, "GET", &path, "").await;
    let rows = rows["rows"].as_array().unwrap().iter();
    rows.map(|row| row["cells"].clone()).collect()
}

#[tokio::test]
async fn rows_are_counted_that_are_seen_and_no_others() {
    let world = world().await;
    let one = comment(&world, &world.bob, "ticket/3", "one").await;
    comment(&world, &world.eve, "ticket/3", "two").await;
    comment(&world, &world.eve, "ticket/2", "three").await;
    assert_eq!(
        counts(&world, &world.ann, "1,2,3,99").await,
        json!([["2", 1], ["3", 2]])
    );
    assert_eq!(counts(&world, &world.bob, "1,2,3").await, json!([["3", 2]]));
    assert_eq!(counts(&world, &world.bob, "2").await, json!([]));
    world
        .ok(&world.bob, "DELETE", &format!("/api/comments/{one}"), "")
        .await;
    assert_eq!(
        counts(&world, &world.ann, "2,3").await,
        json!([["2", 1], ["3", 1]])
    );
    world.stop().await;
}

#[tokio::test]
async fn a_key_that_is_too_long_says_nothing_of_the_others_and_who_reads_makes_nothing() {
    let world = world().await;
    let long = "9".repeat(1001);
    assert_eq!(
        counts(&world, &world.bob, &format!("3,{long}")).await,
        json!([])
    );
    let mut connection = world.server.database.connect().await;
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.comment_table")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(known, 0);
    comment(&world, &world.bob, "ticket/3", "one").await;
    assert_eq!(
        counts(&world, &world.bob, &format!("3,{long}")).await,
        json!([["3", 1]])
    );
    world.stop().await;
}

#[tokio::test]
async fn counts_are_live_until_a_row_is_not_seen_any_more() {
    let world = world().await;
    let query = "table=eq.ticket&key=in.(1,3)&select=comments,key&limit=1000";
    let mut bob = Follower::of(
        world.server.addr,
        &world.bob,
        "rowcast.comment_count",
        query,
    )
    .await;
    assert_eq!(bob.total, 0);
    comment(&world, &world.eve, "ticket/2", "not theirs").await;
    comment(&world, &world.eve, "ticket/3", "one").await;
    bob.until(|bob| bob.total == 1).await;
    world
        .execute("UPDATE ticket SET owner = 'eve' WHERE id = 3")
        .await;
    comment(&world, &world.eve, "ticket/3", "two").await;
    while bob.step().await {}
    assert!(bob.heard.contains("unknown_row"), "{}", bob.heard);
    world.stop().await;
}

#[tokio::test]
async fn those_who_write_at_once_are_all_counted() {
    let world = world().await;
    let writers = (0..12).map(|nth| {
        let token = [&world.ann, &world.bob, &world.eve][nth % 3];
        let world = &world;
        async move { comment(world, token, "ticket/3", "at once").await }
    });
    let ids = futures::future::join_all(writers).await;
    assert_eq!(counts(&world, &world.ann, "3").await, json!([["3", 12]]));
    let removals = ids.iter().map(|id| {
        let world = &world;
        async move {
            let path = format!("/api/comments/{id}");
            world.ok(&world.ann, "DELETE", &path, "").await
        }
    });
    futures::future::join_all(removals).await;
    assert_eq!(counts(&world, &world.ann, "3").await, json!([]));
    world.stop().await;
}
