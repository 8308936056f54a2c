//! The routes.

use crate::threads::{bodies, comment, refused, world};

#[tokio::test]
async fn who_sees_a_row_writes_about_it_and_changes_what_is_theirs() {
    let world = world().await;
    let first = comment(&world, &world.bob, "ticket/3", "first  \r\nline\n").await;
    comment(&world, &world.eve, "public.ticket/3", "second").await;
    assert_eq!(
        bodies(&world, &world.eve, "ticket", "3").await,
        ["first  \nline", "second"]
    );
    let path = format!("/api/comments/{first}");
    world
        .ok(&world.bob, "PATCH", &path, r#"{"body":"changed"}"#)
        .await;
    for method in ["PATCH", "DELETE"] {
        let answer = refused(&world, &world.eve, method, &path, r#"{"body":"mine"}"#).await;
        assert_eq!(answer, (404, "unknown_comment".to_owned()), "{method}");
    }
    let answer = refused(&world, &world.ann, "PATCH", &path, r#"{"body":"mine"}"#).await;
    assert_eq!(answer.0, 404, "who manages changes nobody's words");
    assert_eq!(
        bodies(&world, &world.ann, "ticket", "3").await,
        ["changed", "second"]
    );
    world.ok(&world.ann, "DELETE", &path, "").await;
    assert_eq!(
        bodies(&world, &world.bob, "ticket", "3").await,
        ["", "second"]
    );
    for method in ["PATCH", "DELETE"] {
        let answer = refused(&world, &world.bob, method, &path, r#"{"body":"again"}"#).await;
        assert_eq!(answer.0, 404, "what is gone is gone");
    }
    let path =
        "/api/rows/rowcast.audit?action=like.comment*&order=id&select=action,table_path,row_key";
    let noted = world.ok(&world.ann, "GET", path, "").await;
    let noted = noted["rows"].as_array().unwrap().iter();
    let noted: Vec<String> = noted.map(|row| row["cells"].to_string()).collect();
    assert_eq!(
        noted,
        [
            r#"["comment_changed","ticket","3"]"#,
            r#"["comment_deleted","ticket","3"]"#
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_comment_is_changed_that_is_too_old_for_the_page() {
    let world = world().await;
    let first = comment(&world, &world.bob, "ticket/3", "emuri").await;
    world
        .execute(
            "SELECT rowcast.put_comment(rowcast.comment_table('ticket'::regclass), '3', 0, 'eve', 'x', \
             '{}', '{}', 'it', '/x') FROM generate_series(1, 201)",
        )
        .await;
    let page = world
        .send(&world.bob, "GET", "/comments/ticket/3", "")
        .await;
    assert!(!page.text().contains("emuri"));
    let path = format!("/comments/ticket/3?edit={first}");
    let page = world.send(&world.bob, "GET", &path, "").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains(">emuri</textarea>"));
    for (token, path) in [
        (&world.eve, path),
        (&world.bob, format!("/comments/ticket/1?edit={first}")),
    ] {
        let page = world.send(token, "GET", &path, "").await;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.text().contains("emuri"), "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_comment_is_refused() {
    let world = world().await;
    let long = serde_json::json!({"body": "x".repeat(10_001)}).to_string();
    for (path, body, code) in [
        ("ticket/3", r#"{"body":" \n"}"#, "invalid_comment"),
        ("ticket/3", r#"{"body":"a\u0007"}"#, "invalid_comment"),
        ("ticket/3", long.as_str(), "invalid_comment"),
        ("ticket/3", r#"{"text":"x"}"#, "invalid_json"),
        ("ticket/9", r#"{"body":"x"}"#, "unknown_row"),
        ("ticket/x", r#"{"body":"x"}"#, "invalid_value"),
        ("ticket/1,2", r#"{"body":"x"}"#, "invalid_value"),
        ("pair/x", r#"{"body":"x"}"#, "invalid_key"),
        ("none/1", r#"{"body":"x"}"#, "unknown_table"),
        ("seen/1", r#"{"body":"x"}"#, "no_comments"),
        ("rowcast.comment/1", r#"{"body":"x"}"#, "no_comments"),
        ("rowcast.account/1", r#"{"body":"x"}"#, "unknown_table"),
    ] {
        let path = format!("/api/comments/{path}");
        let answer = refused(&world, &world.ann, "POST", &path, body).await;
        assert_eq!(answer.1, code, "{path} {body:.40}");
    }
    assert!(bodies(&world, &world.ann, "ticket", "3").await.is_empty());
    world.stop().await;
}
