//! A table that may not be read is one that does not exist.

use crate::world::{MARK, World};

/// Everything that can be asked of a table.
const ROUTES: [(&str, &str, &str); 19] = [
    ("GET", "/api/tables/T", ""),
    ("GET", "/api/rows/T", ""),
    ("GET", "/api/rows/T?select=id&order=id.desc&limit=1", ""),
    ("GET", "/api/rows/T?nothing=eq.1", ""),
    ("GET", "/api/rows/T.csv", ""),
    ("GET", "/api/rows/T.json", ""),
    ("GET", "/api/live/T", ""),
    ("GET", "/api/chart/T?chart=content", ""),
    ("GET", "/api/history/T/1", ""),
    ("GET", "/api/views/T", ""),
    (
        "POST",
        "/api/views/T",
        r#"{"name":"mine","query":"","owner":"bob"}"#,
    ),
    (
        "POST",
        "/api/presence/T",
        r#"{"session":"0123456789abcdef","name":"bob"}"#,
    ),
    ("POST", "/api/rows/T", r#"{"id":9}"#),
    ("PATCH", "/api/rows/T/1", r#"{"set":{"content":"x"}}"#),
    ("DELETE", "/api/rows/T/1", ""),
    ("POST", "/api/batch/T", r#"{"changes":[]}"#),
    ("POST", "/api/bulk/T", r#"{"dry_run":true}"#),
    ("POST", "/api/bulk/T", r#"{"delete":true,"count":1}"#),
    ("POST", "/api/import/T", "id\n9\n"),
];

#[tokio::test]
async fn one_that_may_not_be_read_answers_as_one_that_does_not_exist() {
    let world = World::new().await;
    for name in ["vault", "public.vault"] {
        for (method, path, body) in ROUTES {
            let refused = world.bob(method, &path.replace('T', name), body).await;
            let missing_name = name.replace("vault", "fault");
            let missing = world
                .bob(method, &path.replace('T', &missing_name), body)
                .await;
            assert_eq!(refused.status, 404, "{method} {path}: {}", refused.text());
            assert_eq!(missing.status, 404, "{method} {path}");
            assert_eq!(
                refused.text(),
                missing.text().replace("fault", "vault"),
                "{method} {path}"
            );
        }
        let page = world.bob("GET", &format!("/tables/{name}"), "").await;
        assert_eq!(page.status, 404);
        assert!(!page.text().contains(MARK));
    }
    let vault = world.admin("GET", "/api/rows/vault", "").await.text();
    assert!(vault.contains(MARK), "{vault}");
    assert!(vault.contains(r#""total":1"#), "{vault}");
    world.server.stop().await;
}

#[tokio::test]
async fn its_name_is_told_nowhere() {
    let world = World::new().await;
    for path in ["/", "/api/tables", "/api/tables/ticket", "/tables/ticket"] {
        let told = world.bob("GET", path, "").await;
        assert_eq!(told.status, 200, "{path}");
        let text = told.text();
        let told = text.split("vault").next().unwrap_or_default();
        let around: String = told
            .chars()
            .rev()
            .take(300)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        assert!(!text.contains("vault"), "{path}: …{around}vault");
        assert!(text.contains("ticket"), "{path}");
        let all = world.admin("GET", path, "").await.text();
        assert!(all.contains("vault") || path == "/tables/ticket", "{path}");
    }
    // Neither by its reference, nor by what it is asked for.
    for embed in ["vault(content)", "ticket_box(content)", "box(content)"] {
        let path = format!("/api/rows/ticket?select=id,{embed}");
        let answer = world.bob("GET", &path, "").await;
        let missing = path.replace("vault", "fault").replace("box", "bix");
        let missing = world.bob("GET", &missing, "").await.text();
        assert_eq!(answer.error().1, "unknown_relation");
        assert_eq!(
            answer.text(),
            missing.replace("fault", "vault").replace("bix", "box")
        );
    }
    // What is kept of tables is told of those that may be read whole.
    for (path, status) in [
        ("/api/rows/rowcast.presence", 404),
        ("/api/rows/rowcast.presence?table_path=eq.vault", 404),
        ("/api/rows/rowcast.presence?table_path=eq.ticket", 404),
        ("/api/rows/rowcast.presence?table_path=not.eq.people", 404),
        (
            "/api/rows/rowcast.presence?or=(table_path.eq.people,id.is.null)",
            404,
        ),
        ("/api/rows/rowcast.presence?table_path=eq.people", 404),
        ("/api/history/rowcast.saved_view/1", 404),
        ("/api/rows/rowcast.saved_view", 404),
        ("/api/rows/rowcast.permission", 404),
        ("/api/rows/rowcast.account", 404),
    ] {
        assert_eq!(world.bob("GET", path, "").await.status, status, "{path}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn those_who_have_not_signed_in_may_read_what_the_public_may() {
    let world = World::open().await;
    let server = &world.server;
    assert_eq!(server.get("/api/rows/people").await.status, 401);
    assert_eq!(server.get("/tables/people").await.status, 303);
    world
        .grant(
            "public",
            "people",
            r#"{"read":true,"insert":true,"hidden":["phone"]}"#,
        )
        .await;
    let people = server.get("/api/rows/people?order=id").await;
    assert_eq!(people.status, 200, "{}", people.text());
    assert!(people.text().contains("ann") && !people.text().contains(MARK));
    assert_eq!(server.get("/tables/people").await.status, 200);
    assert_eq!(server.get("/api/rows/ticket").await.status, 404);
    assert_eq!(
        server
            .write("POST", "/api/rows/people", r#"{"id":9,"name":"x"}"#)
            .await
            .status,
        401
    );
    let removed = world
        .admin("DELETE", "/api/permissions/public/people", "")
        .await;
    assert_eq!(removed.status, 204);
    assert_eq!(server.get("/api/rows/people").await.status, 401);
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_not_allowed_is_said_so_where_the_table_may_be_read() {
    let world = World::open().await;
    world.grant("member", "ticket", r#"{"read":true}"#).await;
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    let writes = [
        ("POST", "/api/rows/ticket", r#"{"id":9,"title":"x"}"#),
        ("PATCH", "/api/rows/ticket/1", r#"{"set":{"amount":1}}"#),
        ("DELETE", "/api/rows/ticket/1", ""),
        (
            "POST",
            "/api/batch/ticket",
            r#"{"changes":[{"op":"delete","key":[1]}]}"#,
        ),
        ("POST", "/api/bulk/ticket", r#"{"delete":true,"count":4}"#),
        (
            "POST",
            "/api/bulk/ticket",
            r#"{"set":{"amount":1},"count":4}"#,
        ),
        ("POST", "/api/import/ticket", "id,title\n9,x\n"),
    ];
    for (method, path, body) in writes {
        let refused = world.refused(method, path, body).await;
        assert_eq!(refused, (403, "not_allowed".to_owned()), "{method} {path}");
    }
    // One right does not bring another.
    world
        .grant("member", "ticket", r#"{"read":true,"update":true}"#)
        .await;
    for (method, path, body) in writes {
        let answer = world.bob(method, path, body).await;
        let allowed = body.contains("set");
        assert_eq!(
            answer.status,
            if allowed { 200 } else { 403 },
            "{method} {path} {body}"
        );
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_part_of_a_table_is_read_by_the_rules_of_the_whole() {
    let world = World::open().await;
    let sql = "CREATE TABLE log (id int PRIMARY KEY, of text, word text) PARTITION BY RANGE (id);
        CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
        INSERT INTO log VALUES (1, 'bob', 'x'), (2, 'ann', 'zanzibar');
        CREATE TABLE bare (word text, note text); INSERT INTO bare VALUES ('a', 'zanzibar');";
    world.server.database.execute(sql).await;
    let rule = r#"{"read":true,"update":true,"rows":"of=eq.$user.name"}"#;
    world.grant("member", "log", rule).await;
    assert_eq!(world.bobs("/api/rows/log").await["total"], 1);
    assert_eq!(world.refused("GET", "/api/rows/log_1", "").await.0, 404);
    let set = r#"{"set":{"word":"y"}}"#;
    assert_eq!(
        world.refused("PATCH", "/api/rows/log_1/2", set).await.0,
        404
    );
    for (table, grant) in [
        ("log_1", "{}"),
        ("bare", r#"{"read":true,"hidden":["note"]}"#),
    ] {
        let path = format!("/api/permissions/member/{table}");
        let refused = world.admin("PUT", &path, grant).await.error();
        assert_eq!(refused.1, "invalid_permission", "{table}");
    }
    // A key that goes away leaves nothing to tell rows by but what is hidden.
    world
        .grant("member", "ticket", r#"{"read":true,"hidden":["note"]}"#)
        .await;
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    world
        .server
        .database
        .execute("ALTER TABLE ticket DROP CONSTRAINT ticket_pkey")
        .await;
    assert_eq!(world.refused("GET", "/api/rows/ticket", "").await.0, 404);
    world.server.stop().await;
}

#[tokio::test]
async fn saved_views_tell_nothing_that_may_not_be_read() {
    let world = World::open().await;
    for view in [
        r#"{"name":"sealed","query":"note=eq.zanzibar"}"#,
        r#"{"name":"plain","query":"amount=gt.5"}"#,
    ] {
        let saved = world.admin("POST", "/api/views/ticket", view).await;
        assert_eq!(saved.status, 201, "{}", saved.text());
    }
    let names = async || -> Vec<String> {
        let views = world.bobs("/api/views/ticket").await;
        let views = views["views"].as_array().unwrap().clone();
        views
            .iter()
            .map(|view| view["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names().await, ["plain", "sealed"]);
    world
        .grant("member", "ticket", r#"{"read":true,"hidden":["note"]}"#)
        .await;
    assert_eq!(names().await, ["plain"]);
    assert!(
        !world
            .bob("GET", "/tables/ticket", "")
            .await
            .text()
            .contains("sealed")
    );
    world
        .grant("member", "ticket", r#"{"read":true,"rows":"id=eq.1"}"#)
        .await;
    assert!(names().await.is_empty());
    world.server.stop().await;
}
