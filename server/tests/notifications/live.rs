//! What is on every device of whom it is for, and on no other.

use crate::{follower::Follower, server::Server, world::World};

async fn notify(world: &World, user: &str, title: &str) {
    let sql = format!("SELECT rowcast.notify('{user}', '{title}')");
    world.execute(&sql).await;
}

#[tokio::test]
async fn all_devices_of_a_person_hear_of_it_and_nobody_else_does() {
    let world = World::new().await;
    let address = world.server.addr;
    let mut devices = [
        Follower::new(address, &world.bob).await,
        Follower::new(address, &world.bob).await,
    ];
    let mut ann = Follower::new(address, &world.ann).await;
    let mut eve = Follower::new(address, &world.eve).await;
    notify(&world, "bob", "for zanzibar").await;
    notify(&world, "eve", "for eve").await;
    notify(&world, "ann", "for ann").await;
    for device in &mut devices {
        device.until(|device| device.total == 1).await;
        assert_eq!(device.arrived.len(), 1);
    }
    // What came for them came after what was not for them.
    ann.until(|ann| ann.total == 1).await;
    eve.until(|eve| eve.total == 1).await;
    for other in [&ann, &eve] {
        assert!(!other.heard.contains("zanzibar"));
    }
    // Read on one device, it is read on the others.
    let [mut one, mut other] = devices;
    let id = one.arrived[0];
    let path = format!("/api/notifications/{id}");
    world
        .ok(&world.bob, "PATCH", &path, r#"{"read":true}"#)
        .await;
    one.until(|device| device.total == 0).await;
    other.until(|device| device.total == 0).await;
    assert_eq!((&one.left, &other.left), (&vec![id], &vec![id]));
    world
        .ok(&world.bob, "PATCH", &path, r#"{"read":false}"#)
        .await;
    other.until(|device| device.total == 1).await;
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_away_gets_each_once() {
    let world = World::new().await;
    notify(&world, "bob", "before").await;
    let mut bob = Follower::new(world.server.addr, &world.bob).await;
    assert_eq!(bob.arrived.len(), 1);
    bob.drop_connection();
    for title in ["one", "two", "three"] {
        notify(&world, "bob", title).await;
    }
    assert!(bob.connect().await);
    bob.until(|bob| bob.total == 4).await;
    assert_eq!(bob.resets, 0, "the cursor is good");
    assert_eq!(bob.held.len(), 4);
    let titles: Vec<&str> = bob.arrived.iter().map(|id| bob.held[id].as_str()).collect();
    assert_eq!(titles, ["before", "one", "two", "three"]);
    world.stop().await;
}

#[tokio::test]
async fn no_query_route_or_role_gives_anybody_what_is_for_another() {
    let world = World::new().await;
    notify(&world, "bob", "zanzibar").await;
    let paths = [
        "/api/rows/rowcast.notification",
        "/api/rows/rowcast.notification?account=not.is.null",
        "/api/rows/rowcast.notification?q=zanzibar",
        "/api/rows/rowcast.notification?or=(account.eq.1,account.eq.2,account.eq.3)",
        "/api/rows/rowcast.notification?aggregate=max(title)",
        "/api/rows/rowcast.notification.csv",
        "/api/rows/rowcast.notification.json",
        "/api/chart/rowcast.notification?chart=title",
        "/api/history/rowcast.notification/1",
        "/api/tables/rowcast.notification",
        "/tables/rowcast.notification",
        "/notifications",
    ];
    for token in [&world.ann, &world.eve] {
        for path in paths {
            let answer = world.send(token, "GET", path, "").await;
            assert!(answer.status < 500, "{path}");
            let text = answer.text().replace("q=zanzibar", "");
            assert!(!text.contains("zanzibar"), "{path}: {text}");
        }
        assert!(world.titles(token).await.is_empty());
    }
    let whole = world.ok(&world.bob, "GET", paths[0], "").await;
    assert_eq!(whole["total"], 1);
    world.stop().await;
}

#[tokio::test]
async fn nobody_writes_it_as_a_table() {
    let world = World::new().await;
    notify(&world, "bob", "told").await;
    for token in [&world.ann, &world.bob] {
        for (method, path, body) in [
            (
                "POST",
                "/api/rows/rowcast.notification",
                r#"{"account":2,"title":"x","sender":"y"}"#,
            ),
            (
                "PATCH",
                "/api/rows/rowcast.notification/1",
                r#"{"set":{"title":"x"}}"#,
            ),
            ("DELETE", "/api/rows/rowcast.notification/1", ""),
            (
                "POST",
                "/api/bulk/rowcast.notification?id=eq.1",
                r#"{"delete":true,"count":1}"#,
            ),
            (
                "POST",
                "/api/batch/rowcast.notification",
                r#"{"changes":[{"op":"delete","key":[1]}]}"#,
            ),
        ] {
            let answer = world.send(token, method, path, body).await;
            assert!((400..500).contains(&answer.status), "{method} {path}");
        }
    }
    assert_eq!(world.titles(&world.bob).await, ["told"]);
    world.stop().await;
}

#[tokio::test]
async fn where_nobody_signs_in_there_are_none() {
    let server = Server::new("").await;
    let (status, code, _) = server.error("/api/rows/rowcast.notification").await;
    assert_eq!((status, code.as_str()), (404, "unknown_table"));
    let (status, code, _) = server.error("/api/notifications").await;
    assert_eq!((status, code.as_str()), (400, "no_account"));
    server.stop().await;
}
