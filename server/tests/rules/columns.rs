//! Columns and tables that the role may not read do not exist.

use serde_json::{Value, json};

use crate::{follower::Follower, world::World};

const SQL: &str = "
    CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
    CREATE DOMAIN kept AS text NOT NULL;
    CREATE TABLE desk (id int PRIMARY KEY, place text, code kept);
    CREATE TABLE person (id int PRIMARY KEY, name text, wage kept, desk int REFERENCES desk);
    INSERT INTO desk VALUES (1, 'window', 'zanzibar'), (2, 'door', 'zanzibar');
    INSERT INTO person VALUES (1, 'ann', 'zanzibar', 1), (2, 'bob', 'zanzibar', 2), (3, 'cem', 'zanzibar', NULL);
    CREATE TABLE vault (id int PRIMARY KEY, content text);
    INSERT INTO vault VALUES (1, 'zanzibar');
    GRANT SELECT (id, name, desk), INSERT (id, name), UPDATE (name), DELETE ON person TO {db}_ann;
    GRANT SELECT (id, place) ON desk TO {db}_ann;
    ALTER TABLE desk ENABLE ROW LEVEL SECURITY;
    CREATE POLICY by_place ON desk USING (place = 'window');
    SELECT rowcast.watch('person'), rowcast.watch('desk'), rowcast.watch('vault');";

#[tokio::test]
async fn what_is_not_granted_is_not_there() {
    let world = World::new(SQL).await;
    for path in [
        "/api/rows/person",
        "/api/rows/person?q=zanzibar",
        "/api/rows/person.csv",
        "/api/rows/person.json",
        "/api/tables",
        "/api/tables/person",
        "/api/chart/person?chart=name",
        "/api/history/person/1",
        "/api/rows/desk",
        "/api/rows/person?select=*,desk(*)",
    ] {
        let answer = world.get(&world.ann, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        for word in ["zanzibar", "wage", "code", "vault"] {
            assert!(!answer.text().contains(word), "{path}: {}", answer.text());
        }
    }
    for path in [
        "/api/rows/person?wage=eq.zanzibar",
        "/api/rows/person?order=wage",
        "/api/rows/person?select=wage",
        "/api/rows/person?aggregate=max(wage)",
        "/api/rows/person?select=id,desk(code)",
        "/api/chart/person?chart=wage",
    ] {
        let answer = world.get(&world.ann, path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    for path in [
        "/api/rows/vault",
        "/api/live/vault",
        "/api/tables/vault",
        "/api/history/vault/1",
    ] {
        assert_eq!(world.get(&world.ann, path).await.status, 404, "{path}");
        assert_eq!(world.get(&world.bob, path).await.status, 404, "{path}");
    }
    let written = world
        .send(
            &world.ann,
            "PATCH",
            "/api/rows/person/1",
            r#"{"set":{"name":"anne"}}"#,
        )
        .await;
    let row: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(row, json!({"id": 1, "name": "anne", "desk": 1}));
}

#[tokio::test]
async fn of_related_rows_the_role_sees_what_it_would_by_a_join() {
    let world = World::new(SQL).await;
    let path = "/api/rows/person?select=id,desk(place)&order=id";
    let list = world.json(&world.ann, path).await;
    let places: Vec<&Value> = list["rows"].as_array().unwrap().iter().collect();
    assert!(places[0].to_string().contains("window"), "{list}");
    assert!(!list.to_string().contains("door"), "{list}");
    // It is kept so: a row that is seen now is joined now.
    let live = Follower::new(&world.server, &world.ann, &path.replace("rows", "live"));
    live.until_keys(&[1, 2, 3]).await;
    world
        .execute("UPDATE desk SET place = 'window' WHERE id = 2")
        .await;
    live.until("bob's desk is joined", |list| {
        let place = list.rows[1].cells.last().map(|cell| format!("{cell:?}"));
        place.is_some_and(|place| place.contains("window"))
    })
    .await;
    assert!(!live.heard().contains("door") && !live.heard().contains("zanzibar"));
}

#[tokio::test]
async fn a_rule_that_asks_for_what_the_role_may_not_read_gives_nothing() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE TABLE doc (id int PRIMARY KEY, title text, archived date, flag bool);
        INSERT INTO doc VALUES (1, 'zanzibar', '2020-01-01', true), (2, 'zanzibar', NULL, false);
        GRANT SELECT (id, title), UPDATE (title) ON doc TO {db}_bob;
        GRANT SELECT ON doc TO {db}_ann;
        SELECT rowcast.watch('doc');";
    let world = World::new(sql).await;
    let live = Follower::new(&world.server, &world.bob, "/api/live/doc");
    live.until_keys(&[1, 2]).await;
    for rule in [
        "archived=is.null",
        "flag=not.is.true",
        "or=(archived.is.null,id.gt.0)",
        "flag=not.eq.true",
    ] {
        let grant = json!({"read": true, "update": true, "rows": rule}).to_string();
        let path = "/api/permissions/member/doc";
        let said = world.send(&world.ann, "PUT", path, &grant).await;
        assert_eq!(said.status, 200, "{}", said.text());
        for path in [
            "/api/rows/doc",
            "/api/rows/doc.csv",
            "/api/chart/doc?chart=title",
        ] {
            let answer = world.get(&world.bob, path).await;
            assert!(
                !answer.text().contains("zanzibar"),
                "{rule}: {}",
                answer.text()
            );
        }
        live.until_keys(&[]).await;
        let set = r#"{"set":{"title":"changed"}}"#;
        for (method, path) in [("PATCH", "/api/rows/doc/1"), ("PATCH", "/api/rows/doc/2")] {
            let written = world.send(&world.bob, method, path, set).await;
            assert_eq!(written.status, 403, "{rule}: {}", written.text());
        }
        let path = "/api/bulk/doc?id=gt.0";
        let written = world.send(&world.bob, "POST", path, set).await;
        assert!(
            !written.text().contains("\"count\":1"),
            "{}",
            written.text()
        );
        assert_eq!(
            world
                .json(&world.ann, "/api/rows/doc?title=eq.zanzibar")
                .await["total"],
            json!(2),
            "{rule}"
        );
        // What another role gives by what can be read is as before.
        let public = json!({"read": true, "rows": "id=eq.2"}).to_string();
        let path = "/api/permissions/public/doc";
        world.send(&world.ann, "PUT", path, &public).await;
        live.until_keys(&[2]).await;
        world.send(&world.ann, "DELETE", path, "").await;
        live.until_keys(&[]).await;
    }
}
