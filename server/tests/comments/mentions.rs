//! Who is told of a comment.

use serde_json::json;

use crate::threads::{comment, world};

#[tokio::test]
async fn those_are_told_whom_it_names_if_they_see_the_row() {
    let world = world().await;
    let id = comment(
        &world,
        &world.ann,
        "ticket/1",
        "@bob, not @eve, nor `@bob`, @ann or @nobody",
    )
    .await;
    assert_eq!(
        world.titles(&world.bob).await,
        ["ann mentioned you on ticket 1"]
    );
    assert!(world.titles(&world.eve).await.is_empty(), "not her row");
    assert!(world.titles(&world.ann).await.is_empty(), "their own");
    let path = "/api/rows/rowcast.notification?select=link,sender";
    let told = world.ok(&world.bob, "GET", path, "").await;
    assert_eq!(
        told["rows"][0]["cells"],
        json!([format!("/comments/ticket/1#comment-{id}"), "ann"])
    );
    // Whoever is named when it is changed is told, whoever was is not told again.
    let id = comment(&world, &world.ann, "ticket/3", "@bob").await;
    let path = format!("/api/comments/{id}");
    world
        .ok(&world.ann, "PATCH", &path, r#"{"body":"@bob and @eve"}"#)
        .await;
    assert_eq!(world.titles(&world.bob).await.len(), 2);
    assert_eq!(
        world.titles(&world.eve).await,
        ["ann mentioned you on ticket 3"]
    );
    // What is taken away is not kept by those who were told.
    world.ok(&world.ann, "DELETE", &path, "").await;
    let path = "/api/rows/rowcast.notification?select=body";
    let told = world.ok(&world.eve, "GET", path, "").await;
    assert_eq!(told["rows"][0]["cells"][0], "");
    world.stop().await;
}

#[tokio::test]
async fn those_are_told_who_wrote_before_as_long_as_they_see_the_row() {
    let world = world().await;
    comment(&world, &world.bob, "ticket/3", "one").await;
    comment(&world, &world.bob, "ticket/3", "two").await;
    comment(&world, &world.eve, "ticket/3", "three, @bob").await;
    assert_eq!(
        world.titles(&world.bob).await,
        ["eve mentioned you on ticket 3"],
        "once"
    );
    comment(&world, &world.eve, "ticket/3", "four").await;
    assert_eq!(
        world.titles(&world.bob).await[1],
        "eve commented on ticket 3"
    );
    world
        .execute("UPDATE ticket SET owner = 'eve' WHERE id = 3")
        .await;
    comment(&world, &world.eve, "ticket/3", "five, @bob").await;
    assert_eq!(world.titles(&world.bob).await.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn an_account_tells_at_most_so_many_by_posts_and_comments_together() {
    let world = world().await;
    world
        .execute(
            "INSERT INTO rowcast.comment_told (comment, account, notification, author) \
             SELECT c.id, 1000 + g, g, a.id FROM generate_series(1, 199) AS g, rowcast.account a, \
                    (SELECT rowcast.put_comment(rowcast.comment_table('ticket'::regclass), '3', 1, 'x', 'x', \
                                                '{}', '{}', 'ticket 3', '/comments/ticket/3') AS id) AS c \
              WHERE a.name = 'ann'",
        )
        .await;
    comment(&world, &world.ann, "ticket/3", "@bob @eve").await;
    let told = world.titles(&world.bob).await.len() + world.titles(&world.eve).await.len();
    assert_eq!(told, 1);
    world
        .ok(
            &world.ann,
            "POST",
            "/api/channels",
            r#"{"name":"general","kind":"discussion"}"#,
        )
        .await;
    world
        .ok(
            &world.ann,
            "POST",
            "/api/channels/general/posts",
            r#"{"body":"@bob @eve"}"#,
        )
        .await;
    let told = world.titles(&world.bob).await.len() + world.titles(&world.eve).await.len();
    assert_eq!(told, 1, "nor by a post");
    world.stop().await;
}
