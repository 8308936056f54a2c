//! That notifications do not grow without end, and nothing goes unsaid that nobody read.

use std::time::Duration;

use rowcast::notification::tidy;
use serde_json::json;

use crate::world::World;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn what_was_read_long_ago_is_removed_and_what_was_not_read_stays() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.notify('bob', title) FROM unnest('{old read,old,new read,new}'::text[]) title; \
             UPDATE rowcast.notification SET at = at - interval '91 days' WHERE title LIKE 'old%'; \
             UPDATE rowcast.notification SET read_at = at WHERE title LIKE '%read';",
        )
        .await;
    let pool = world.server.database.pool(1).await;
    tidy::forget(&pool, 90 * DAY, 1000).await.unwrap();
    assert_eq!(world.titles(&world.bob).await, ["old", "new read", "new"]);
    world.stop().await;
}

#[tokio::test]
async fn beyond_the_bound_the_oldest_go_those_first_that_were_read_and_the_rest_is_said() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.notify('bob', 'n' || n) FROM generate_series(1, 10) n; \
             SELECT rowcast.notify('eve', 'e' || n) FROM generate_series(1, 4) n; \
             UPDATE rowcast.notification SET read_at = now() WHERE title IN ('n8', 'n9', 'n10');",
        )
        .await;
    let pool = world.server.database.pool(1).await;
    tidy::forget(&pool, DAY, 8).await.unwrap();
    // Of what was read the oldest.
    let kept = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n10"];
    assert_eq!(world.titles(&world.bob).await, kept);
    let settings = world.ok(&world.bob, "GET", "/api/notifications", "").await;
    assert_eq!(settings["lost"], 0);
    tidy::forget(&pool, DAY, 5).await.unwrap();
    assert_eq!(
        world.titles(&world.bob).await,
        ["n3", "n4", "n5", "n6", "n7"]
    );
    let settings = world.ok(&world.bob, "GET", "/api/notifications", "").await;
    assert_eq!(settings, json!({"unread": 5, "quiet": null, "lost": 2}));
    assert_eq!(world.unread(&world.eve).await, 4);
    // Until they say that they know.
    world
        .ok(
            &world.bob,
            "POST",
            "/api/notifications/read",
            r#"{"all":true}"#,
        )
        .await;
    let settings = world.ok(&world.bob, "GET", "/api/notifications", "").await;
    assert_eq!(settings["lost"], 0);
    world.stop().await;
}

#[tokio::test]
async fn what_is_of_an_account_that_is_gone_goes() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.notify('bob', 'told'); SELECT rowcast.notify('eve', 'told'); \
             DELETE FROM rowcast.account WHERE name = 'bob';",
        )
        .await;
    let pool = world.server.database.pool(1).await;
    tidy::forget(&pool, DAY, 1000).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.notification")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((left, world.unread(&world.eve).await), (1, 1));
    world.stop().await;
}
