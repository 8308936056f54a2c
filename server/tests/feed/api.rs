//! The routes.

use serde_json::json;

use crate::world::World;

/// A discussion, announcements, and a private channel that bob is in and ann manages.
pub async fn channels(world: &World) {
    for (name, kind, private) in [
        ("general", "discussion", false),
        ("news", "announcements", false),
        ("den", "discussion", true),
    ] {
        let body = json!({"name": name, "kind": kind, "private": private}).to_string();
        world.ok(&world.ann, "POST", "/api/channels", &body).await;
    }
    world
        .ok(&world.ann, "PUT", "/api/channels/den/members/bob", "{}")
        .await;
}

/// Posts, and says the post's number.
pub async fn post(world: &World, token: &str, channel: &str, body: &str) -> i64 {
    let path = format!("/api/channels/{channel}/posts");
    let body = json!({"body": body}).to_string();
    world.ok(token, "POST", &path, &body).await["id"]
        .as_i64()
        .unwrap()
}

/// The bodies in a channel, as somebody reads them.
async fn bodies(world: &World, token: &str) -> Vec<String> {
    let path = "/api/rows/rowcast.post?select=body&order=id&limit=1000";
    let rows = world.ok(token, "GET", path, "").await;
    let rows = rows["rows"].as_array().unwrap().iter();
    rows.map(|row| row["cells"][0].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn who_may_posts_and_changes_what_is_theirs() {
    let world = World::new().await;
    channels(&world).await;
    let first = post(&world, &world.bob, "general", "first  \r\nline\n").await;
    assert_eq!(bodies(&world, &world.eve).await, ["first  \nline"]);
    let refused = |token: &'static str, method: &'static str, path: String, body: &'static str| {
        let world = &world;
        async move {
            let token = match token {
                "ann" => &world.ann,
                "bob" => &world.bob,
                _ => &world.eve,
            };
            let answer = world.send(token, method, &path, body).await;
            let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            (
                answer.status,
                error["error"]["code"].as_str().unwrap().to_owned(),
            )
        }
    };
    let own = format!("/api/posts/{first}");
    for (who, method, path, body, status, code) in [
        (
            "eve",
            "PATCH",
            own.clone(),
            r#"{"body":"x"}"#,
            404,
            "unknown_post",
        ),
        (
            "ann",
            "PATCH",
            own.clone(),
            r#"{"body":"x"}"#,
            404,
            "unknown_post",
        ),
        ("eve", "DELETE", own.clone(), "", 404, "unknown_post"),
        (
            "bob",
            "PATCH",
            own.clone(),
            r#"{"body":" \n"}"#,
            400,
            "invalid_post",
        ),
        (
            "bob",
            "POST",
            "/api/channels/news/posts".into(),
            r#"{"body":"x"}"#,
            403,
            "not_allowed",
        ),
        (
            "bob",
            "POST",
            "/api/channels/none/posts".into(),
            r#"{"body":"x"}"#,
            404,
            "unknown_channel",
        ),
        (
            "eve",
            "POST",
            "/api/channels/den/posts".into(),
            r#"{"body":"x"}"#,
            404,
            "unknown_channel",
        ),
        (
            "eve",
            "PUT",
            "/api/channels/den/settings".into(),
            r#"{"read_to":9}"#,
            404,
            "unknown_channel",
        ),
        (
            "eve",
            "POST",
            "/api/channels/den/typing".into(),
            "",
            404,
            "unknown_channel",
        ),
        (
            "eve",
            "PATCH",
            "/api/channels/den".into(),
            r#"{"topic":"x"}"#,
            404,
            "unknown_channel",
        ),
        (
            "bob",
            "PATCH",
            "/api/channels/den".into(),
            r#"{"topic":"x"}"#,
            403,
            "not_allowed",
        ),
        (
            "bob",
            "PUT",
            "/api/channels/den/members/eve".into(),
            "{}",
            403,
            "not_allowed",
        ),
        (
            "bob",
            "POST",
            "/api/channels".into(),
            r#"{"name":"x","kind":"discussion"}"#,
            403,
            "not_allowed",
        ),
        (
            "ann",
            "POST",
            "/api/channels".into(),
            r#"{"name":"X y","kind":"discussion"}"#,
            400,
            "invalid_channel",
        ),
        (
            "ann",
            "POST",
            "/api/channels".into(),
            r#"{"name":"images","kind":"discussion"}"#,
            400,
            "invalid_channel",
        ),
        (
            "ann",
            "POST",
            "/api/channels".into(),
            r#"{"name":"den","kind":"discussion"}"#,
            409,
            "name_taken",
        ),
        (
            "ann",
            "PUT",
            "/api/channels/den/members/nobody".into(),
            "{}",
            404,
            "unknown_account",
        ),
        (
            "bob",
            "PUT",
            format!("/api/posts/{first}/reactions"),
            r#"{"emoji":"x","on":true}"#,
            400,
            "invalid_reaction",
        ),
        (
            "bob",
            "PUT",
            "/api/posts/99/reactions".into(),
            r#"{"emoji":"👍","on":true}"#,
            404,
            "unknown_post",
        ),
        (
            "bob",
            "POST",
            "/api/channels/den/posts".into(),
            r#"{"body":"x","reply_to":1}"#,
            400,
            "invalid_post",
        ),
    ] {
        let told = refused(who, method, path.clone(), body).await;
        assert_eq!(told, (status, code.to_owned()), "{who} {method} {path}");
    }
    let long = json!({"body": "x".repeat(10_001)}).to_string();
    let answer = world
        .send(&world.bob, "POST", "/api/channels/general/posts", &long)
        .await;
    assert_eq!(answer.status, 400);
    world
        .ok(&world.bob, "PATCH", &own, r#"{"body":"changed"}"#)
        .await;
    post(&world, &world.ann, "news", "told").await;
    world
        .ok(
            &world.ann,
            "PUT",
            "/api/channels/news/members/bob",
            r#"{"may_post":true}"#,
        )
        .await;
    post(&world, &world.bob, "news", "told too").await;
    world
        .ok(&world.ann, "DELETE", "/api/channels/news/members/bob", "")
        .await;
    let told = refused(
        "bob",
        "POST",
        "/api/channels/news/posts".into(),
        r#"{"body":"x"}"#,
    )
    .await;
    assert_eq!(told.0, 403);
    assert_eq!(
        bodies(&world, &world.bob).await,
        ["changed", "told", "told too"]
    );
    // A deleted one keeps its place, and nothing else.
    world.ok(&world.bob, "DELETE", &own, "").await;
    assert_eq!(bodies(&world, &world.bob).await, ["", "told", "told too"]);
    let again = refused("bob", "PATCH", own.clone(), r#"{"body":"back"}"#).await;
    assert_eq!(again.0, 404);
    world
        .ok(
            &world.ann,
            "PATCH",
            "/api/channels/general",
            r#"{"archived":true}"#,
        )
        .await;
    let told = refused(
        "bob",
        "POST",
        "/api/channels/general/posts".into(),
        r#"{"body":"x"}"#,
    )
    .await;
    assert_eq!(told, (403, "not_allowed".to_owned()));
    let path = "/api/rows/rowcast.audit?select=action&order=id&action=like.*channel*&limit=100";
    let noted = world.ok(&world.ann, "GET", path, "").await.to_string();
    for action in [
        "channel_created",
        "channel_changed",
        "channel_member_added",
        "channel_member_changed",
    ] {
        assert!(noted.contains(action), "{action}: {noted}");
    }
    world.stop().await;
}

#[tokio::test]
async fn reactions_are_counted_and_ones_own_known() {
    let world = World::new().await;
    channels(&world).await;
    let id = post(&world, &world.bob, "general", "hello").await;
    let path = format!("/api/posts/{id}/reactions");
    let thumbs = |on: bool| json!({"emoji": "👍", "on": on}).to_string();
    for (token, on) in [
        (&world.bob, true),
        (&world.bob, true),
        (&world.eve, true),
        (&world.ann, true),
        (&world.ann, false),
        (&world.ann, false),
    ] {
        world.ok(token, "PUT", &path, &thumbs(on)).await;
    }
    let party = json!({"emoji": "🎉", "on": true}).to_string();
    world.ok(&world.eve, "PUT", &path, &party).await;
    let rows = "/api/rows/rowcast.post?select=reactions";
    let told = world.ok(&world.ann, "GET", rows, "").await;
    let told = told["rows"][0]["cells"][0].as_str().unwrap().to_owned();
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["🎉\t1\teve", "👍\t2\tbob, eve"]);
    let own = "/api/rows/rowcast.reaction?select=post,emoji";
    assert_eq!(world.ok(&world.eve, "GET", own, "").await["total"], 2);
    assert_eq!(world.ok(&world.ann, "GET", own, "").await["total"], 0);
    world.stop().await;
}

#[tokio::test]
async fn what_was_read_is_no_more_unread_and_never_again() {
    let world = World::new().await;
    channels(&world).await;
    let unread = |token: String| {
        let world = &world;
        async move {
            let channels = world.ok(&token, "GET", "/api/channels", "").await;
            let channels = channels["channels"].as_array().unwrap();
            let general = channels.iter().find(|of| of["name"] == "general").unwrap();
            general["unread"].as_i64().unwrap()
        }
    };
    let first = post(&world, &world.bob, "general", "one").await;
    let second = post(&world, &world.bob, "general", "two").await;
    assert_eq!(unread(world.eve.clone()).await, 2);
    assert_eq!(unread(world.bob.clone()).await, 0, "their own");
    let read = |to: i64| json!({"read_to": to}).to_string();
    let path = "/api/channels/general/settings";
    world.ok(&world.eve, "PUT", path, &read(first)).await;
    assert_eq!(unread(world.eve.clone()).await, 1);
    world.ok(&world.eve, "PUT", path, &read(i64::MAX)).await;
    assert_eq!(unread(world.eve.clone()).await, 0);
    world.ok(&world.eve, "PUT", path, &read(first)).await;
    assert_eq!(unread(world.eve.clone()).await, 0, "it does not go back");
    let own = "/api/rows/rowcast.channel_member?select=read_to";
    let kept = world.ok(&world.eve, "GET", own, "").await;
    assert_eq!(
        kept["rows"][0]["cells"][0], second,
        "no further than there are posts"
    );
    post(&world, &world.bob, "general", "three").await;
    assert_eq!(unread(world.eve.clone()).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn whoever_may_not_post_any_more_changes_nothing_there() {
    let world = World::new().await;
    channels(&world).await;
    let member = "/api/channels/news/members/bob";
    world
        .ok(&world.ann, "PUT", member, r#"{"may_post":true}"#)
        .await;
    let announced = post(&world, &world.bob, "news", "at noon").await;
    let said = post(&world, &world.bob, "general", "hello").await;
    let refused = |path: String, method: &'static str, body: &'static str| {
        let world = &world;
        async move {
            let answer = world.send(&world.bob, method, &path, body).await;
            let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            (
                answer.status,
                error["error"]["code"].as_str().unwrap().to_owned(),
            )
        }
    };
    let forbidden = (403, "not_allowed".to_owned());
    let edit = r#"{"body":"at one"}"#;
    let path = format!("/api/posts/{announced}");
    world.ok(&world.bob, "PATCH", &path, edit).await;
    world.ok(&world.ann, "DELETE", member, "").await;
    assert_eq!(
        refused(path.clone(), "PATCH", r#"{"body":"at two"}"#).await,
        forbidden
    );
    // Who reads it still reacts to it, and what is theirs they take away.
    let reaction = r#"{"emoji":"👍","on":true}"#;
    world
        .ok(&world.bob, "PUT", &format!("{path}/reactions"), reaction)
        .await;
    assert_eq!(bodies(&world, &world.bob).await, ["at one", "hello"]);
    world.ok(&world.bob, "DELETE", &path, "").await;
    let archived = r#"{"archived":true}"#;
    world
        .ok(&world.ann, "PATCH", "/api/channels/general", archived)
        .await;
    let path = format!("/api/posts/{said}");
    assert_eq!(refused(path.clone(), "PATCH", edit).await, forbidden);
    assert_eq!(
        refused(format!("{path}/reactions"), "PUT", reaction).await,
        forbidden
    );
    // What the route looked at may have changed since.
    let mut connection = world.server.database.connect().await;
    for (sql, code) in [
        (
            "SELECT rowcast.put_post(1, a.id, 'bob', 'x') FROM rowcast.account a WHERE a.name = 'bob'",
            "RC403",
        ),
        (
            "SELECT rowcast.put_post(2, a.id, 'bob', 'x') FROM rowcast.account a WHERE a.name = 'bob'",
            "RC403",
        ),
        (
            "SELECT rowcast.put_post(3, a.id, 'eve', 'x') FROM rowcast.account a WHERE a.name = 'eve'",
            "P0002",
        ),
    ] {
        let refused = sqlx::query(sql).execute(&mut connection).await.unwrap_err();
        let refused = refused.into_database_error().unwrap();
        assert_eq!(refused.code().as_deref(), Some(code), "{sql}");
    }
    world.stop().await;
}
