//! Writing under rules: what may not be seen is not written, and what is written may be seen.

use crate::world::{MARK, World};

/// The table, as it is.
async fn state(world: &World) -> String {
    world
        .admin("GET", "/api/rows/ticket.csv?order=id", "")
        .await
        .text()
}

#[tokio::test]
async fn other_peoples_rows_can_be_neither_changed_nor_made() {
    let world = World::new().await;
    let before = state(&world).await;
    for (method, path, body, status, code) in [
        (
            "PATCH",
            "/api/rows/ticket/2",
            r#"{"set":{"amount":1}}"#,
            404,
            "unknown_row",
        ),
        (
            "PATCH",
            "/api/rows/ticket/2",
            r#"{"set":{"amount":1},"expect":{"amount":7}}"#,
            404,
            "unknown_row",
        ),
        ("DELETE", "/api/rows/ticket/2", "", 404, "unknown_row"),
        (
            "DELETE",
            "/api/rows/ticket/2",
            r#"{"expect":{"amount":7}}"#,
            404,
            "unknown_row",
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"assignee":"ann"}}"#,
            403,
            "not_allowed",
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"assignee":null}}"#,
            403,
            "not_allowed",
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"title":"x"}}"#,
            403,
            "not_allowed",
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"note":"x"}}"#,
            400,
            "unknown_column",
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"amount":1},"expect":{"note":"x"}}"#,
            400,
            "unknown_column",
        ),
        (
            "POST",
            "/api/rows/ticket",
            r#"{"id":9,"assignee":"ann"}"#,
            403,
            "not_allowed",
        ),
        (
            "POST",
            "/api/batch/ticket",
            r#"{"changes":[{"op":"update","key":[1],"set":{"amount":1}},
                {"op":"update","key":[3],"set":{"amount":1}},{"op":"update","key":[4],"set":{"amount":1}}]}"#,
            404,
            "unknown_row",
        ),
        (
            "POST",
            "/api/batch/ticket",
            r#"{"changes":[{"op":"update","key":[1],"set":{"assignee":"x"}},
                {"op":"update","key":[3],"set":{"assignee":"bob"}}]}"#,
            403,
            "not_allowed",
        ),
        (
            "POST",
            "/api/bulk/ticket",
            r#"{"set":{"assignee":"ann"},"count":2}"#,
            403,
            "not_allowed",
        ),
        (
            "POST",
            "/api/bulk/ticket",
            r#"{"delete":true,"count":4}"#,
            409,
            "count_changed",
        ),
        (
            "POST",
            "/api/bulk/ticket?assignee=eq.ann",
            r#"{"delete":true,"count":1}"#,
            409,
            "count_changed",
        ),
        (
            "POST",
            "/api/bulk/ticket?note=eq.x",
            r#"{"delete":true,"count":0}"#,
            400,
            "unknown_column",
        ),
        (
            "POST",
            "/api/import/ticket?columns=id,title",
            "id,title\n9,x\n",
            403,
            "not_allowed",
        ),
        (
            "POST",
            "/api/import/ticket?columns=id,note",
            "id,note\n9,x\n",
            400,
            "unknown_column",
        ),
        (
            "POST",
            "/api/import/ticket",
            "id,note,assignee\n9,x,bob\n",
            400,
            "unknown_column",
        ),
        (
            "POST",
            "/api/import/ticket",
            "id,NOTE,assignee\n9,x,bob\n",
            400,
            "unknown_column",
        ),
        (
            "POST",
            "/api/import/ticket",
            "id,title,assignee\n9,x,bob\n",
            400,
            "unknown_column",
        ),
    ] {
        let answer = world.bob(method, path, body).await;
        let (was, said, _) = answer.error();
        assert_eq!(
            (was, said.as_str()),
            (status, code),
            "{method} {path} {body}"
        );
        assert!(!answer.text().contains(MARK), "{method} {path} {body}");
    }
    assert_eq!(state(&world).await, before);
    world.server.stop().await;
}

