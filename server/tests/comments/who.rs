//! Who reads what is written about a row: who sees the row, and nobody else.

use crate::threads::{bodies, comment, refused, world};

#[tokio::test]
async fn who_does_not_see_a_row_finds_nothing_about_it() {
    let world = world().await;
    let hidden = comment(&world, &world.eve, "ticket/2", "zanzibar").await;
    comment(&world, &world.ann, "vault/1", "zanzibar").await;
    comment(&world, &world.bob, "ticket/1", "bob's").await;
    assert_eq!(
        bodies(&world, &world.ann, "ticket", "2").await,
        ["zanzibar"]
    );
    assert_eq!(bodies(&world, &world.bob, "ticket", "1").await, ["bob's"]);
    let named = "table=eq.ticket&key=eq.2";
    for path in [
        format!("/api/rows/rowcast.comment?{named}"),
        format!("/api/rows/rowcast.comment.csv?{named}"),
        format!("/api/rows/rowcast.comment.json?{named}"),
        format!("/api/live/rowcast.comment?{named}"),
        format!("/api/chart/rowcast.comment?{named}&column=author_name"),
        "/api/rows/rowcast.comment?table=eq.vault&key=eq.1".to_owned(),
        "/api/rows/rowcast.comment_count?table=eq.vault&key=in.(1)".to_owned(),
        "/api/rows/rowcast.comment?table=eq.rowcast.comment&key=eq.1".to_owned(),
    ] {
        let answer = world.send(&world.bob, "GET", &path, "").await;
        assert!(answer.status >= 400, "{path}: {}", answer.text());
        assert!(!answer.text().contains("zanzibar"), "{path}");
    }
    let path = format!("/api/rows/rowcast.comment?{named}");
    assert_eq!(
        refused(&world, &world.bob, "GET", &path, "").await,
        (404, "unknown_row".to_owned()),
        "as of a row that is not there"
    );
    // Nor writes about it, nor changes what was written.
    for (method, path) in [
        ("POST", "/api/comments/ticket/2".to_owned()),
        ("POST", "/api/comments/vault/1".to_owned()),
        ("PATCH", format!("/api/comments/{hidden}")),
        ("DELETE", format!("/api/comments/{hidden}")),
    ] {
        let answer = refused(&world, &world.bob, method, &path, r#"{"body":"x"}"#).await;
        assert_eq!(answer.0, 404, "{method} {path}");
    }
    // Who wrote it and does not see the row any more may only take it away.
    world
        .execute("UPDATE ticket SET owner = 'bob' WHERE id = 2")
        .await;
    assert_eq!(
        bodies(&world, &world.bob, "ticket", "2").await,
        ["zanzibar"]
    );
    let path = format!("/api/comments/{hidden}");
    let answer = refused(&world, &world.eve, "PATCH", &path, r#"{"body":"x"}"#).await;
    assert_eq!(answer.0, 404);
    world.ok(&world.eve, "DELETE", &path, "").await;
    let again = refused(&world, &world.eve, "DELETE", &path, "").await;
    let others = refused(&world, &world.bob, "DELETE", &path, "").await;
    assert_eq!(again, (404, "unknown_comment".to_owned()));
    assert_eq!(others, again);
    assert_eq!(bodies(&world, &world.bob, "ticket", "2").await, [""]);
    let noted = "/api/rows/rowcast.audit?action=eq.comment_deleted&select=table_path,row_key";
    let noted = world.ok(&world.ann, "GET", noted, "").await;
    assert_eq!(
        noted["rows"][0]["cells"],
        serde_json::json!(["ticket", "2"])
    );
    world.stop().await;
}

#[tokio::test]
async fn no_query_gives_comments_without_naming_rows() {
    let world = world().await;
    comment(&world, &world.eve, "ticket/2", "zanzibar").await;
    let paths = [
        "/api/rows/rowcast.comment",
        "/api/rows/rowcast.comment?key=eq.2",
        "/api/rows/rowcast.comment?table=eq.ticket",
        "/api/rows/rowcast.comment?table_id=eq.1&key=eq.2",
        "/api/rows/rowcast.comment?table=neq.ticket&key=eq.2",
        "/api/rows/rowcast.comment?table=not.eq.ticket&key=eq.3",
        "/api/rows/rowcast.comment?table=eq.ticket&key=gt.0",
        "/api/rows/rowcast.comment?or=(table.eq.ticket,key.eq.3)",
        "/api/rows/rowcast.comment?table=eq.ticket&key=eq.3&table=eq.ticket",
        "/api/rows/rowcast.comment?q=zanzibar",
        "/api/rows/rowcast.comment?aggregate=max(body)",
        "/api/rows/rowcast.comment.csv",
        "/api/rows/rowcast.comment.json",
        "/api/rows/rowcast.comment_count",
        "/api/rows/rowcast.comment_told",
        "/api/rows/rowcast.comment_table",
        "/api/live/rowcast.comment",
        "/api/history/rowcast.comment/1",
        "/api/chart/rowcast.comment?column=author_name",
        "/api/rows/ticket?select=id,comment(body)",
        "/tables/rowcast.comment",
    ];
    for token in [&world.bob, &world.ann] {
        for path in paths {
            let answer = world.send(token, "GET", path, "").await;
            let text = answer.text();
            assert!(!text.contains("zanzibar"), "{path}: {text}");
            let is_page = path.starts_with("/tables");
            assert!(is_page || answer.status >= 400, "{path}: {text}");
        }
    }
    // What is kept beside the named rows stays away, whatever else is asked.
    for (path, count) in [
        (
            "/api/rows/rowcast.comment?table=eq.ticket&key=eq.3&or=(id.gt.0,key.eq.2)",
            0,
        ),
        (
            "/api/rows/rowcast.comment?table=eq.ticket&key=in.(1,2,3)",
            0,
        ),
        ("/api/rows/rowcast.comment?table=eq.ticket&key=in.(2)", 0),
    ] {
        let rows = world.ok(&world.bob, "GET", path, "").await;
        assert_eq!(rows["total"], count, "{path}");
    }
    // Nor is it written by any other way, nor watched.
    for (method, path, body) in [
        ("POST", "/api/rows/rowcast.comment", r#"{"body":"x"}"#),
        ("DELETE", "/api/rows/rowcast.comment/1", ""),
        (
            "POST",
            "/api/watches",
            r#"{"name":"w","table":"rowcast.comment","query":"table=eq.ticket&key=eq.3","kind":"enters"}"#,
        ),
    ] {
        let answer = world.send(&world.ann, method, path, body).await;
        assert!(answer.status >= 400, "{method} {path}: {}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn visitors_see_rows_that_are_public_and_nothing_that_is_written_about_them() {
    let world = world().await;
    let path = "/api/permissions/public/ticket";
    world.ok(&world.ann, "PUT", path, r#"{"read":true}"#).await;
    comment(&world, &world.bob, "ticket/3", "zanzibar").await;
    let of = |path: &'static str| world.server.send("GET", path, &[]);
    assert_eq!(of("/api/rows/ticket").await.status, 200);
    for path in [
        "/api/rows/rowcast.comment?table=eq.ticket&key=eq.3",
        "/api/rows/rowcast.comment_count?table=eq.ticket&key=in.(3)",
        "/api/live/rowcast.comment?table=eq.ticket&key=eq.3",
        "/api/comments/ticket/3",
        "/comments/ticket/3",
    ] {
        let answer = of(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let text = answer.text();
        assert!(
            !text.contains("zanzibar") && !text.contains("bob"),
            "{path}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_row_that_is_deleted_takes_its_comments_out_of_sight_and_brings_them_back() {
    let world = world().await;
    comment(&world, &world.bob, "ticket/3", "kept").await;
    world.execute("DELETE FROM ticket WHERE id = 3").await;
    let path = "/api/rows/rowcast.comment?table=eq.ticket&key=eq.3";
    let answer = refused(&world, &world.ann, "GET", path, "").await;
    assert_eq!(answer, (404, "unknown_row".to_owned()));
    world
        .execute("INSERT INTO ticket VALUES (3, 'all', 'lamp')")
        .await;
    assert_eq!(bodies(&world, &world.bob, "ticket", "3").await, ["kept"]);
    world.stop().await;
}
