//! What is posted is with those who are in the channel, and with nobody else.

use crate::{
    api::{channels, post},
    follower::Follower,
    world::World,
};

const POSTS: &str = "order=id&select=id,body&limit=1000";

async fn follower(world: &World, token: &str) -> Follower {
    Follower::of(world.server.addr, token, "rowcast.post", POSTS).await
}

#[tokio::test]
async fn a_post_comes_to_whoever_is_in_the_channel_and_to_nobody_else() {
    let world = World::new().await;
    channels(&world).await;
    let mut bob = follower(&world, &world.bob).await;
    let mut eve = follower(&world, &world.eve).await;
    let hidden = post(&world, &world.bob, "den", "zanzibar").await;
    let open = post(&world, &world.eve, "general", "hello").await;
    bob.until(|bob| bob.arrived.len() == 2).await;
    assert_eq!(bob.arrived, [hidden, open]);
    // What came for eve came after what was not for her.
    eve.until(|eve| eve.arrived.len() == 1).await;
    assert_eq!(eve.arrived, [open]);
    assert!(!eve.heard.contains("zanzibar") && eve.total == 1);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_put_out_hears_no_more_at_once() {
    let world = World::new().await;
    channels(&world).await;
    post(&world, &world.bob, "den", "before").await;
    let mut bob = follower(&world, &world.bob).await;
    assert_eq!(bob.total, 1);
    world
        .ok(&world.ann, "DELETE", "/api/channels/den/members/bob", "")
        .await;
    post(&world, &world.ann, "den", "zanzibar").await;
    // What he followed ends; what he follows then is without that channel.
    while bob.step().await && bob.total != 0 {}
    if bob.total != 0 {
        bob = follower(&world, &world.bob).await;
    }
    assert_eq!(bob.total, 0);
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    let answer = world.send(&world.bob, "GET", "/feed/den", "").await;
    assert_eq!(answer.status, 404);
    // Let in again, he sees what there is.
    world
        .ok(&world.ann, "PUT", "/api/channels/den/members/bob", "{}")
        .await;
    let bob = follower(&world, &world.bob).await;
    assert_eq!(bob.total, 2);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_let_in_by_sql_is_known_without_asking() {
    let world = World::new().await;
    channels(&world).await;
    post(&world, &world.bob, "den", "before").await;
    let mut eve = follower(&world, &world.eve).await;
    assert_eq!(eve.total, 0);
    world
        .execute(
            "INSERT INTO rowcast.channel_member (channel, account) \
             SELECT c.id, a.id FROM rowcast.channel c, rowcast.account a \
              WHERE c.name = 'den' AND a.name = 'eve'",
        )
        .await;
    while eve.step().await && eve.total == 0 {}
    if eve.total == 0 {
        eve = follower(&world, &world.eve).await;
    }
    assert_eq!(eve.total, 1);
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_away_gets_each_once() {
    let world = World::new().await;
    channels(&world).await;
    let mut bob = follower(&world, &world.bob).await;
    bob.drop_connection();
    for body in ["one", "two", "three"] {
        post(&world, &world.eve, "general", body).await;
    }
    assert!(bob.connect().await);
    bob.until(|bob| bob.total == 3).await;
    assert_eq!((bob.resets, bob.arrived.len()), (0, 3));
    world.stop().await;
}

#[tokio::test]
async fn no_query_route_or_role_gives_what_is_in_a_channel_to_others() {
    let world = World::new().await;
    world
        .ok(
            &world.ann,
            "POST",
            "/api/channels",
            r#"{"name":"cave","kind":"discussion","private":true,"topic":"lemuria"}"#,
        )
        .await;
    world
        .ok(&world.ann, "PUT", "/api/channels/cave/members/bob", "{}")
        .await;
    let id = post(&world, &world.bob, "cave", "zanzibar").await;
    let paths = [
        "/api/rows/rowcast.post".to_owned(),
        "/api/rows/rowcast.post?is_private=is.true".to_owned(),
        "/api/rows/rowcast.post?q=zanzibar".to_owned(),
        "/api/rows/rowcast.post?or=(channel.eq.1,id.gt.0)".to_owned(),
        "/api/rows/rowcast.post?aggregate=max(body)".to_owned(),
        "/api/rows/rowcast.post.csv".to_owned(),
        "/api/rows/rowcast.post.json".to_owned(),
        "/api/rows/rowcast.reaction?select=*,post(*)".to_owned(),
        "/api/rows/rowcast.channel_member?select=*,channel(*)".to_owned(),
        "/api/rows/rowcast.channel".to_owned(),
        "/api/rows/rowcast.typing".to_owned(),
        "/api/rows/rowcast.post_image".to_owned(),
        "/api/chart/rowcast.post?chart=body".to_owned(),
        format!("/api/history/rowcast.post/{id}"),
        "/tables/rowcast.post".to_owned(),
        "/api/channels".to_owned(),
        "/api/channels/cave/members".to_owned(),
        "/feed".to_owned(),
        "/feed?q=zanzibar".to_owned(),
        "/feed/cave".to_owned(),
        format!("/feed/cave?post={id}"),
        format!("/feed/cave?reply={id}"),
    ];
    for path in &paths {
        let answer = world.send(&world.eve, "GET", path, "").await;
        assert!(answer.status < 500, "{path}");
        let text = answer
            .text()
            .replace("q=zanzibar", "")
            .replace("“zanzibar”", "");
        let text = text.replace("value=\"zanzibar\"", "");
        for mark in ["zanzibar", "lemuria"] {
            assert!(!text.contains(mark), "{path}: {text}");
        }
    }
    // Who manages it and is not in it knows of it, and not what is posted there.
    world
        .ok(&world.ann, "DELETE", "/api/channels/cave/members/ann", "")
        .await;
    for path in &paths {
        let text = world.send(&world.ann, "GET", path, "").await.text();
        let text = text.replace("q=zanzibar", "").replace("“zanzibar”", "");
        let text = text.replace("value=\"zanzibar\"", "");
        assert!(!text.contains("zanzibar"), "{path}: {text}");
    }
    let answer = world
        .send(
            &world.ann,
            "POST",
            "/api/channels/cave/posts",
            r#"{"body":"x"}"#,
        )
        .await;
    assert_eq!(answer.status, 404);
    for (method, path, body) in [
        (
            "POST",
            "/api/rows/rowcast.post",
            r#"{"channel":1,"is_private":false,"author_name":"x","body":"y"}"#,
        ),
        (
            "PATCH",
            "/api/rows/rowcast.post/1",
            r#"{"set":{"body":"x"}}"#,
        ),
        ("DELETE", "/api/rows/rowcast.post/1", ""),
        (
            "POST",
            "/api/bulk/rowcast.post?id=eq.1",
            r#"{"delete":true,"count":1}"#,
        ),
        (
            "POST",
            "/api/rows/rowcast.channel_member",
            r#"{"channel":1,"account":3}"#,
        ),
        (
            "PATCH",
            "/api/rows/rowcast.channel/1",
            r#"{"set":{"is_private":false}}"#,
        ),
    ] {
        for token in [&world.ann, &world.bob] {
            let answer = world.send(token, method, path, body).await;
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
    world.stop().await;
}
