//! Who says what others may do with a table.

use serde_json::{Value, json};

use crate::{
    browser::{account, token},
    server::Answer,
    world::World,
};

/// The world, and eve, who manages tickets by the role `desk`: her token.
async fn with_eve() -> (World, String) {
    let world = World::new().await;
    let made = world
        .admin("POST", "/api/roles", r#"{"name":"desk"}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    world
        .grant("desk", "ticket", r#"{"read":true,"manage":true}"#)
        .await;
    let eve = account(&world.server, "eve", &["desk"]).await;
    let eve = token(&world.server, eve, "admin").await;
    (world, eve)
}

fn code(answer: &Answer) -> (u16, String) {
    let (status, code, _) = answer.error();
    (status, code)
}

#[tokio::test]
async fn whoever_manages_a_table_says_what_others_may_do_with_it_and_with_no_other() {
    let (world, eve) = with_eve().await;
    let rule = r#"{"read":true,"update":true,"rows":"assignee=eq.ann"}"#;
    let set = world
        .send(&eve, "PUT", "/api/permissions/member/ticket", rule)
        .await;
    assert_eq!(set.status, 200, "{}", set.text());
    let bobs = world.bobs("/api/rows/ticket").await;
    assert_eq!(bobs["rows"][0]["key"], json!([2]), "at once: {bobs}");
    // She is told of that table, and of what is said of all.
    let list = world
        .send(&eve, "GET", "/api/permissions", "")
        .await
        .json()
        .1;
    let tables: Vec<&Value> = list["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["table"])
        .collect();
    assert_eq!(tables, ["public.ticket", "*", "public.ticket"], "{list}");
    let roles = world.send(&eve, "GET", "/api/roles", "").await;
    assert!(roles.text().contains("desk"), "{}", roles.text());

    let before = world.admin("GET", "/api/permissions", "").await.text();
    for (method, path, body, refused) in [
        // Another table, whether she may read it or not, and all of them.
        (
            "PUT",
            "/api/permissions/member/people",
            r#"{"read":true}"#,
            (403, "not_allowed"),
        ),
        (
            "PUT",
            "/api/permissions/desk/vault",
            r#"{"read":true}"#,
            (404, "unknown_table"),
        ),
        (
            "PUT",
            "/api/permissions/desk/nothing",
            r#"{"read":true}"#,
            (404, "unknown_table"),
        ),
        (
            "PUT",
            "/api/permissions/desk/*",
            r#"{"read":true}"#,
            (403, "not_allowed"),
        ),
        (
            "DELETE",
            "/api/permissions/member/people",
            "",
            (403, "not_allowed"),
        ),
        (
            "DELETE",
            "/api/permissions/member/*",
            "",
            (403, "not_allowed"),
        ),
        // Who manages it is not hers to say, neither of herself nor of others.
        (
            "PUT",
            "/api/permissions/member/ticket",
            r#"{"read":true,"manage":true}"#,
            (403, "not_allowed"),
        ),
        (
            "PUT",
            "/api/permissions/desk/ticket",
            r#"{"read":true}"#,
            (403, "not_allowed"),
        ),
        (
            "PUT",
            "/api/permissions/desk/ticket",
            r#"{"read":true,"manage":true,"insert":true}"#,
            (403, "not_allowed"),
        ),
        (
            "DELETE",
            "/api/permissions/desk/ticket",
            "",
            (403, "not_allowed"),
        ),
        (
            "PUT",
            "/api/permissions/administrator/ticket",
            "{}",
            (400, "invalid_permission"),
        ),
        (
            "POST",
            "/api/roles",
            r#"{"name":"x"}"#,
            (403, "not_allowed"),
        ),
        ("DELETE", "/api/roles/desk", "", (403, "not_allowed")),
        ("GET", "/api/users", "", (403, "not_allowed")),
        ("GET", "/api/invitations", "", (403, "not_allowed")),
        (
            "POST",
            "/api/permissions/member/ticket",
            r#"{"grant":{"read":true},"user":1}"#,
            (403, "not_allowed"),
        ),
        (
            "POST",
            "/api/permissions/member/people",
            r#"{"grant":{"read":true}}"#,
            (403, "not_allowed"),
        ),
    ] {
        let answer = world.send(&eve, method, path, body).await;
        let (status, said) = refused;
        assert_eq!(
            code(&answer),
            (status, said.to_owned()),
            "{method} {path} {body}"
        );
    }
    // Of a table that she may not read, nothing is said but what is of one that there is not.
    let vault = world
        .send(&eve, "PUT", "/api/permissions/member/vault", "{}")
        .await;
    let fault = world
        .send(&eve, "PUT", "/api/permissions/member/fault", "{}")
        .await;
    assert_eq!(vault.text(), fault.text().replace("fault", "vault"));
    assert_eq!(
        world.admin("GET", "/api/permissions", "").await.text(),
        before
    );
    world.server.stop().await;
}

#[tokio::test]
async fn the_right_to_manage_is_given_with_all_of_a_table_by_administrators_and_taken_at_once() {
    let (world, eve) = with_eve().await;
    for grant in [
        r#"{"manage":true}"#,
        r#"{"read":true,"manage":true,"rows":"id=eq.1"}"#,
        r#"{"read":true,"manage":true,"hidden":["note"]}"#,
        r#"{"read":true,"manage":true,"read_only":["note"]}"#,
    ] {
        let answer = world
            .admin("PUT", "/api/permissions/member/ticket", grant)
            .await;
        assert_eq!(
            code(&answer),
            (400, "invalid_permission".to_owned()),
            "{grant}"
        );
    }
    // What may not manage accounts by its scope does not manage tables.
    let account = world
        .admin("GET", "/api/users?after=bob", "")
        .await
        .json()
        .1;
    let id = rowcast::auth::AccountId(account["users"][0]["id"].as_i64().unwrap());
    let writes = token(&world.server, id, "write").await;
    let set = |by: String| {
        let world = &world;
        async move {
            let path = "/api/permissions/member/ticket";
            world.send(&by, "PUT", path, r#"{"read":true}"#).await
        }
    };
    assert_eq!(set(writes).await.status, 403);
    assert_eq!(set(eve.clone()).await.status, 200);
    // Of every table at once: what is said of one in particular counts there.
    world
        .grant("desk", "*", r#"{"read":true,"manage":true}"#)
        .await;
    world.grant("desk", "people", r#"{"read":true}"#).await;
    for (method, path, status) in [
        ("PUT", "/api/permissions/member/vault", 200),
        ("PUT", "/api/permissions/member/people", 403),
        // What * gives would not be taken away but given.
        ("DELETE", "/api/permissions/desk/people", 403),
        ("PUT", "/api/permissions/desk/vault", 403),
        ("PUT", "/api/permissions/member/rowcast.presence", 403),
    ] {
        let answer = world.send(&eve, method, path, r#"{"read":true}"#).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
    assert_eq!(
        world
            .admin("DELETE", "/api/permissions/desk/*", "")
            .await
            .status,
        204
    );
    world.grant("desk", "ticket", r#"{"read":true}"#).await;
    assert_eq!(set(eve.clone()).await.status, 403);
    let list = world.send(&eve, "GET", "/api/permissions", "").await;
    assert_eq!(list.status, 403, "{}", list.text());
    world.server.stop().await;
}

#[tokio::test]
async fn what_a_role_would_see_is_shown_before_it_may() {
    let world = World::open().await;
    let users = world
        .admin("GET", "/api/users?after=ann", "")
        .await
        .json()
        .1;
    let bob = &users["users"][0]["id"];
    let path = "/api/permissions/member/ticket";
    let attempt = async |grant: &str, user: &str| {
        let body = format!(r#"{{"grant":{grant}{user}}}"#);
        world.admin("POST", path, &body).await
    };
    let own = r#"{"read":true,"rows":"assignee=eq.$user.name","hidden":["note"]}"#;
    let (status, seen) = attempt(own, &format!(r#","user":{bob}"#)).await.json();
    let columns = json!(["id", "title", "assignee", "amount", "person", "box"]);
    assert_eq!(status, 200);
    assert_eq!(seen, json!({"rows": 2, "of": 4, "columns": columns}));
    assert_eq!(
        attempt(own, "").await.json().1["rows"],
        1,
        "as ann, who asks"
    );
    let all = attempt(r#"{"read":true}"#, "").await.json().1;
    assert_eq!(
        (&all["rows"], all["columns"].as_array().unwrap().len()),
        (&json!(4), 7)
    );
    let nothing = attempt(r#"{"update":true}"#, "").await.json().1;
    assert_eq!(nothing, json!({"rows": 0, "of": 4, "columns": []}));
    let teamless = attempt(r#"{"read":true,"rows":"assignee=eq.$user.team"}"#, "").await;
    assert_eq!(teamless.json().1["rows"], 0);
    for (grant, refused) in [
        (r#"{"read":true,"rows":"amount=eq.x"}"#, "invalid_value"),
        (r#"{"read":true,"hidden":["id"]}"#, "invalid_permission"),
        (r#"{"read":true,"rows":"nothing=eq.1"}"#, "unknown_column"),
    ] {
        let answer = attempt(grant, "").await;
        assert_eq!(code(&answer), (400, refused.to_owned()), "{grant}");
    }
    let every = world
        .admin(
            "POST",
            "/api/permissions/member/*",
            r#"{"grant":{"read":true}}"#,
        )
        .await;
    assert_eq!(every.status, 404, "{}", every.text());
    // Nothing was set by all that.
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    world.server.stop().await;
}
