//! The page of notifications, as a browser without scripts has it.

use crate::{
    browser::Browser,
    server::{Answer, Server},
    world::World,
};

async fn told() -> World {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.notify('bob', '<b>first</b>', 'the body', '/tables/item?id=eq.1'); \
             SELECT rowcast.notify('bob', 'second');",
        )
        .await;
    world
}

/// As browsers ask for pages.
async fn html(browser: &mut Browser<'_>, path: &str) -> Answer {
    let cookie = browser.cookie();
    let headers = [("Cookie", cookie.as_str()), ("Accept", "text/html,*/*")];
    browser.server.send("GET", path, &headers).await
}

async fn page(browser: &mut Browser<'_>, path: &str) -> String {
    let answer = html(browser, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What marks places for the application is no part of what is read.
    answer.text().replace("<!>", "")
}

#[tokio::test]
async fn the_page_is_whole_and_its_forms_do_what_they_say() {
    let world = told().await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let text = page(&mut bob, "/notifications").await;
    for part in [
        "2 unread.",
        "&lt;b&gt;first&lt;/b&gt;",
        "the body",
        "href=\"/tables/item?id=eq.1\"",
        "<title>(2) Notifications · Rowcast</title>",
        "action=\"/notifications/1/read\"",
        "value=\"2,1\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let answer = bob.post("/notifications/1/read", &[]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/notifications"))
    );
    let text = page(&mut bob, "/notifications").await;
    assert!(text.contains("1 unread.") && text.contains("action=\"/notifications/1/unread\""));
    bob.post("/notifications/1/unread", &[]).await;
    // One that has come since the page was made is not marked.
    world.execute("SELECT rowcast.notify('bob', 'third')").await;
    bob.post("/notifications/read", &[("ids", "2,1")]).await;
    assert_eq!(world.unread(&world.bob).await, 1);
    bob.post("/notifications/2/remove", &[]).await;
    assert_eq!(world.titles(&world.bob).await, ["<b>first</b>", "third"]);

    bob.post(
        "/notifications/quiet",
        &[("from", "22:00"), ("to", "07:00")],
    )
    .await;
    let text = page(&mut bob, "/notifications?done=quiet").await;
    assert!(text.contains("value=\"22:00\"") && text.contains("The quiet hours are set."));
    let refused = bob
        .post("/notifications/quiet", &[("from", "22:00"), ("to", "")])
        .await;
    assert_eq!(refused.status, 400);
    bob.post("/notifications/quiet", &[("from", ""), ("to", "")])
        .await;
    assert!(!page(&mut bob, "/notifications").await.contains("22:00"));
    world.stop().await;
}

#[tokio::test]
async fn every_page_says_how_many_there_are() {
    let world = told().await;
    let mut bob = Browser::of(&world.server, "bob").await;
    for (path, title) in [
        ("/", "Tables"),
        ("/tables/item", "item"),
        ("/account", "Your account"),
    ] {
        let text = page(&mut bob, path).await;
        assert!(text.contains("Notifications, 2 unread"), "{path}: {text}");
        assert!(text.contains(&format!("<title>(2) {title}")), "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn older_ones_are_a_page_further_and_what_was_lost_is_said() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.notify('bob', 'n' || n || '.') FROM generate_series(1, 201) n; \
             INSERT INTO rowcast.notification_setting (account, lost) \
             SELECT id, 7 FROM rowcast.account WHERE name = 'bob';",
        )
        .await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let text = page(&mut bob, "/notifications").await;
    assert!(text.contains(">n2.<") && !text.contains(">n1.<"));
    assert!(text.contains("7 that you had not read were removed"));
    let text = page(&mut bob, "/notifications?before=2").await;
    assert!(text.contains(">n1.<") && !text.contains(">n2.<"));
    assert!(text.contains("The newest notifications") && !text.contains("told-live"));
    world.stop().await;
}

#[tokio::test]
async fn where_nobody_signs_in_the_page_says_so() {
    let server = Server::new("").await;
    let answer = server.get("/notifications").await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text()
            .contains("Who has no account is not told anything.")
    );
    server.stop().await;
}
