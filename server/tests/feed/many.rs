//! A channel with many posts.

use std::time::Instant;

use sqlx::Connection;

use crate::{api::channels, browser::bearer, follower::Follower, world::World};

#[tokio::test]
async fn of_5000_posts_a_page_holds_fifty_and_a_window_what_it_shows() {
    let world = World::new().await;
    channels(&world).await;
    world
        .execute(
            "INSERT INTO rowcast.post (channel, is_private, author_name, body) \
             SELECT 1, false, 'program', 'post **' || n || '** with some words in it' \
               FROM generate_series(1, 5000) n; ANALYZE rowcast.post;",
        )
        .await;
    let bearer = bearer(&world.bob);
    let headers = [("Authorization", bearer.as_str()), ("Accept", "text/html")];
    let mut fastest = f64::MAX;
    let mut text = String::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let answer = world.server.send("GET", "/feed/general", &headers).await;
        fastest = fastest.min(begun.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(answer.status, 200);
        text = answer.text().replace("<!>", "");
    }
    println!("the first screen of 5,000 posts: {fastest:.1} ms");
    assert_eq!(text.matches("class=\"post-body\"").count(), 50);
    assert!(text.contains("<strong>5000</strong>") && !text.contains("<strong>4950</strong>"));
    assert!(text.contains("data-offset=\"4950\"") && text.contains("data-total=\"5000\""));
    assert!(text.len() < 200_000, "{}", text.len());
    // One in the middle.
    let answer = world
        .server
        .send("GET", "/feed/general?post=2500", &headers)
        .await;
    let text = answer.text().replace("<!>", "");
    assert_eq!(text.matches("class=\"post-body\"").count(), 50);
    assert!(text.contains("id=\"post-2500\"") && text.contains("data-offset=\"2484\""));
    // What scrolls follows a window.
    let query = "channel=eq.1&order=id&select=id,body&limit=100&offset=2400";
    let begun = Instant::now();
    let window = Follower::of(world.server.addr, &world.bob, "rowcast.post", query).await;
    println!(
        "a window in it: {:.1} ms",
        begun.elapsed().as_secs_f64() * 1000.0
    );
    assert_eq!((window.held.len(), window.total), (100, 5000));
    assert_eq!(window.held.keys().next(), Some(&2401));
    world.stop().await;
}

#[tokio::test]
async fn an_announcement_to_many_is_one_statement() {
    let world = World::new().await;
    channels(&world).await;
    world
        .execute(
            "INSERT INTO rowcast.account (name) SELECT 'account ' || n FROM generate_series(1, 5000) n",
        )
        .await;
    let begun = Instant::now();
    crate::api::post(&world, &world.ann, "news", "all hands").await;
    println!(
        "told 5,002 accounts in {:.0} ms",
        begun.elapsed().as_secs_f64() * 1000.0
    );
    let mut connection = world.server.database.connect().await;
    let (told, transactions): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT xmin::text) FROM rowcast.notification")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!((told, transactions), (5002, 1));
    world.stop().await;
}

#[tokio::test]
async fn what_is_read_waits_for_nothing_that_is_written() {
    let world = World::new().await;
    channels(&world).await;
    let id = crate::api::post(&world, &world.bob, "general", "first").await;
    let mut holder = world.server.database.connect().await;
    // Who is in a transaction sees what was done when it first looked.
    let mut watching = world.server.database.connect().await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT FROM rowcast.post FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    // As many as there are connections for writing what is ours.
    let path = format!("/api/posts/{id}");
    let edits = (0..3).map(|n| {
        let body = format!("{{\"body\":\"edit {n}\"}}");
        let (world, path) = (&world, &path);
        async move { world.send(&world.bob, "PATCH", path, &body).await.status }
    });
    let reads = async {
        let mut waiting = 0;
        while waiting < 3 {
            waiting = sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&mut watching)
            .await
            .unwrap();
        }
        let bearer = bearer(&world.eve);
        let headers = [("Authorization", bearer.as_str()), ("Accept", "text/html")];
        for path in ["/feed/general", "/feed?q=first", "/api/channels"] {
            let answer = world.server.send("GET", path, &headers).await;
            assert_eq!(answer.status, 200, "{path}");
        }
        held.rollback().await.unwrap();
    };
    let (edited, ()) = tokio::join!(futures::future::join_all(edits), reads);
    assert_eq!(edited, [204, 204, 204]);
    world.stop().await;
}
