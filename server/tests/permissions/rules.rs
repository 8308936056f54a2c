//! Setting rules.

use serde_json::Value;

use std::time::Duration;

use crate::world::World;

/// How soon what is changed in SQL holds.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn rules_are_set_by_administrators_alone() {
    let world = World::new().await;
    for (method, path, body) in [
        ("GET", "/api/permissions", ""),
        ("PUT", "/api/permissions/member/vault", r#"{"read":true}"#),
        ("DELETE", "/api/permissions/member/vault", ""),
        ("GET", "/api/roles", ""),
        ("POST", "/api/roles", r#"{"name":"x"}"#),
        ("DELETE", "/api/roles/x", ""),
    ] {
        let refused = world.refused(method, path, body).await;
        assert_eq!(refused, (403, "not_allowed".to_owned()), "{method} {path}");
        let nobody = world.server.write(method, path, body).await;
        assert_eq!(nobody.status, 401, "{method} {path}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn what_could_not_be_kept_to_is_refused() {
    let world = World::new().await;
    let before = world.admin("GET", "/api/permissions", "").await.text();
    for (path, grant, status, code) in [
        ("administrator/ticket", "{}", 400, "invalid_permission"),
        ("nobody/ticket", "{}", 404, "unknown_role"),
        ("member/nothing", "{}", 404, "unknown_table"),
        ("member/rowcast.presence", "{}", 400, "invalid_permission"),
        ("member/ticket", r#"{"reed":true}"#, 400, "invalid_json"),
        (
            "member/ticket",
            r#"{"hidden":["id"]}"#,
            400,
            "invalid_permission",
        ),
        (
            "member/ticket",
            r#"{"hidden":["x"]}"#,
            400,
            "unknown_column",
        ),
        (
            "member/ticket",
            r#"{"read_only":["x"]}"#,
            400,
            "unknown_column",
        ),
        (
            "member/ticket",
            r#"{"rows":"x=eq.1"}"#,
            400,
            "unknown_column",
        ),
        ("member/ticket", r#"{"rows":"id=eq"}"#, 400, ""),
        (
            "member/ticket",
            r#"{"rows":"limit=1"}"#,
            400,
            "invalid_permission",
        ),
        (
            "member/ticket",
            r#"{"rows":"title=eq.a$user.name"}"#,
            400,
            "invalid_permission",
        ),
        // What can't be compared, so that nobody's reads fail by it.
        (
            "member/ticket",
            r#"{"rows":"id=eq.x"}"#,
            400,
            "invalid_value",
        ),
        (
            "member/ticket",
            r#"{"rows":"or=(title.eq.x,amount.in.(1,$user.amounts,x))"}"#,
            400,
            "invalid_value",
        ),
        (
            "member/ticket",
            r#"{"rows":"amount=gt.99999999999"}"#,
            400,
            "invalid_value",
        ),
        (
            "member/*",
            r#"{"rows":"id=eq.1"}"#,
            400,
            "invalid_permission",
        ),
        (
            "member/*",
            r#"{"hidden":["id"]}"#,
            400,
            "invalid_permission",
        ),
    ] {
        let answer = world
            .admin("PUT", &format!("/api/permissions/{path}"), grant)
            .await;
        let (was, said, _) = answer.error();
        assert_eq!(was, status, "{path} {grant}: {}", answer.text());
        assert!(code.is_empty() || said == code, "{path} {grant}: {said}");
    }
    assert_eq!(
        world.admin("GET", "/api/permissions", "").await.text(),
        before
    );
    // What an attribute holds is known when it is asked for.
    world
        .grant(
            "member",
            "ticket",
            r#"{"read":true,"rows":"amount=in.($user.amounts)&person=eq.$user.id&id=lt.$user.most"}"#,
        )
        .await;
    world.server.stop().await;
}

#[tokio::test]
async fn roles_add_rows_and_rights_and_take_columns_away() {
    let world = World::new().await;
    let made = world
        .admin(
            "POST",
            "/api/roles",
            r#"{"name":"desk","about":"the desk"}"#,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        world
            .admin("POST", "/api/roles", r#"{"name":"desk"}"#)
            .await
            .status,
        409
    );
    assert_eq!(
        world
            .admin("POST", "/api/roles", r#"{"name":"De sk"}"#)
            .await
            .status,
        400
    );
    world
        .grant(
            "desk",
            "public.ticket",
            r#"{"read":true,"rows":"assignee=eq.ann","hidden":["amount"]}"#,
        )
        .await;
    world
        .server
        .database
        .execute("INSERT INTO rowcast.account_role SELECT id, 'desk' FROM rowcast.account WHERE name = 'bob'")
        .await;
    // Told by the database: as soon as the server has heard of it.
    let list = loop {
        let list = world.bobs("/api/rows/ticket?order=id").await;
        if list["total"] == 3 {
            break list;
        }
        tokio::task::yield_now().await;
    };
    let names: Vec<&Value> = list["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["name"])
        .collect();
    assert_eq!(names, ["id", "title", "assignee", "person", "box"]);
    // Ann's may be read now, and still be changed by nobody but her.
    let set = r#"{"set":{"person":2}}"#;
    assert_eq!(
        world.bob("PATCH", "/api/rows/ticket/1", set).await.status,
        200
    );
    let (status, ..) = world.bob("PATCH", "/api/rows/ticket/2", set).await.error();
    assert!(status == 404 || status == 422, "{status}");
    assert_eq!(
        world.admin("DELETE", "/api/roles/desk", "").await.status,
        204
    );
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 2);
    assert_eq!(
        world.admin("DELETE", "/api/roles/member", "").await.status,
        400
    );
    assert_eq!(
        world.admin("DELETE", "/api/roles/desk", "").await.status,
        404
    );
    let roles = world.admin("GET", "/api/roles", "").await;
    let roles: Value = serde_json::from_slice(&roles.body).unwrap();
    assert_eq!(roles["roles"].as_array().unwrap().len(), 3, "{roles}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_table_that_is_renamed_has_no_rules_that_another_gave_it() {
    let world = World::new().await;
    world
        .server
        .database
        .execute("ALTER TABLE vault RENAME TO safe")
        .await;
    // What is said of every table does not hold for it.
    let heard = async {
        while world.bob("GET", "/api/rows/safe", "").await.status != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, heard)
        .await
        .expect("the database tells it");
    assert!(
        !world
            .bob("GET", "/api/tables", "")
            .await
            .text()
            .contains("safe")
    );
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 2);
    // Without anything said of every table, what is said still holds.
    world.grant("member", "*", "{}").await;
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 2);
    assert_eq!(
        world
            .bob("GET", "/api/rows/rowcast.presence?table_path=eq.people", "")
            .await
            .status,
        404,
        "phones are hidden"
    );
    world.grant("member", "people", r#"{"read":true}"#).await;
    world
        .bobs("/api/rows/rowcast.presence?table_path=eq.people")
        .await;
    // Nor is a column shown for it has another name now.
    let rename = "ALTER TABLE ticket RENAME note TO remark";
    world.server.database.execute(rename).await;
    assert_eq!(world.refused("GET", "/api/rows/ticket", "").await.0, 404);
    let removed = world
        .admin("DELETE", "/api/permissions/member/public.vault", "")
        .await;
    assert_eq!(removed.status, 204);
    world.server.stop().await;
}
