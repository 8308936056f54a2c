//! What is written comes to those who see the row, once, and to nobody who does not see it any more.

use crate::{
    follower::Follower,
    stream::Stream,
    threads::{bodies, comment, follower, grant, world},
    world::World,
};

#[tokio::test]
async fn a_comment_comes_to_whoever_has_its_row_open() {
    let world = world().await;
    let mut bob = follower(&world, &world.bob, "3").await;
    let mut eve = follower(&world, &world.eve, "3").await;
    // Of another row.
    comment(&world, &world.ann, "ticket/4", "zanzibar").await;
    let one = comment(&world, &world.eve, "ticket/3", "one").await;
    let two = comment(&world, &world.bob, "ticket/3", "two").await;
    for device in [&mut bob, &mut eve] {
        device.until(|device| device.arrived.len() == 2).await;
        assert_eq!(device.arrived, [one, two]);
        assert!(!device.heard.contains("zanzibar"));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_row_that_is_not_seen_any_more_is_not_heard_of() {
    let world = world().await;
    let mut bob = follower(&world, &world.bob, "3").await;
    let path = "/api/live/rowcast.comment?table=eq.ticket&key=eq.3";
    let mut stream = Stream::open(&world.server, &world.bob, path).await;
    comment(&world, &world.eve, "ticket/3", "before").await;
    bob.until(|bob| bob.total == 1).await;
    while !stream.heard.contains("before") {
        stream.next().await.unwrap();
    }
    world
        .execute("UPDATE ticket SET owner = 'eve' WHERE id = 3")
        .await;
    comment(&world, &world.eve, "ticket/3", "zanzibar").await;
    while bob.step().await {}
    assert!(bob.heard.contains("unknown_row"), "{}", bob.heard);
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    let mut last = String::new();
    while let Some((name, _)) = stream.next().await {
        last = name;
    }
    assert_eq!(last, "error");
    assert!(!stream.heard.contains("zanzibar"), "{}", stream.heard);
    // Once it is theirs again, all of it is.
    world
        .execute("UPDATE ticket SET owner = 'bob' WHERE id = 3")
        .await;
    assert_eq!(
        bodies(&world, &world.bob, "ticket", "3").await,
        ["before", "zanzibar"]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_row_that_is_gone_is_not_heard_of_by_administrators_either() {
    let world = world().await;
    let mut ann = follower(&world, &world.ann, "3").await;
    let first = comment(&world, &world.bob, "ticket/3", "before").await;
    ann.until(|ann| ann.total == 1).await;
    world.execute("DELETE FROM ticket WHERE id = 3").await;
    world
        .execute(&format!(
            "UPDATE rowcast.comment SET body = 'zanzibar' WHERE id = {first}"
        ))
        .await;
    while ann.step().await {}
    assert!(ann.heard.contains("unknown_row"), "{}", ann.heard);
    assert!(!ann.heard.contains("zanzibar"), "{}", ann.heard);
    world.stop().await;
}

#[tokio::test]
async fn a_permission_that_is_taken_ends_what_is_open() {
    let world = world().await;
    let mut bob = follower(&world, &world.bob, "3").await;
    grant(
        &world,
        "ticket",
        r#"{"read":true,"rows":"owner=eq.$user.name"}"#,
    )
    .await;
    comment(&world, &world.eve, "ticket/2", "theirs").await;
    comment(&world, &world.ann, "ticket/3", "zanzibar").await;
    while bob.step().await {}
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    assert!(bob.connect().await);
    while bob.step().await {}
    assert!(bob.heard.contains("unknown_row"), "{}", bob.heard);
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_away_gets_each_once() {
    let world = world().await;
    let mut bob = follower(&world, &world.bob, "3").await;
    bob.drop_connection();
    for body in ["one", "two", "three"] {
        comment(&world, &world.eve, "ticket/3", body).await;
    }
    assert!(bob.connect().await);
    bob.until(|bob| bob.total == 3).await;
    assert_eq!((bob.resets, bob.arrived.len()), (0, 3));
    world.stop().await;
}

#[tokio::test]
async fn a_restart_loses_nothing_and_tells_nothing_twice() {
    let world = world().await;
    let query = "table=eq.ticket&key=eq.3&order=id&select=id,body&limit=1000";
    let mut bob = Follower::of(world.server.addr, &world.bob, "rowcast.comment", query).await;
    comment(&world, &world.eve, "ticket/3", "@bob one").await;
    bob.until(|bob| bob.total == 1).await;
    let world = World {
        server: world.server.again().await,
        ..world
    };
    comment(&world, &world.eve, "ticket/3", "@bob two").await;
    let mut again = Follower::of(world.server.addr, &world.bob, "rowcast.comment", query).await;
    again.until(|bob| bob.total == 2).await;
    assert_eq!(again.arrived.len(), 2);
    assert_eq!(world.titles(&world.bob).await.len(), 2);
    world.stop().await;
}
