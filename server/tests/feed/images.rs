//! Images in posts.

use crate::{
    api::{channels, post},
    browser::bearer,
    server::Answer,
    world::World,
};

const PNG: &str = "\u{89}PNG";

async fn bring(world: &World, token: &str, channel: &str, kind: &str, bytes: &[u8]) -> Answer {
    let bearer = bearer(token);
    let mut request = format!(
        "POST /api/channels/{channel}/images HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Authorization: {bearer}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        world.server.addr,
        bytes.len()
    )
    .into_bytes();
    // What declares too much is refused before it is read.
    if bytes.len() <= 4 * 1024 * 1024 {
        request.extend_from_slice(bytes);
    }
    world.server.raw(&request).await
}

fn png(length: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(length, 7);
    bytes
}

#[tokio::test]
async fn an_image_is_for_those_who_are_in_its_channel() {
    let world = World::new().await;
    channels(&world).await;
    let kept = bring(&world, &world.bob, "den", "image/png", &png(100)).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    let kept: serde_json::Value = serde_json::from_slice(&kept.body).unwrap();
    let path = kept["path"].as_str().unwrap().to_owned();
    // Until it is in a post it is for who brought it.
    assert_eq!(world.send(&world.bob, "GET", &path, "").await.status, 200);
    assert_eq!(world.send(&world.ann, "GET", &path, "").await.status, 404);
    let id = post(&world, &world.bob, "den", &format!("![a]({path})")).await;
    let shown = world.send(&world.ann, "GET", &path, "").await;
    assert_eq!((shown.status, shown.body.as_slice()), (200, &png(100)[..]));
    assert_eq!(shown.header("content-type"), Some("image/png"));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert!(
        shown
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(world.send(&world.eve, "GET", &path, "").await.status, 404);
    // It goes with its post.
    world
        .ok(&world.bob, "DELETE", &format!("/api/posts/{id}"), "")
        .await;
    assert_eq!(world.send(&world.bob, "GET", &path, "").await.status, 404);
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_image_is_refused_and_so_is_too_much() {
    let world = World::new().await;
    channels(&world).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    for (kind, bytes, status) in [
        ("image/png", &svg[..], 400),
        ("image/svg+xml", &svg[..], 415),
        ("text/html", &svg[..], 415),
        ("image/png", PNG.as_bytes(), 400),
        ("image/png", &png(4 * 1024 * 1024 + 1)[..], 413),
        // It is what it is, not what it is said to be.
        ("image/gif", &png(100)[..], 201),
    ] {
        let answer = bring(&world, &world.bob, "general", kind, bytes).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
    }
    assert_eq!(
        bring(&world, &world.eve, "den", "image/png", &png(9))
            .await
            .status,
        404
    );
    assert_eq!(
        bring(&world, &world.bob, "news", "image/png", &png(9))
            .await
            .status,
        403
    );
    let own = world.send(&world.bob, "GET", "/feed/images/1", "").await;
    assert_eq!(own.header("content-type"), Some("image/png"));
    world
        .execute(
            "INSERT INTO rowcast.post_image (channel, account, kind, bytes) \
             SELECT 1, a.id, 'image/png', decode(repeat('00', 4194304), 'hex') \
               FROM rowcast.account a, generate_series(1, 16) WHERE a.name = 'eve'",
        )
        .await;
    let answer = bring(&world, &world.eve, "general", "image/png", &png(9)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    world.stop().await;
}

#[tokio::test]
async fn of_images_that_come_at_once_no_more_are_kept_than_of_those_that_come_in_turn() {
    let world = World::new().await;
    channels(&world).await;
    world
        .execute(
            "INSERT INTO rowcast.post_image (channel, account, kind, bytes) \
             SELECT 1, a.id, 'image/png', '\\x00' \
               FROM rowcast.account a, generate_series(1, 498) WHERE a.name = 'bob'",
        )
        .await;
    let bytes = png(100);
    let one = || bring(&world, &world.bob, "general", "image/png", &bytes);
    let answers = tokio::join!(one(), one(), one(), one(), one());
    let mut statuses = [
        answers.0.status,
        answers.1.status,
        answers.2.status,
        answers.3.status,
        answers.4.status,
    ];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 422, 422, 422]);
    world.stop().await;
}

#[tokio::test]
async fn more_images_than_are_sent_at_once_all_come() {
    let world = World::new().await;
    channels(&world).await;
    bring(&world, &world.bob, "general", "image/png", &png(1_000_000)).await;
    let one = || world.send(&world.bob, "GET", "/feed/images/1", "");
    let answers = futures::future::join_all((0..20).map(|_| one())).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.body.len() == 1_000_000)
    );
    world.stop().await;
}
