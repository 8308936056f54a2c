//! The page, as a browser without scripts has it.

use crate::{
    api::{channels, post},
    browser::Browser,
    world::World,
};

async fn page(browser: &mut Browser<'_>, path: &str) -> String {
    let cookie = browser.cookie();
    let headers = [("Cookie", cookie.as_str()), ("Accept", "text/html,*/*")];
    let answer = browser.server.send("GET", path, &headers).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    // What marks places for the application is no part of what is read.
    answer.text().replace("<!>", "")
}

#[tokio::test]
async fn the_page_is_whole_and_its_forms_do_what_they_say() {
    let world = World::new().await;
    channels(&world).await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let mut eve = Browser::of(&world.server, "eve").await;
    let text = page(&mut bob, "/feed").await;
    for channel in ["general", "news", "den"] {
        assert!(
            text.contains(&format!("href=\"/feed/{channel}\"")),
            "{channel}: {text}"
        );
    }
    assert!(!text.contains("New channel"));
    assert!(!page(&mut eve, "/feed").await.contains("/feed/den"));
    let body =
        "Hello **all**, <script>alert(1)</script>\n\n[x](javascript:alert(1)) /tables/item?id=eq.1";
    let answer = bob.post("/feed/general", &[("body", body)]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/feed/general?post=1#post-1"))
    );
    let text = page(&mut eve, "/feed/general").await;
    for part in [
        "<strong>all</strong>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "href=\"/tables/item?id=eq.1\"",
        "id=\"post-1\"",
        ", 1 unread",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("href=\"javascript:") && !text.contains("<script>alert"));
    assert!(
        !text.contains("/feed/general/posts/1/delete"),
        "it is bob's"
    );
    // An answer.
    let form = page(&mut eve, "/feed/general?reply=1").await;
    assert!(
        form.contains("Answer bob") && form.contains("name=\"reply_to\" value=\"1\""),
        "{form}"
    );
    eve.post("/feed/general", &[("body", "Yes"), ("reply_to", "1")])
        .await;
    let text = page(&mut bob, "/feed/general").await;
    assert!(
        text.contains("Answers") && text.contains("bob: Hello all"),
        "{text}"
    );
    // What is not taken is not lost.
    let refused = eve
        .post("/feed/general", &[("body", &"x".repeat(10_001))])
        .await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains(&"x".repeat(10_001)));
    let form = page(&mut bob, "/feed/general?edit=1").await;
    assert!(
        form.contains("action=\"/feed/general/posts/1/edit\"") && form.contains("Hello **all**")
    );
    bob.post("/feed/general/posts/1/edit", &[("body", "Hello you")])
        .await;
    let text = page(&mut eve, "/feed/general").await;
    assert!(text.contains("Hello you") && text.contains("edited"));
    let answer = eve.post("/feed/general/posts/1/delete", &[]).await;
    assert_eq!(answer.status, 404);
    bob.post("/feed/general/posts/1/delete", &[]).await;
    let text = page(&mut eve, "/feed/general").await;
    assert!(text.contains("This post was deleted.") && !text.contains("Hello"));
    eve.post("/feed/general/read?to=2", &[]).await;
    assert!(!page(&mut eve, "/feed").await.contains(", 1 unread"));
    eve.post("/feed/news/mute", &[]).await;
    assert!(page(&mut eve, "/feed/news").await.contains("Unmute"));
    world.stop().await;
}

#[tokio::test]
async fn words_are_found_where_one_is() {
    let world = World::new().await;
    channels(&world).await;
    post(&world, &world.bob, "den", "a secret 100%").await;
    post(&world, &world.bob, "general", "no secret").await;
    let mut eve = Browser::of(&world.server, "eve").await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let text = page(&mut eve, "/feed?q=SECRET").await;
    assert!(
        text.contains("1 post was found") && text.contains("no secret") && !text.contains("100%")
    );
    assert!(
        page(&mut bob, "/feed?q=secret")
            .await
            .contains("2 posts were found")
    );
    assert!(
        page(&mut bob, "/feed/den?q=0%25")
            .await
            .contains("1 post was found")
    );
    assert!(
        page(&mut bob, "/feed/general?q=0%25")
            .await
            .contains("Nothing was found")
    );
    world.stop().await;
}

#[tokio::test]
async fn administrators_make_channels_and_say_who_is_in_them() {
    let world = World::new().await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let mut bob = Browser::of(&world.server, "bob").await;
    assert!(page(&mut ann, "/feed").await.contains("New channel"));
    let sent = [
        ("name", "plans"),
        ("topic", "What next?"),
        ("kind", "announcements"),
        ("private", "on"),
    ];
    assert_eq!(bob.post("/feed", &sent).await.status, 403);
    let answer = ann.post("/feed", &sent).await;
    assert_eq!(answer.header("location"), Some("/feed/plans"));
    let cookie = bob.cookie();
    let headers = [("Cookie", cookie.as_str()), ("Accept", "text/html")];
    assert_eq!(
        world
            .server
            .send("GET", "/feed/plans", &headers)
            .await
            .status,
        404
    );
    ann.post("/feed/plans/add", &[("user", "bob")]).await;
    let text = page(&mut bob, "/feed/plans").await;
    assert!(
        text.contains("What next?") && text.contains("Only some post here"),
        "{text}"
    );
    assert_eq!(
        bob.post("/feed/plans/topic", &[("topic", "x")])
            .await
            .status,
        403
    );
    let text = page(&mut ann, "/feed/plans").await;
    assert!(
        text.contains("Manage this channel") && text.contains("remove?user=%23"),
        "{text}"
    );
    ann.post("/feed/plans/add", &[("user", "bob"), ("may_post", "on")])
        .await;
    assert_eq!(bob.post("/feed/plans", &[("body", "x")]).await.status, 303);
    ann.post("/feed/plans/remove", &[("user", "bob")]).await;
    assert_eq!(
        world
            .server
            .send("GET", "/feed/plans", &headers)
            .await
            .status,
        404
    );
    ann.post("/feed/plans/archive", &[]).await;
    assert_eq!(ann.post("/feed/plans", &[("body", "x")]).await.status, 403);
    world.stop().await;
}
