//! Rows that are written.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    server::Server,
    world::{World, actions, noted},
};

fn part(entry: &Value, names: &[&str]) -> Value {
    let members = names
        .iter()
        .map(|name| ((*name).to_owned(), entry[*name].clone()));
    Value::Object(members.collect())
}

#[tokio::test]
async fn each_request_that_writes_is_one_entry_with_who_what_and_how_many() {
    let world = World::new().await;
    let told = ["action", "table_path", "row_key", "rows", "details"];
    let body = r#"{"id":20,"title":"new","amount":1}"#;
    world.bob("POST", "/api/rows/item", body).await;
    let entry = world.last().await;
    assert_eq!(
        part(&entry, &told),
        json!({"action": "insert", "table_path": "item", "row_key": "[20]", "rows": 1, "details": {}})
    );
    assert_eq!(
        part(&entry, &["name", "means", "address", "subject"]),
        json!({"name": "bob", "means": "token", "address": "127.0.0.1", "subject": null})
    );
    assert!(entry["account"].is_i64() && entry["means_id"].is_i64());

    let body = r#"{"set":{"title":"other"}}"#;
    world.bob("PATCH", "/api/rows/item/20", body).await;
    let entry = world.last().await;
    assert_eq!(
        part(&entry, &told),
        json!({"action": "update", "table_path": "item", "row_key": "[20]", "rows": 1, "details": {}})
    );
    world.bob("DELETE", "/api/rows/item/20", "").await;
    assert_eq!(part(&world.last().await, &told)["action"], "delete");

    let changes = json!({"changes": [
        {"op": "update", "key": [1], "set": {"title": "a"}},
        {"op": "update", "key": [2], "set": {"title": "b"}},
        {"op": "delete", "key": [3]},
        {"op": "insert", "row": {"id": 30}},
    ]});
    world
        .bob("POST", "/api/batch/item", &changes.to_string())
        .await;
    assert_eq!(
        part(&world.last().await, &told),
        json!({"action": "batch", "table_path": "item", "row_key": null, "rows": 4,
            "details": {"keys": [[1], [2], [3], [30]]}})
    );
    let changes = json!({"changes": [{"op": "insert", "row": {"item": 1, "nth": 1}},
        {"op": "insert", "row": {"item": 1, "nth": 2}}]});
    world
        .bob("POST", "/api/batch/line", &changes.to_string())
        .await;
    assert_eq!(
        part(&world.last().await, &told),
        json!({"action": "insert", "table_path": "line", "row_key": null, "rows": 2,
            "details": {"keys": [[1, 1], [1, 2]]}})
    );

    let body = r#"{"set":{"title":"many"},"count":3}"#;
    world.bob("POST", "/api/bulk/item?id=lte.4", body).await;
    assert_eq!(
        part(&world.last().await, &told),
        json!({"action": "bulk_update", "table_path": "item", "row_key": null, "rows": 3,
            "details": {"query": "id=lte.4", "columns": ["title"], "keys": [[1], [2], [4]]}})
    );
    let body = r#"{"delete":true,"count":2}"#;
    world.bob("POST", "/api/bulk/item?id=gte.9", body).await;
    let entry = world.last().await;
    assert_eq!(
        (&entry["action"], &entry["rows"]),
        (&json!("bulk_delete"), &json!(2))
    );

    let file = "id,title\n101,x\n102,y\n";
    world.bob("POST", "/api/import/item", file).await;
    assert_eq!(
        part(&world.last().await, &told),
        json!({"action": "import", "table_path": "item", "row_key": null, "rows": 2,
            "details": {"columns": ["id", "title"]}})
    );

    let undo = [("Rowcast-Turn", "undo")];
    let path = "/api/rows/item/101";
    let answer = world.send_with(&world.bob, "DELETE", path, "", &undo).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        part(&world.last().await, &told),
        json!({"action": "undo", "table_path": "item", "row_key": "[101]", "rows": 1,
            "details": {"change": "delete"}})
    );
    let answer = world
        .send_with(&world.bob, "DELETE", path, "", &[("Rowcast-Turn", "again")])
        .await;
    assert_eq!(
        (answer.status, answer.error().1.as_str()),
        (400, "invalid_turn")
    );
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_not_written_is_not_noted() {
    let world = World::new().await;
    for (method, path, body, status) in [
        ("POST", "/api/rows/item", r#"{"id":1}"#, 422),
        ("POST", "/api/rows/item", r#"{"id":50,"amount":0}"#, 422),
        // That there is no such item shows at the commit.
        ("POST", "/api/rows/line", r#"{"item":77,"nth":1}"#, 422),
        (
            "PATCH",
            "/api/rows/item/1",
            r#"{"set":{"title":"x"},"expect":{"title":"y"}}"#,
            409,
        ),
        (
            "PATCH",
            "/api/rows/item/77",
            r#"{"set":{"title":"x"}}"#,
            404,
        ),
        ("DELETE", "/api/rows/item/77", "", 404),
        ("POST", "/api/batch/item", r#"{"changes":[]}"#, 200),
        (
            "POST",
            "/api/batch/item",
            r#"{"changes":[{"op":"delete","key":[1]},{"op":"delete","key":[77]}]}"#,
            404,
        ),
        (
            "POST",
            "/api/batch/line",
            r#"{"changes":[{"op":"insert","row":{"item":77,"nth":1}},{"op":"insert","row":{"item":77,"nth":2}}]}"#,
            422,
        ),
        (
            "POST",
            "/api/bulk/item?id=lte.2",
            r#"{"set":{"title":"x"},"count":7}"#,
            409,
        ),
        (
            "POST",
            "/api/bulk/item?id=lte.2",
            r#"{"dry_run":true}"#,
            200,
        ),
        ("POST", "/api/import/item", "id,title\nx,y\n", 422),
        (
            "POST",
            "/api/import/item?dry_run=true",
            "id,title\n201,y\n",
            200,
        ),
    ] {
        let answer = world.send(&world.bob, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let noted = world.noted().await;
        assert!(noted.is_empty(), "{method} {path}: {noted:#?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM item").await, 9);
    world.server.stop().await;
}

#[tokio::test]
async fn keys_and_queries_are_kept_up_to_a_bound() {
    let world = World::new().await;
    let changes: Vec<Value> = (1000..1500)
        .map(|id| json!({"op": "insert", "row": {"id": id}}))
        .collect();
    let body = json!({ "changes": changes }).to_string();
    world.bob("POST", "/api/batch/item", &body).await;
    let entry = world.last().await;
    assert_eq!(entry["rows"], 500);
    assert_eq!(entry["details"]["keys"].as_array().unwrap().len(), 100);
    let long = "x".repeat(9000);
    let path = format!("/api/bulk/item?or=(id.eq.1,title.eq.{long})");
    world
        .bob("POST", &path, r#"{"set":{"title":"x"},"count":1}"#)
        .await;
    let entry = world.last().await;
    assert!(
        entry["details"]["query"]
            .as_str()
            .unwrap()
            .starts_with("or=(id.eq.1,")
    );
    assert!(entry["details"].to_string().len() < 4096);
    world
        .execute("CREATE TABLE wide (name text PRIMARY KEY)")
        .await;
    world
        .bob(
            "POST",
            "/api/rows/wide",
            &json!({"name": "ä".repeat(1300)}).to_string(),
        )
        .await;
    let key = world.last().await["row_key"].as_str().unwrap().to_owned();
    assert_eq!(key.chars().count(), 1001);
    world.server.stop().await;
}

#[tokio::test]
async fn a_session_is_named_and_without_accounts_nobody_is() {
    let world = World::new().await;
    let mut browser = Browser::of(&world.server, "bob").await;
    let body = r#"{"set":{"title":"x"}}"#;
    assert_eq!(
        browser.json("PATCH", "/api/rows/item/1", body).await.status,
        200
    );
    let entries = world.noted().await;
    assert_eq!(actions(&entries), ["sign_in", "update"]);
    assert_eq!(
        part(&entries[1], &["name", "means", "means_id"]),
        json!({"name": "bob", "means": "session", "means_id": entries[0]["means_id"]})
    );
    world.server.stop().await;

    let open = Server::new("CREATE TABLE t (id int PRIMARY KEY, n int)").await;
    let headers = [("Rowcast-Author", "Mallory")];
    let answer = open
        .write_with("POST", "/api/rows/t", r#"{"id":1}"#, &headers)
        .await;
    assert_eq!(answer.status, 201);
    let entries = noted(&open).await;
    let entry = entries.last().unwrap();
    assert_eq!(
        part(
            entry,
            &["action", "name", "account", "means", "address", "row_key"]
        ),
        json!({"action": "insert", "name": null, "account": null, "means": null,
            "address": "127.0.0.1", "row_key": "[1]"})
    );
    open.stop().await;
}
