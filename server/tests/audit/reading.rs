//! Who reads the log, and that nobody writes it.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, account, token},
    stream::Stream,
    world::World,
};

#[tokio::test]
async fn a_member_reads_it_by_no_route() {
    let world = World::new().await;
    world
        .execute(
            "CREATE TABLE linked (id int PRIMARY KEY, entry int8 REFERENCES rowcast.audit);
             SELECT rowcast.note('zanzibar', details => '{\"zanzibar\": 1}');
             INSERT INTO linked SELECT 1, max(id) FROM rowcast.audit",
        )
        .await;
    // Also who may read whatever there is, and an administrator's token that is for less.
    for table in ["*", "item"] {
        let path = format!("/api/permissions/member/{table}");
        let all = r#"{"read":true,"insert":true,"update":true,"delete":true}"#;
        world.ann("PUT", &path, all).await;
    }
    let ann = world
        .count("SELECT id FROM rowcast.account WHERE name = 'ann'")
        .await;
    let ann = rowcast::auth::AccountId(ann);
    let (reads, writes) = (
        token(&world.server, ann, "read").await,
        token(&world.server, ann, "write").await,
    );
    for bearer in [&world.bob, &reads, &writes] {
        for (method, path, body) in [
            ("GET", "/api/tables/rowcast.audit", ""),
            ("GET", "/api/rows/rowcast.audit", ""),
            ("GET", "/api/rows/rowcast.audit?table_path=eq.item", ""),
            ("GET", "/api/rows/rowcast.audit.csv", ""),
            ("GET", "/api/rows/rowcast.audit.json", ""),
            ("GET", "/api/live/rowcast.audit", ""),
            ("GET", "/api/live/rowcast.audit?table_path=eq.item", ""),
            ("GET", "/api/history/rowcast.audit/1", ""),
            ("GET", "/api/chart/rowcast.audit?chart=action", ""),
            ("GET", "/api/views/rowcast.audit", ""),
            (
                "POST",
                "/api/views/rowcast.audit",
                r#"{"name":"v","query":""}"#,
            ),
            ("POST", "/api/presence/rowcast.audit", r#"{"session":"x"}"#),
            ("POST", "/api/rows/rowcast.audit", r#"{"action":"x"}"#),
            (
                "PATCH",
                "/api/rows/rowcast.audit/1",
                r#"{"set":{"action":"x"}}"#,
            ),
            ("DELETE", "/api/rows/rowcast.audit/1", ""),
            ("POST", "/api/batch/rowcast.audit", r#"{"changes":[]}"#),
            ("POST", "/api/bulk/rowcast.audit", r#"{"dry_run":true}"#),
            ("POST", "/api/import/rowcast.audit", "action\nx\n"),
            ("GET", "/tables/rowcast.audit", ""),
            ("GET", "/tables/rowcast.audit?order=id.desc", ""),
        ] {
            let answer = world.send(bearer, method, path, body).await;
            assert!(
                matches!(answer.status, 403 | 404),
                "{method} {path}: {}",
                answer.status
            );
            assert!(!answer.text().contains("zanzibar"), "{method} {path}");
            if answer.status == 403 {
                assert_eq!(answer.error().1, "insufficient_scope", "{method} {path}");
            } else if path.starts_with("/api") {
                assert_eq!(answer.error().1, "unknown_table", "{method} {path}");
            }
        }
    }
    for bearer in [&world.bob, &reads] {
        let embedded = "/api/rows/linked?select=id,entry(action)";
        let answer = world.send(bearer, "GET", embedded, "").await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let listed = world.bob("GET", "/api/tables", "").await.to_string();
    assert!(
        listed.contains("linked") && !listed.contains("audit"),
        "{listed}"
    );
    let linked = world.bob("GET", "/api/tables/linked", "").await;
    assert!(!linked.to_string().contains("audit"), "{linked}");
    // Nor can it be allowed.
    let path = "/api/permissions/member/rowcast.audit";
    let answer = world
        .send(&world.ann, "PUT", path, r#"{"read":true}"#)
        .await;
    assert_eq!(answer.error().1, "invalid_permission");
    let noted = world.noted().await;
    let reading = |entry: &&Value| entry["action"] == "audit_read";
    assert_eq!(noted.iter().filter(reading).count(), 0);
    world.server.stop().await;
}

#[tokio::test]
async fn an_administrator_reads_it_as_any_table_and_nobody_writes_it() {
    let world = World::new().await;
    for n in 2..5 {
        let body = r#"{"set":{"title":"x"}}"#;
        world
            .bob("PATCH", &format!("/api/rows/item/{n}"), body)
            .await;
    }
    world.ann("DELETE", "/api/rows/item/1", "").await;
    let query = "/api/rows/rowcast.audit?name=eq.bob&order=id.desc&limit=2&select=action,row_key";
    let found = world.ann("GET", query, "").await;
    assert_eq!(found["total"], 3);
    assert_eq!(found["rows"][0]["cells"], json!(["update", "[4]"]));
    let searched = world
        .ann("GET", "/api/rows/rowcast.audit?q=DELET", "")
        .await;
    assert_eq!(searched["total"], 1);
    let listed = world.ann("GET", "/api/tables", "").await;
    assert!(!listed.to_string().contains("audit"));
    let described = world.ann("GET", "/api/tables/rowcast.audit", "").await;
    assert_eq!(
        (&described["live"], &described["key"]),
        (&json!(true), &json!(["id"]))
    );
    for (method, path, body) in [
        ("POST", "/api/rows/rowcast.audit", r#"{"action":"x"}"#),
        (
            "PATCH",
            "/api/rows/rowcast.audit/1",
            r#"{"set":{"action":"x"}}"#,
        ),
        ("DELETE", "/api/rows/rowcast.audit/1", ""),
        (
            "POST",
            "/api/batch/rowcast.audit",
            r#"{"changes":[{"op":"delete","key":[1]}]}"#,
        ),
        (
            "POST",
            "/api/bulk/rowcast.audit",
            r#"{"delete":true,"count":1}"#,
        ),
        ("POST", "/api/import/rowcast.audit", "action\nx\n"),
    ] {
        let answer = world.send(&world.ann, method, path, body).await;
        assert_eq!(answer.error().1, "not_editable", "{method} {path}");
    }
    let csv = world
        .send(&world.ann, "GET", "/api/rows/rowcast.audit.csv", "")
        .await;
    assert!(csv.text().lines().count() > 5, "{}", csv.text());
    // All of that reading is one entry, and the export another.
    let noted = world.noted().await;
    let words = crate::world::actions(&noted);
    assert_eq!(
        words,
        [
            "update",
            "update",
            "update",
            "delete",
            "audit_read",
            "export"
        ],
    );
    assert_eq!(noted[4]["name"], "ann");
    // Another session reads by itself.
    let mut browser = Browser::of(&world.server, "ann").await;
    let page = browser.get("/tables/rowcast.audit?order=id.desc").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("audit_read"), "{}", page.text());
    let noted = world.noted().await;
    assert_eq!(noted.last().unwrap()["means"], "session");
    world.server.stop().await;
}

#[tokio::test]
async fn entries_arrive_live() {
    let world = World::new().await;
    let path = "/api/live/rowcast.audit?action=neq.audit_read&order=id.desc&select=action,name";
    let mut stream = Stream::open(&world.server, &world.ann, path).await;
    let (event, first) = stream.next().await.unwrap();
    assert_eq!((&*event, &first["total"]), ("snapshot", &json!(0)));
    world.bob("DELETE", "/api/rows/item/1", "").await;
    let (event, patch) = stream.next().await.unwrap();
    assert_eq!(event, "patch");
    assert_eq!(patch["ops"][0]["cells"], json!(["delete", "bob"]));
    // Who is an administrator no more hears no more.
    let eve = account(&world.server, "eve", &["administrator"]).await;
    let token = token(&world.server, eve, "admin").await;
    let mut eves = Stream::open(&world.server, &token, path).await;
    assert_eq!(eves.next().await.unwrap().0, "snapshot");
    let path = format!("/api/users/{}", eve.0);
    world.ann("PATCH", &path, r#"{"roles":[]}"#).await;
    while eves.next().await.is_some() {}
    world.bob("DELETE", "/api/rows/item/2", "").await;
    assert!(!eves.heard.contains("bob") || !eves.heard.contains("[2]"));
    world.server.stop().await;
}
