//! Who reads it, and that nobody writes it.

use rowcast::auth::AccountId;

use crate::{browser::token, world::World};

const OURS: &[(&str, &str)] = &[("rowcast.server", "9"), ("rowcast.server_query", "9,1")];

#[tokio::test]
async fn nobody_but_administrators_reads_it_and_nobody_writes_it() {
    let world = World::new().await;
    world
        .execute(
            "INSERT INTO rowcast.server (id, name, version, started_at) OVERRIDING SYSTEM VALUE
                 VALUES (9, 'zanzibar', '0', now());
             INSERT INTO rowcast.server_query
             SELECT id, 1, 'zanzibar', '', 1, 1, 1, 1, 1, 1, 1 FROM rowcast.server WHERE version = '0';
             CREATE TABLE linked (id int PRIMARY KEY, server int8 REFERENCES rowcast.server);
             INSERT INTO linked SELECT 1, id FROM rowcast.server WHERE version = '0'",
        )
        .await;
    // Also who may read whatever there is, and an administrator's token that is for less.
    let all = r#"{"read":true,"insert":true,"update":true,"delete":true}"#;
    let allowed = world
        .send(&world.ann, "PUT", "/api/permissions/member/*", all)
        .await;
    assert!(allowed.status < 300, "{}", allowed.text());
    let mut connection = world.server.database.connect().await;
    let ann: i64 = sqlx::query_scalar("SELECT id FROM rowcast.account WHERE name = 'ann'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let reads = token(&world.server, AccountId(ann), "read").await;
    for (table, key) in OURS {
        for (method, path, body) in [
            ("GET", format!("/api/tables/{table}"), ""),
            ("GET", format!("/api/rows/{table}"), ""),
            ("GET", format!("/api/rows/{table}.csv"), ""),
            ("GET", format!("/api/live/{table}"), ""),
            ("GET", format!("/api/history/{table}/{key}"), ""),
            ("GET", format!("/api/chart/{table}?chart=version"), ""),
            ("GET", format!("/api/views/{table}"), ""),
            (
                "POST",
                format!("/api/presence/{table}"),
                r#"{"session":"x"}"#,
            ),
            ("DELETE", format!("/api/rows/{table}/{key}"), ""),
            ("POST", format!("/api/bulk/{table}"), r#"{"dry_run":true}"#),
            ("GET", format!("/tables/{table}"), ""),
        ] {
            for bearer in [&world.bob, &reads] {
                let answer = world.send(bearer, method, &path, body).await;
                assert!(
                    matches!(answer.status, 403 | 404),
                    "{method} {path}: {}",
                    answer.status
                );
                assert!(!answer.text().contains("zanzibar"), "{method} {path}");
            }
        }
        let answer = world
            .send(
                &world.ann,
                "DELETE",
                &format!("/api/rows/{table}/{key}"),
                "",
            )
            .await;
        assert_eq!(answer.error().1, "not_editable");
        let permission = format!("/api/permissions/member/{table}");
        let answer = world
            .send(&world.ann, "PUT", &permission, r#"{"read":true}"#)
            .await;
        assert_eq!(answer.error().1, "invalid_permission");
        let told = world.rows(table).await;
        assert!(serde_json::json!(told).to_string().contains("zanzibar"));
        let history = format!("/api/history/{table}/{key}");
        let past = world.send(&world.ann, "GET", &history, "").await;
        assert!(past.text().contains("zanzibar"), "{}", past.text());
    }
    let embedded = "/api/rows/linked?select=id,server(name)";
    for bearer in [&world.bob, &reads] {
        let answer = world.send(bearer, "GET", embedded, "").await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    world.server.stop().await;
}
