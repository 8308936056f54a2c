//! What is open follows what may be seen, while others write and rules change.

use serde_json::json;

use crate::{
    stream::Stream,
    world::{MARK, World},
};

#[tokio::test]
async fn what_may_not_be_seen_comes_over_no_stream_while_others_write_it() {
    let world = World::new().await;
    let path = "/api/live/ticket?order=id&aggregate=sum(amount)&limit=10";
    let mut stream = Stream::open(&world.server, &world.bob, path).await;
    let (event, list) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), &list["total"]), ("snapshot", &json!(2)));
    world
        .server
        .database
        .execute(
            "UPDATE ticket SET note = 'zanzibar 9';
             INSERT INTO ticket SELECT n, 'zanzibar', 'ann', 'zanzibar', 7000 FROM generate_series(100, 150) n;
             UPDATE ticket SET title = 'zanzibar ' || id WHERE assignee <> 'bob';
             DELETE FROM ticket WHERE id > 100;",
        )
        .await;
    // One that comes to be bob's, one that no longer is.
    world
        .server
        .database
        .execute("UPDATE ticket SET assignee = 'bob', title = 'tap' WHERE id = 2")
        .await;
    world
        .server
        .database
        .execute("UPDATE ticket SET assignee = 'zanzibar', title = 'zanzibar' WHERE id = 3")
        .await;
    let (mut came, mut went) = (false, false);
    while !(came && went) {
        let (event, patch) = stream.next().await.unwrap();
        assert_eq!(event, "patch");
        for op in patch["ops"].as_array().unwrap() {
            match op["op"].as_str().unwrap() {
                "insert" => {
                    assert_eq!((&op["key"], came), (&json!([2]), false));
                    assert_eq!(op["cells"].as_array().unwrap().len(), 6);
                    came = true;
                }
                "remove" => {
                    assert_eq!(op["key"], json!([3]));
                    went = true;
                }
                other => panic!("{other}: {patch}"),
            }
        }
    }
    assert!(!stream.heard.contains(MARK), "{}", stream.heard);
    assert!(!stream.heard.contains("7000"), "{}", stream.heard);
    world.server.stop().await;
}

#[tokio::test]
async fn a_rule_that_changes_ends_what_was_opened_before_and_no_cursor_goes_on() {
    let world = World::new().await;
    let path = "/api/live/ticket?order=id";
    let mut stream = Stream::open(&world.server, &world.bob, path).await;
    let (_, list) = stream.next().await.unwrap();
    let cursor = list["cursor"].as_str().unwrap().to_owned();
    let resumed = format!("{path}&cursor={cursor}");
    // Nothing has changed: the cursor goes on.
    let mut again = Stream::open(&world.server, &world.bob, &resumed).await;
    world
        .server
        .database
        .execute("UPDATE ticket SET amount = 12 WHERE id = 1")
        .await;
    assert_eq!(again.next().await.unwrap().0, "patch");

    world
        .grant(
            "member",
            "ticket",
            r#"{"read":true,"rows":"assignee=eq.ann"}"#,
        )
        .await;
    while let Some((event, _)) = stream.next().await {
        assert_eq!(event, "patch");
    }
    while again.next().await.is_some() {}
    let mut stream = Stream::open(&world.server, &world.bob, &resumed).await;
    assert_eq!(stream.next().await.unwrap().0, "reset");
    let (event, list) = stream.next().await.unwrap();
    assert_eq!(
        (event.as_str(), &list["rows"][0]["key"]),
        ("snapshot", &json!([2]))
    );

    // Rules may also be changed in SQL.
    world
        .server
        .database
        .execute("DELETE FROM rowcast.permission WHERE role = 'member'")
        .await;
    while stream.next().await.is_some() {}
    assert_eq!(world.refused("GET", "/api/rows/ticket", "").await.0, 404);
    assert_eq!(world.bobs("/api/tables").await, json!({"tables": []}));
    world.server.stop().await;
}

#[tokio::test]
async fn the_same_query_of_two_people_is_two() {
    let world = World::new().await;
    let path = "/api/live/ticket?order=id";
    let mut bobs = Stream::open(&world.server, &world.bob, path).await;
    let mut all = Stream::open(&world.server, &world.admin, path).await;
    assert_eq!(bobs.next().await.unwrap().1["total"], 2);
    assert_eq!(all.next().await.unwrap().1["total"], 4);
    world
        .server
        .database
        .execute("DELETE FROM ticket WHERE id = 2")
        .await;
    world
        .server
        .database
        .execute("DELETE FROM ticket WHERE id = 1")
        .await;
    let (_, patch) = bobs.next().await.unwrap();
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [1]}]));
    let mut removed = Vec::new();
    while removed.len() < 2 {
        let (_, patch) = all.next().await.unwrap();
        removed.extend(
            patch["ops"]
                .as_array()
                .unwrap()
                .iter()
                .map(|op| op["key"].clone()),
        );
    }
    assert_eq!(removed, [json!([2]), json!([1])]);
    world.server.stop().await;
}
