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
