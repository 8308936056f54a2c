//! What is written is what the role may write.

use serde_json::{Value, json};
use sqlx::Row;

use crate::world::{NOTES, World};

/// The status, the error's code, and that nothing of the database's own words is told.
async fn refused(world: &World, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = world.send(&world.ann, method, path, body).await;
    let text = answer.text().to_lowercase();
    for word in [
        "select",
        "insert into",
        "returning",
        "policy",
        "42501",
        "bobsnote",
    ] {
        assert!(!text.contains(word), "{path}: {text}");
    }
    let (status, code, _) = answer.error();
    (status, code)
}

#[tokio::test]
async fn what_a_policy_forbids_is_not_written_and_nothing_of_it_is_told() {
    let world = World::new(NOTES).await;
    let bob = world.role("bob");
    let not_allowed = (403, "not_allowed".to_owned());
    let to_bob = json!({"id": 9, "owner": bob}).to_string();
    assert_eq!(
        refused(&world, "POST", "/api/rows/note", &to_bob).await,
        not_allowed
    );
    let give = json!({"set": {"owner": bob}}).to_string();
    assert_eq!(
        refused(&world, "PATCH", "/api/rows/note/1", &give).await,
        not_allowed
    );
    let unknown = (404, "unknown_row".to_owned());
    let set = r#"{"set":{"size":9}}"#;
    assert_eq!(
        refused(&world, "PATCH", "/api/rows/note/2", set).await,
        unknown
    );
    assert_eq!(
        refused(&world, "DELETE", "/api/rows/note/2", "").await,
        unknown
    );
    let batch = json!({"changes": [
        {"op": "update", "key": [1], "set": {"size": 7}},
        {"op": "insert", "row": {"id": 9, "owner": bob}},
    ]});
    assert_eq!(
        refused(&world, "POST", "/api/batch/note", &batch.to_string()).await,
        not_allowed
    );
    let bulk = json!({"set": {"owner": bob}, "count": 2}).to_string();
    assert_eq!(
        refused(&world, "POST", "/api/bulk/note", &bulk).await,
        not_allowed
    );
    let (status, code) = refused(
        &world,
        "POST",
        "/api/bulk/note",
        r#"{"delete":true,"count":4}"#,
    )
    .await;
    assert_eq!((status, &*code), (409, "count_changed"));
    let csv = format!("id,owner\n10,{bob}\n");
    assert_eq!(
        refused(&world, "POST", "/api/import/note", &csv).await.0,
        422
    );
    // That somebody else has a key is told by the key alone.
    let taken = refused(&world, "POST", "/api/rows/note", r#"{"id":2}"#).await;
    assert_eq!(taken, (422, "unique".to_owned()));
    let pool = world.server.database.pool(1).await;
    let sum: i64 = sqlx::query_scalar("SELECT sum(id * 100 + size) FROM note")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sum, 1010, "nothing was written");
}

