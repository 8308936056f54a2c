//! Who is told of a post.

use serde_json::json;

use crate::{
    api::{channels, post},
    world::World,
};

#[tokio::test]
async fn those_are_told_whom_a_post_names_and_who_may_see_it() {
    let world = World::new().await;
    channels(&world).await;
    let id = post(
        &world,
        &world.ann,
        "general",
        "@BOB, see `@eve` and ann@eve.example; @ann. @nobody",
    )
    .await;
    assert_eq!(
        world.titles(&world.bob).await,
        ["ann mentioned you in general"]
    );
    assert!(
        world.titles(&world.eve).await.is_empty(),
        "in code, and in an address"
    );
    assert!(world.titles(&world.ann).await.is_empty(), "their own");
    let path = "/api/rows/rowcast.notification?select=link,sender,body";
    let told = world.ok(&world.bob, "GET", path, "").await;
    let cells = &told["rows"][0]["cells"];
    assert_eq!(cells[0], format!("/feed/general?post={id}#post-{id}"));
    assert_eq!(cells[1], "ann");
    // Whoever is named when it is changed is told, whoever was is not told again.
    let body = json!({"body": "@bob and now @eve, and\n```\n@eve\n```"}).to_string();
    world
        .ok(&world.ann, "PATCH", &format!("/api/posts/{id}"), &body)
        .await;
    assert_eq!(world.titles(&world.bob).await.len(), 1);
    assert_eq!(
        world.titles(&world.eve).await,
        ["ann mentioned you in general"]
    );
    // Not who is not in it, and not who wants to hear nothing of it.
    post(&world, &world.ann, "den", "@eve @bob").await;
    assert_eq!(world.titles(&world.eve).await.len(), 1);
    assert_eq!(world.titles(&world.bob).await.len(), 2);
    let path = "/api/channels/den/settings";
    world.ok(&world.bob, "PUT", path, r#"{"muted":true}"#).await;
    post(&world, &world.ann, "den", "@bob again").await;
    assert_eq!(world.titles(&world.bob).await.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_answered_is_told_and_of_announcements_everybody() {
    let world = World::new().await;
    channels(&world).await;
    let id = post(&world, &world.bob, "general", "a question").await;
    let body = json!({"body": "an answer, @bob", "reply_to": id}).to_string();
    world
        .ok(&world.eve, "POST", "/api/channels/general/posts", &body)
        .await;
    assert_eq!(
        world.titles(&world.bob).await,
        ["eve mentioned you in general"],
        "once"
    );
    let body = json!({"body": "another", "reply_to": id}).to_string();
    world
        .ok(&world.eve, "POST", "/api/channels/general/posts", &body)
        .await;
    assert_eq!(
        world.titles(&world.bob).await[1],
        "eve answered you in general"
    );
    world
        .ok(
            &world.eve,
            "PUT",
            "/api/channels/news/settings",
            r#"{"muted":true}"#,
        )
        .await;
    post(&world, &world.ann, "news", "all hands").await;
    assert_eq!(world.titles(&world.bob).await[2], "ann announced in news");
    assert!(world.titles(&world.eve).await.is_empty() && world.titles(&world.ann).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn names_are_found_however_they_are_written() {
    let world = World::new().await;
    world
        .execute("INSERT INTO rowcast.account (name) VALUES ('Ann Lee'), ('zoë'), ('a.b')")
        .await;
    for (body, named) in [
        ("@\"ann lee\" hi", "Ann Lee"),
        ("(@zoë)", "zoë"),
        ("@a.b.", "a.b"),
        ("```\n@zoë\n```\n@bob", "bob"),
        ("`@zoë` @eve", "eve"),
        ("~~~\n@zoë", ""),
        ("~~~\n```\n@zoë\n~~~~\n@eve", "eve"),
        ("````\n@zoë\n```\n@eve", ""),
        ("``` `\n@eve", "eve"),
        ("x@zoë @@zoë /@zoë", ""),
    ] {
        let sql = format!(
            "DO $do$ BEGIN IF (SELECT coalesce(string_agg(a.name, ','), '') FROM rowcast.account a \
               WHERE a.id IN (SELECT rowcast.mentioned(rowcast.named_in($x${body}$x$)))) <> '{named}' \
             THEN RAISE EXCEPTION 'not {named}'; END IF; END $do$"
        );
        world.execute(&sql).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_takes_long_to_read_is_none() {
    let world = World::new().await;
    channels(&world).await;
    // Fences that none closes, backticks, names and what begins like one.
    for body in [
        format!("```{}", "x \n~~~".repeat(1_420)),
        "`@a".repeat(3_333),
        "~~~\n@a\n".repeat(1_250),
        "@\"a".repeat(3_333),
        format!("{}{} @eve", "(/feed/".repeat(700), ")".repeat(5_000)),
    ] {
        let limited = format!(
            "SET statement_timeout = '1s'; DO $do$ BEGIN PERFORM rowcast.named_in($x${body}$x$); END $do$"
        );
        world.execute(&limited).await;
        let id = post(&world, &world.bob, "general", &body).await;
        let edited = json!({"body": format!("{body}!")}).to_string();
        let path = format!("/api/posts/{id}");
        world.ok(&world.bob, "PATCH", &path, &edited).await;
    }
    assert_eq!(world.titles(&world.eve).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_shown_as_named_is_told_and_nobody_else() {
    let world = World::new().await;
    channels(&world).await;
    for body in [
        "``a ` @bob``",
        "`a\n@bob`",
        "    @bob",
        "> ```\n> @bob",
        "[@bob](/x)",
    ] {
        post(&world, &world.ann, "general", body).await;
    }
    assert!(world.titles(&world.bob).await.is_empty());
    post(&world, &world.ann, "general", "> *@bob*").await;
    assert_eq!(world.titles(&world.bob).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn nobody_is_told_twice_of_a_post_nor_by_whoever_names_too_many() {
    let world = World::new().await;
    channels(&world).await;
    let id = post(&world, &world.ann, "general", "@bob").await;
    let path = format!("/api/posts/{id}");
    for body in ["nobody", "@bob", "@eve", "@bob @eve"] {
        let body = json!({"body": body}).to_string();
        world.ok(&world.ann, "PATCH", &path, &body).await;
    }
    assert_eq!(world.titles(&world.bob).await.len(), 1);
    assert_eq!(world.titles(&world.eve).await.len(), 1);
    // Of 198 more than these two the last is told; then nobody.
    world
        .execute(
            "INSERT INTO rowcast.account (name) SELECT 'a' || n FROM generate_series(1, 198) n",
        )
        .await;
    for from in [1, 51, 101, 151] {
        let names: Vec<String> = (from..from + 50).map(|n| format!("@a{n}")).collect();
        post(&world, &world.ann, "general", &names.join(" ")).await;
    }
    let id = post(&world, &world.ann, "general", "@bob it is kept").await;
    assert_eq!(world.titles(&world.bob).await.len(), 1);
    // Whose post it answers is told, and so is whom another names.
    let of_bob = post(&world, &world.bob, "general", "@eve").await;
    let body = json!({"body": "@bob", "reply_to": of_bob}).to_string();
    world
        .ok(&world.ann, "POST", "/api/channels/general/posts", &body)
        .await;
    assert_eq!(
        world.titles(&world.bob).await,
        [
            "ann mentioned you in general",
            "ann answered you in general"
        ]
    );
    assert_eq!(world.titles(&world.eve).await.len(), 2);
    // An hour later it is another hour.
    world
        .execute("UPDATE rowcast.post_told SET at = at - interval '1 hour'")
        .await;
    let body = json!({"body": "@bob it was kept"}).to_string();
    let path = format!("/api/posts/{id}");
    world.ok(&world.ann, "PATCH", &path, &body).await;
    assert_eq!(world.titles(&world.bob).await.len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn what_a_deleted_post_said_is_in_no_notification() {
    let world = World::new().await;
    channels(&world).await;
    let gone = post(&world, &world.ann, "general", "@bob a secret").await;
    post(&world, &world.ann, "general", "@bob no secret").await;
    let path = format!("/api/posts/{gone}");
    world.ok(&world.ann, "DELETE", &path, "").await;
    let path = "/api/rows/rowcast.notification?select=title,body&order=id";
    let told = world.ok(&world.bob, "GET", path, "").await;
    assert_eq!(
        told["rows"][0]["cells"],
        json!(["ann mentioned you in general", ""])
    );
    assert_eq!(told["rows"][1]["cells"][1], "@bob no secret");
    world.stop().await;
}
