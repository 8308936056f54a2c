//! Where the database decides who sees which row.

use serde_json::json;

use crate::{
    follower::Follower,
    ruled::{NOTES, World},
};

async fn write(world: &World, token: &str, row: &str, body: &str) -> u16 {
    let path = format!("/api/comments/note/{row}");
    let body = json!({"body": body}).to_string();
    world.send(token, "POST", &path, &body).await.status
}

#[tokio::test]
async fn the_database_s_rules_decide_who_reads_and_is_told() {
    let world = World::new(NOTES).await;
    assert_eq!(write(&world, &world.bob, "2", "bob's, @ann").await, 201);
    assert_eq!(write(&world, &world.ann, "2", "x").await, 404);
    assert_eq!(write(&world, &world.ann, "1", "ann's, @bob").await, 201);
    assert_eq!(write(&world, &world.nil, "1", "x").await, 404);
    for (token, key, status) in [
        (&world.bob, "2", 200),
        (&world.ann, "2", 404),
        (&world.bob, "1", 404),
        (&world.ann, "1", 200),
        (&world.nil, "1", 404),
    ] {
        let path = format!("/api/rows/rowcast.comment?table=eq.note&key=eq.{key}");
        assert_eq!(world.get(token, &path).await.status, status, "{key}");
    }
    for token in [&world.ann, &world.bob] {
        let told = world.get(token, "/api/rows/rowcast.notification").await;
        let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(told["total"], 0, "nobody is told of what they don't see");
    }
    let query = "table=eq.note&key=eq.2&order=id&select=id,body";
    let mut bob = Follower::of(world.server.addr, &world.bob, "rowcast.comment", query).await;
    assert_eq!(bob.total, 1);
    // It becomes ann's.
    world
        .execute("UPDATE note SET owner = '{db}_ann' WHERE id = 2")
        .await;
    assert_eq!(write(&world, &world.ann, "2", "zanzibar").await, 201);
    while bob.step().await {}
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    assert!(bob.heard.contains("unknown_row"), "{}", bob.heard);
    world.server.stop().await;
}