#[tokio::test]
async fn what_is_allowed_is_written_as_the_role_and_noted_as_the_account() {
    let world = World::new(NOTES).await;
    let ann = world.role("ann");
    let made = world
        .send(
            &world.ann,
            "POST",
            "/api/rows/note",
            r#"{"id":11,"body":"new"}"#,
        )
        .await;
    let row: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!((made.status, &row["owner"]), (201, &json!(ann)), "{row}");
    let steps = [
        (
            "PATCH",
            "/api/rows/note/11",
            r#"{"set":{"size":5},"expect":{"body":"new"}}"#,
            200,
        ),
        (
            "PATCH",
            "/api/rows/note/11",
            r#"{"set":{"size":5},"expect":{"body":"old"}}"#,
            409,
        ),
        (
            "POST",
            "/api/batch/note",
            r#"{"changes":[{"op":"insert","row":{"id":12}},{"op":"insert","row":{"id":13}}]}"#,
            200,
        ),
        (
            "POST",
            "/api/bulk/note?id=gte.12",
            r#"{"set":{"size":6},"count":2}"#,
            200,
        ),
        (
            "POST",
            "/api/bulk/note?id=gte.12",
            r#"{"delete":true,"count":2}"#,
            200,
        ),
        ("POST", "/api/import/note", "id,body\n14,x\n15,y\n", 201),
        ("DELETE", "/api/rows/note/11", "", 204),
    ];
    for (method, path, body, status) in steps {
        let answer = world.send(&world.ann, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
    let pool = world.server.database.pool(1).await;
    let rows = sqlx::query(
        "SELECT action, name, row_key FROM rowcast.audit WHERE table_path = 'note' ORDER BY id",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let noted: Vec<(String, String, Option<String>)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let actions: Vec<&str> = noted.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "insert",
            "update",
            "insert",
            "bulk_update",
            "bulk_delete",
            "import",
            "delete"
        ]
    );
    assert!(noted.iter().all(|(_, name, _)| name == "ann"), "{noted:?}");
    assert_eq!(noted[0].2.as_deref(), Some("[11]"));
    // The log says which role wrote, for those who look there.
    let roles: Vec<String> = sqlx::query_scalar("SELECT DISTINCT owner FROM note WHERE id > 10")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(roles, [ann]);
}

#[tokio::test]
async fn rights_that_the_role_lacks_are_told_as_what_one_may_not_do() {
    let sql = format!(
        "{NOTES} REVOKE INSERT, UPDATE, DELETE ON note FROM {{db}}_ann;
         GRANT UPDATE (body) ON note TO {{db}}_ann;"
    );
    let world = World::new(&sql).await;
    let not_allowed = (403, "not_allowed".to_owned());
    for (method, path, body) in [
        ("POST", "/api/rows/note", r#"{"id":9}"#),
        ("PATCH", "/api/rows/note/1", r#"{"set":{"size":9}}"#),
        ("DELETE", "/api/rows/note/1", ""),
        ("POST", "/api/bulk/note", r#"{"delete":true,"count":2}"#),
        ("POST", "/api/import/note", "id\n9\n"),
    ] {
        let refusal = refused(&world, method, path, body).await;
        assert_eq!(refusal, not_allowed, "{method} {path}");
    }
    let body = r#"{"set":{"body":"mine"}}"#;
    let answer = world
        .send(&world.ann, "PATCH", "/api/rows/note/1", body)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // The server's own role is what it was before and behind all of it.
    assert_eq!(world.keys(&world.bob, "/api/rows/note").await.1, 2);
}

#[tokio::test]
async fn what_was_sent_is_read_as_the_role_also_to_say_what_is_wrong_with_it() {
    // Whose input function or check it is says whoever made the type.
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE DOMAIN own AS text CHECK (current_user = '{db}_ann');
        CREATE TABLE thing (id int PRIMARY KEY, kept own, size int);
        GRANT SELECT, INSERT, UPDATE ON thing TO {db}_ann;
        SELECT rowcast.watch('thing');";
    let world = World::new(sql).await;
    let path = "/api/import/thing?dry_run=true";
    let looked = world
        .send(&world.ann, "POST", path, "id,kept,size\n1,a,1\n")
        .await;
    assert_eq!(looked.status, 200, "{}", looked.text());
    let report: Value = serde_json::from_slice(&looked.body).unwrap();
    assert_eq!(report["errors"], json!([]), "{report}");
    let wrong = "id,kept,size\n1,a,1\n2,b,x\n";
    for path in [path, "/api/import/thing"] {
        let looked = world.send(&world.ann, "POST", path, wrong).await;
        let report: Value = serde_json::from_slice(&looked.body).unwrap();
        let errors = report["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{report}");
        assert_eq!(errors[0]["column"], "size", "{report}");
    }
    let body = r#"{"id": 1, "kept": "a", "size": "x"}"#;
    let refused = world
        .send(&world.ann, "POST", "/api/rows/thing", body)
        .await;
    let error: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(error["columns"], json!(["size"]), "{error}");
    let added = world
        .send(
            &world.ann,
            "POST",
            "/api/import/thing",
            "id,kept,size\n1,a,1\n",
        )
        .await;
    assert_eq!(added.status, 201, "{}", added.text());
}
