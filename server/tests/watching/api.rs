//! Making rules, changing them, and the page.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, token},
    world::{World, rule},
};

async fn refused(world: &World, token: &str, new: &Value) -> (u16, String) {
    let answer = world
        .send(token, "POST", "/api/watches", &new.to_string())
        .await;
    let (status, code, _) = answer.error();
    (status, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_made_paused_resumed_and_removed() {
    let world = World::new().await;
    let bob = world.bob.1.clone();
    let new = rule(
        "open",
        "?status=eq.open&order=id.desc&~density=compact",
        "enters",
    );
    let made = world
        .ok(&bob, "POST", "/api/watches", &new.to_string())
        .await;
    let path = format!("/api/watches/{}", made["id"]);
    world.sql("INSERT INTO ticket VALUES (1, 'open')").await;
    world.told(world.bob.0, &["open: a row entered"]).await;
    world.ok(&bob, "PATCH", &path, r#"{"paused":true}"#).await;
    world.sql("INSERT INTO ticket VALUES (2, 'open')").await;
    world.settled().await;
    world.ok(&bob, "PATCH", &path, r#"{"paused":false}"#).await;
    world.settled().await;
    // What came while it was paused is not told afterwards.
    world.told(world.bob.0, &["open: a row entered"]).await;
    world.sql("INSERT INTO ticket VALUES (3, 'open')").await;
    world
        .told(world.bob.0, &["open: a row entered", "open: a row entered"])
        .await;
    let listed = world.ok(&bob, "GET", "/api/watches", "").await;
    let listed = &listed["watches"][0];
    assert_eq!(
        (&listed["hits"], &listed["paused"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(
        (&listed["problem"], &listed["kind"]),
        (&Value::Null, &json!("enters"))
    );
    world
        .sql("UPDATE rowcast.watch_rule SET expires_at = now()")
        .await;
    world.sql("INSERT INTO ticket VALUES (4, 'open')").await;
    world.settled().await;
    world
        .told(world.bob.0, &["open: a row entered", "open: a row entered"])
        .await;
    world.ok(&bob, "DELETE", &path, "").await;
    let noted: Vec<String> = sqlx::query_scalar(
        "SELECT action FROM rowcast.audit WHERE action LIKE 'watch%' AND name = 'bob' ORDER BY id",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert_eq!(
        noted,
        [
            "watch_made",
            "watch_changed",
            "watch_changed",
            "watch_removed"
        ]
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_no_rule_is_said() {
    let world = World::new().await;
    world
        .sql("CREATE VIEW open AS SELECT * FROM ticket; CREATE TABLE still (id int PRIMARY KEY)")
        .await;
    let with = |changes: &[(&str, Value)]| {
        let mut new = rule("x", "", "enters");
        for (name, value) in changes {
            new[*name] = value.clone();
        }
        new
    };
    for (changes, status, code) in [
        (&[("kind", json!("what"))][..], 400, "invalid_watch"),
        (&[("kind", json!("changes"))], 400, "invalid_watch"),
        (
            &[("kind", json!("changes")), ("column", json!("secret"))],
            400,
            "unknown_column",
        ),
        (
            &[
                ("kind", json!("total")),
                ("bound", json!("x")),
                ("direction", json!("above")),
            ],
            400,
            "invalid_watch",
        ),
        (
            &[
                ("kind", json!("total")),
                ("bound", json!("1")),
                ("direction", json!("above")),
                ("column", json!("status")),
            ],
            400,
            "invalid_watch",
        ),
        (&[("query", json!("secret=eq.x"))], 400, "unknown_column"),
        (&[("query", json!("id=eq.x"))], 400, "invalid_value"),
        (&[("table", json!("nothing"))], 404, "unknown_table"),
        (
            &[("table", json!("rowcast.notification"))],
            400,
            "invalid_watch",
        ),
        (&[("role", json!("member"))], 403, "not_allowed"),
        (&[("group_seconds", json!(100_000))], 400, "invalid_watch"),
        (&[("expires", json!("soon"))], 400, "invalid_watch"),
        (&[("mail", json!(true))], 400, "invalid_watch"),
        (&[("view", json!(1))], 404, "unknown_view"),
    ] {
        let new = with(changes);
        assert_eq!(
            refused(&world, &world.bob.1, &new).await,
            (status, code.to_owned()),
            "{new}"
        );
    }
    let view = with(&[("table", json!("open"))]);
    assert_eq!(
        refused(&world, &world.ann.1, &view).await,
        (400, "invalid_watch".to_owned())
    );
    let still = with(&[("table", json!("still"))]);
    assert_eq!(
        refused(&world, &world.ann.1, &still).await,
        (409, "not_live".to_owned())
    );
    world.sql("INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind) \
               SELECT id, 'x', 'ticket', '', 'enters' FROM rowcast.account, generate_series(1, 100) \
                WHERE name = 'bob'").await;
    assert_eq!(
        refused(&world, &world.bob.1, &with(&[])).await,
        (422, "too_many_watches".to_owned())
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_is_told_is_said_by_people_and_together() {
    let world = World::new().await;
    let mut new = rule("all", "", "enters");
    new["role"] = json!("member");
    // It would be told each row.
    let told = refused(&world, &world.ann.1, &new).await;
    assert_eq!(told, (400, "invalid_watch".to_owned()));
    new["group_seconds"] = json!(60);
    let program = token(&world.server, world.ann.0, "write").await;
    let told = refused(&world, &program, &new).await;
    assert_eq!(told, (403, "not_allowed".to_owned()));
    let made = world
        .ok(&world.ann.1, "POST", "/api/watches", &new.to_string())
        .await;
    let path = format!("/api/watches/{}", made["id"]);
    let answer = world
        .send(&world.ann.1, "PATCH", &path, r#"{"group_seconds":5}"#)
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    // A program neither changes what others are told nor ends it.
    for (method, body) in [
        ("PATCH", r#"{"name":"other"}"#),
        ("PATCH", r#"{"paused":true}"#),
        ("DELETE", ""),
    ] {
        let answer = world.send(&program, method, &path, body).await;
        assert_eq!(answer.status, 403, "{method} {body}: {}", answer.text());
    }
    let is_as_made = "SELECT name = 'all' AND paused_at IS NULL FROM rowcast.watch_rule";
    assert!(world.one::<bool>(is_as_made).await);
    let answer = world
        .send(&world.ann.1, "PATCH", &path, r#"{"paused":true}"#)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = world.send(&world.ann.1, "DELETE", &path, "").await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_view_is_watched_in_two_clicks_without_a_script() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO rowcast.saved_view (table_path, name, query) \
               VALUES ('ticket', 'Open <ones>', 'status=eq.open&order=id')",
        )
        .await;
    let view: i64 = world.one("SELECT id FROM rowcast.saved_view").await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let page = bob.get(&format!("/watches?table=ticket&view={view}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("Open &lt;ones&gt;") && !page.text().contains("secret"));
    // It says which rows these are, here and once there is a rule.
    assert!(page.text().contains("status is open"), "{}", page.text());
    let view = view.to_string();
    let form = [
        ("table", "ticket"),
        ("query", ""),
        ("view", view.as_str()),
        ("kind", "enters"),
        ("name", ""),
        ("changed", ""),
        ("summed", ""),
        ("direction", "above"),
        ("bound", ""),
        ("group_seconds", "300"),
        ("expires", "never"),
        ("webhook", ""),
    ];
    let answer = bob.post("/watches", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    world
        .sql("INSERT INTO ticket VALUES (1, 'open'), (2, 'x')")
        .await;
    world
        .told(world.bob.0, &["Open <ones>: a row entered"])
        .await;
    let page = bob.get("/watches").await.text();
    assert!(
        page.contains("Open &lt;ones&gt;") && page.contains("1 hits"),
        "{page}"
    );
    assert!(page.contains("status is open"), "{page}");
    let id: i64 = world.one("SELECT id FROM rowcast.watch_rule").await;
    assert_eq!(
        bob.post(&format!("/watches/{id}/test"), &[]).await.status,
        303
    );
    world
        .told(
            world.bob.0,
            &["Open <ones>: a row entered", "Open <ones>: this is a test"],
        )
        .await;
    assert_eq!(
        bob.post(&format!("/watches/{id}/pause"), &[]).await.status,
        303
    );
    assert!(bob.get("/watches").await.text().contains("Paused"));
    // One that its owner may not see any more says so.
    world.sql("DELETE FROM rowcast.account_role").await;
    let asking = async {
        while !bob
            .get("/watches")
            .await
            .text()
            .contains("tells nothing now")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), asking)
        .await
        .unwrap();
    assert_eq!(
        bob.post(&format!("/watches/{id}/remove"), &[]).await.status,
        303
    );
    assert!(
        bob.get("/watches")
            .await
            .text()
            .contains("There are no watch rules")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_made_misses_nothing_from_then_on() {
    let world = World::new().await;
    let new = rule("busy", "status=eq.busy", "enters");
    world
        .ok(&world.ann.1, "POST", "/api/watches", &new.to_string())
        .await;
    // It is looked all the time meanwhile.
    let pool = world.server.database.pool(1).await;
    let noise = tokio::spawn(async move {
        for n in 10_000.. {
            let sql = "INSERT INTO ticket VALUES ($1, 'busy')";
            if sqlx::query(sql).bind(n).execute(&pool).await.is_err() {
                return;
            }
        }
    });
    let mut expected = Vec::new();
    for n in 0..60 {
        let new = rule(&format!("r{n}"), &format!("id=eq.{n}"), "enters");
        world
            .ok(&world.bob.1, "POST", "/api/watches", &new.to_string())
            .await;
        world.sql(&format!("INSERT INTO ticket VALUES ({n})")).await;
        expected.push(format!("r{n}: a row entered"));
    }
    noise.abort();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    world.told(world.bob.0, &expected).await;
    world.stop().await;
}
