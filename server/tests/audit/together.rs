//! An entry and what it tells of are there both or neither.

use crate::world::World;

/// Has no entry of these words be written.
async fn refuse(world: &World, actions: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'no entry can be written'; END $$;
         CREATE OR REPLACE TRIGGER refused BEFORE INSERT ON rowcast.audit FOR EACH ROW
         WHEN (NEW.action = ANY ('{{{actions}}}')) EXECUTE FUNCTION public.refuse()"
    );
    world.execute(&sql).await;
}

#[tokio::test]
async fn rows_are_not_written_whose_entry_can_not_be() {
    let world = World::new().await;
    refuse(
        &world,
        "insert,update,delete,batch,bulk_update,bulk_delete,import,undo",
    )
    .await;
    let state = "SELECT ('x' || left(md5(string_agg(i::text, ',' ORDER BY id)), 15))::bit(60)::int8 FROM item i";
    let before = world.count(state).await;
    for (method, path, body) in [
        ("POST", "/api/rows/item", r#"{"id":50}"#),
        ("PATCH", "/api/rows/item/1", r#"{"set":{"title":"x"}}"#),
        ("DELETE", "/api/rows/item/1", ""),
        (
            "POST",
            "/api/batch/item",
            r#"{"changes":[{"op":"delete","key":[1]},{"op":"insert","row":{"id":51}}]}"#,
        ),
        (
            "POST",
            "/api/bulk/item?id=lte.2",
            r#"{"set":{"title":"x"},"count":2}"#,
        ),
        (
            "POST",
            "/api/bulk/item?id=lte.2",
            r#"{"delete":true,"count":2}"#,
        ),
        ("POST", "/api/import/item", "id,title\n201,y\n"),
    ] {
        let answer = world.send(&world.bob, method, path, body).await;
        assert!(answer.status >= 400, "{method} {path}: {}", answer.text());
        assert_eq!(world.count(state).await, before, "{method} {path}");
    }
    assert!(world.noted().await.is_empty());
    world.server.stop().await;
}

#[tokio::test]
async fn accounts_and_permissions_do_not_change_without_their_entry() {
    let world = World::new().await;
    let state = "SELECT ('x' || left(md5(concat(
            (SELECT string_agg(a::text, ',' ORDER BY id) FROM rowcast.account a),
            (SELECT string_agg(r::text, ',' ORDER BY account, role) FROM rowcast.account_role r),
            (SELECT string_agg(p::text, ',' ORDER BY role, table_path) FROM rowcast.permission p),
            (SELECT string_agg(concat(id, revoked_at), ',' ORDER BY id) FROM rowcast.token),
            (SELECT string_agg(l::text, ',' ORDER BY id) FROM rowcast.link l),
            (SELECT string_agg(id::text, ',' ORDER BY id) FROM rowcast.session),
            (SELECT string_agg(hash, ',' ORDER BY account) FROM rowcast.password)
        )), 15))::bit(60)::int8";
    let bob = world
        .count("SELECT id FROM rowcast.account WHERE name = 'bob'")
        .await;
    let token = world
        .count("SELECT id FROM rowcast.token WHERE name = 'admin'")
        .await;
    refuse(
        &world,
        "account_made,account_disabled,account_changed,role_given,token_made,token_revoked,\
         invitation_made,password_link_made,permission_set,permission_removed,role_made,sign_in",
    )
    .await;
    let before = world.count(state).await;
    let user = format!("/api/users/{bob}");
    let new = r#"{"name":"eve","password":"quite a long one"}"#;
    let token_path = format!("/api/tokens/{token}");
    for (method, path, body) in [
        ("POST", "/api/users", new),
        ("PATCH", &*user, r#"{"disabled":true}"#),
        ("PATCH", &*user, r#"{"roles":["administrator"]}"#),
        ("PATCH", &*user, r#"{"attributes":{"team":"x"}}"#),
        ("POST", "/api/tokens", r#"{"name":"n","scopes":["read"]}"#),
        ("DELETE", &*token_path, ""),
        ("POST", "/api/invitations", "{}"),
        ("PUT", "/api/permissions/member/item", r#"{"read":true}"#),
        ("DELETE", "/api/permissions/member/*", ""),
        ("POST", "/api/roles", r#"{"name":"desk"}"#),
    ] {
        let answer = world.send(&world.ann, method, path, body).await;
        assert!(answer.status >= 400, "{method} {path}: {}", answer.text());
        assert_eq!(world.count(state).await, before, "{method} {path}");
    }
    let mut browser = crate::browser::Browser::new(&world.server);
    let answer = browser.sign_in("bob", crate::browser::PASSWORD).await;
    assert!(answer.status >= 400 && browser.cookies.is_empty());
    assert_eq!(world.count(state).await, before);
    assert!(world.noted().await.is_empty());
    world.server.stop().await;
}

#[tokio::test]
async fn nothing_is_exported_or_read_of_the_log_that_is_not_noted() {
    let world = World::new().await;
    refuse(&world, "export,audit_read").await;
    for path in [
        "/api/rows/item.csv",
        "/api/rows/item.json",
        "/api/rows/rowcast.audit",
        "/api/rows/rowcast.audit.csv",
        "/api/live/rowcast.audit",
        "/api/history/rowcast.audit/1",
        "/api/chart/rowcast.audit?chart=action",
    ] {
        let answer = world.send(&world.ann, "GET", path, "").await;
        assert!(answer.status >= 500, "{path}: {}", answer.text());
        assert!(!answer.text().contains("item 1"), "{path}");
    }
    world.server.stop().await;
}