#[tokio::test]
async fn ones_own_rows_are_written_and_come_back_as_they_may_be_seen() {
    let world = World::new().await;
    world
        .grant(
            "member",
            "ticket",
            r#"{"read":true,"insert":true,"update":true,"delete":true,
                "rows":"assignee=eq.$user.name","hidden":["note"]}"#,
        )
        .await;
    for (method, path, body, status) in [
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"amount":11},"expect":{"amount":10}}"#,
            200,
        ),
        (
            "PATCH",
            "/api/rows/ticket/1",
            r#"{"set":{"amount":12},"expect":{"amount":10}}"#,
            409,
        ),
        (
            "POST",
            "/api/rows/ticket",
            r#"{"id":9,"title":"x","assignee":"bob"}"#,
            201,
        ),
        (
            "POST",
            "/api/import/ticket",
            "id,title,assignee\n10,y,bob\n",
            201,
        ),
        (
            "POST",
            "/api/batch/ticket",
            r#"{"changes":[{"op":"update","key":[9],"set":{"amount":1}},
                {"op":"update","key":[10],"set":{"amount":1}},{"op":"delete","key":[10]}]}"#,
            200,
        ),
        (
            "POST",
            "/api/bulk/ticket",
            r#"{"set":{"amount":5},"count":3}"#,
            200,
        ),
        ("POST", "/api/bulk/ticket", r#"{"dry_run":true}"#, 200),
        (
            "POST",
            "/api/bulk/ticket?id=eq.9",
            r#"{"delete":true,"count":1}"#,
            200,
        ),
        ("DELETE", "/api/rows/ticket/3", "", 204),
    ] {
        let answer = world.bob(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(!answer.text().contains(MARK), "{path}: {}", answer.text());
    }
    // A file of somebody else's rows is inserted as little as a row.
    let refused = world
        .bob(
            "POST",
            "/api/import/ticket",
            "id,title,assignee\n11,y,bob\n12,z,ann\n",
        )
        .await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text());
    let now = state(&world).await;
    assert_eq!(
        now,
        "id,title,assignee,note,amount,person,box\r\n\
         1,broken lamp,bob,zanzibar,5,2,1\r\n\
         2,leaking tap,ann,zanzibar,1000,1,1\r\n\
         4,zanzibar,zanzibar,zanzibar,987654321,1,1\r\n"
    );
    world.server.stop().await;
}

#[tokio::test]
async fn what_would_be_changed_is_counted_of_what_may_be() {
    let world = World::open().await;
    let counted = async |query: &str, body: &str| {
        let path = format!("/api/bulk/ticket{query}");
        let answer = world.bob("POST", &path, body).await;
        (answer.status, answer.text())
    };
    let set = r#"{"set":{"amount":1},"dry_run":true}"#;
    let delete = r#"{"delete":true,"dry_run":true}"#;
    let either = r#"{"dry_run":true}"#;
    let rows = |count: u64| (200, format!(r#"{{"count":{count}}}"#));
    assert_eq!(counted("", set).await, rows(4));
    // All are read, two may be changed, and one deleted.
    world.grant("member", "ticket", r#"{"read":true}"#).await;
    for body in [set, delete, either] {
        assert_eq!(counted("", body).await.0, 403, "{body}");
    }
    for (role, grant) in [
        (
            "changer",
            r#"{"read":true,"update":true,"rows":"assignee=eq.$user.name"}"#,
        ),
        ("deleter", r#"{"read":true,"delete":true,"rows":"id=eq.4"}"#),
    ] {
        let made = format!(r#"{{"name":"{role}"}}"#);
        assert_eq!(world.admin("POST", "/api/roles", &made).await.status, 201);
        world.grant(role, "ticket", grant).await;
    }
    let users = world
        .admin("GET", "/api/users?after=ann", "")
        .await
        .json()
        .1;
    let path = format!("/api/users/{}", users["users"][0]["id"]);
    let given = world
        .admin("PATCH", &path, r#"{"roles":["changer","deleter"]}"#)
        .await;
    assert_eq!(given.status, 200, "{}", given.text());
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    assert_eq!(counted("", set).await, rows(2));
    assert_eq!(counted("?id=gt.1", set).await, rows(1));
    assert_eq!(counted("", delete).await, rows(1));
    assert_eq!(counted("", either).await, rows(3));
    let both = r#"{"set":{"amount":1},"delete":true,"dry_run":true}"#;
    assert_eq!(counted("", both).await.0, 400);
    // It is what the change itself takes.
    let done = counted("", r#"{"set":{"amount":1},"count":2}"#).await;
    assert_eq!(done.0, 200, "{}", done.1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_hidden_column_that_must_have_a_value_is_not_named() {
    let world = World::open().await;
    world
        .server
        .database
        .execute("CREATE TABLE form (id int PRIMARY KEY, seen text NOT NULL, sealed text NOT NULL)")
        .await;
    let grant = r#"{"read":true,"insert":true,"update":true,"hidden":["sealed"]}"#;
    world.grant("member", "form", grant).await;
    for (method, path, body) in [
        ("POST", "/api/rows/form", r#"{"id":1,"seen":"x"}"#),
        (
            "POST",
            "/api/batch/form",
            r#"{"changes":[{"op":"insert","row":{"id":1,"seen":"x"}}]}"#,
        ),
        ("POST", "/api/import/form", "id,seen\n1,x\n"),
    ] {
        let answer = world.bob(method, path, body).await;
        let text = answer.text();
        assert_eq!(answer.status, 422, "{path}: {text}");
        assert!(!text.contains("sealed"), "{path}: {text}");
    }
    // One that is shown is.
    let answer = world.bob("POST", "/api/rows/form", r#"{"id":1}"#).await;
    assert!(!answer.text().contains("sealed"), "{}", answer.text());
    world.server.stop().await;
}
