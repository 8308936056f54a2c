//! What is kept back of a table that may be read.

use serde_json::json;

use crate::world::{MARK, World};

#[tokio::test]
async fn rows_and_columns_are_kept_back_whatever_is_asked() {
    let world = World::new().await;
    let list = world.bobs("/api/rows/ticket?order=id").await;
    assert_eq!(list["total"], 2);
    let keys: Vec<_> = list["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["key"])
        .collect();
    assert_eq!(keys, [&json!([1]), &json!([3])]);
    let names = list["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| &column["name"]);
    assert!(names.clone().all(|name| name != "note"));
    assert_eq!(names.count(), 6);
    for path in [
        "/api/rows/ticket",
        "/api/rows/ticket?select=*,people(*)",
        "/api/rows/ticket?select=id,who:people!person(name)&order=who(name)",
        "/api/rows/ticket?assignee=not.is.null",
        "/api/rows/ticket?or=(id.gt.0,assignee.eq.ann)&offset=1",
        "/api/rows/ticket?not.and=(assignee.eq.bob,id.gt.0)",
        "/api/rows/ticket?q=zanzibar",
        "/api/rows/ticket?q=a",
        "/api/rows/ticket.csv",
        "/api/rows/ticket.json?q=lamp",
        "/api/rows/people",
        "/api/rows/people?q=zanzibar",
        "/api/tables/ticket",
        "/api/tables/people",
        "/api/chart/ticket?chart=assignee",
        "/api/chart/ticket?chart=amount",
        "/api/rows/ticket?aggregate=max(amount),count_by(assignee),max(title)",
        "/tables/ticket",
        "/tables/ticket?q=zanzibar",
        "/tables/ticket?select=id,people(*)",
    ] {
        let answer = world.bob("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let asked = path.contains(MARK);
        let text = answer.text();
        // What was asked for stands in the page again.
        let text = if asked {
            text.replace("q=zanzibar", "")
                .replace("value=\"zanzibar\"", "")
        } else {
            text
        };
        assert!(
            asked && path.starts_with("/tables") || !text.contains(MARK),
            "{path}: {text}"
        );
        assert!(
            !text.contains("987654321") && !text.contains("leaking"),
            "{path}: {text}"
        );
    }
    assert_eq!(world.bobs("/api/rows/ticket?q=zanzibar").await["total"], 0);
    assert_eq!(world.bobs("/api/rows/people?q=zanzibar").await["total"], 0);
    assert_eq!(world.bobs("/api/rows/ticket?q=LAMP%20b").await["total"], 1);
    let figures = world
        .bobs("/api/rows/ticket?aggregate=sum(amount),max(amount)")
        .await;
    assert_eq!(figures["aggregates"]["sum(amount)"], 40, "{figures}");
    assert_eq!(figures["aggregates"]["max(amount)"], 30);
    world.server.stop().await;
}

#[tokio::test]
async fn what_may_be_done_with_rows_is_told_with_their_table() {
    let world = World::new().await;
    let may = |of: &str| json!({"insert": of.contains('i'), "update": of.contains('u'), "delete": of.contains('d'), "comment": of.contains('c'), "read_only": []});
    for (grant, told) in [
        (r#"{"read":true}"#, "c"),
        (r#"{"read":true,"insert":true}"#, "ic"),
        (r#"{"read":true,"update":true,"rows":"name=eq.bob"}"#, "uc"),
        (r#"{"read":true,"delete":true}"#, "dc"),
    ] {
        world.grant("member", "people", grant).await;
        let people = world.bobs("/api/tables/people").await;
        assert_eq!(people["may"], may(told), "{grant}");
        let all = world.bobs("/api/tables").await;
        let mut all = all["tables"].as_array().unwrap().iter();
        let listed = all.find(|table| table["name"] == "people").unwrap();
        assert_eq!(listed["may"], may(told), "{grant}");
    }
    // A column that may be written in one way alone is not written.
    for (grant, told) in [
        (
            r#"{"read":true,"update":true,"read_only":["phone"]}"#,
            json!(["phone"]),
        ),
        (
            r#"{"read":true,"update":true,"read_only":["phone"],"hidden":["phone"]}"#,
            json!([]),
        ),
    ] {
        world.grant("member", "people", grant).await;
        let people = world.bobs("/api/tables/people").await;
        assert_eq!(people["may"]["read_only"], told, "{grant}");
    }
    world
        .server
        .database
        .execute("CREATE VIEW names AS SELECT name FROM people")
        .await;
    for (table, told) in [("people", "iudc"), ("names", ""), ("rowcast.audit", "")] {
        let answer = world
            .admin("GET", &format!("/api/tables/{table}"), "")
            .await;
        assert_eq!(answer.json().1["may"], may(told), "{table}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_hidden_column_can_be_asked_for_in_no_way() {
    let world = World::new().await;
    for (path, table) in [
        ("/api/rows/ticket?note=eq.x", "ticket"),
        ("/api/rows/ticket?note=is.null", "ticket"),
        (
            "/api/rows/ticket?or=(id.eq.1,and(note.like.z*,id.eq.2))",
            "ticket",
        ),
        ("/api/rows/ticket?order=note", "ticket"),
        ("/api/rows/ticket?select=id,note", "ticket"),
        ("/api/rows/ticket?aggregate=max(note)", "ticket"),
        ("/api/rows/ticket?aggregate=count_by(note)", "ticket"),
        ("/api/rows/ticket.csv?select=note", "ticket"),
        ("/api/live/ticket?note=eq.x", "ticket"),
        ("/api/chart/ticket?chart=note", "ticket"),
        ("/api/rows/ticket?select=id,people(phone)", "people"),
        (
            "/api/rows/ticket?select=id,people(name)&people.phone=like.z*",
            "people",
        ),
        (
            "/api/rows/ticket?select=id,people(name)&order=people(phone)",
            "people",
        ),
        ("/api/rows/people?phone=like.z*", "people"),
    ] {
        let answer = world.bob("GET", path, "").await;
        assert_eq!(answer.error().1, "unknown_column", "{path}");
        // The same words as for a column that there is not.
        let (hidden, other) = if table == "ticket" {
            ("note", "nute")
        } else {
            ("phone", "phune")
        };
        let missing = world
            .bob("GET", &path.replace(hidden, other), "")
            .await
            .text();
        assert_eq!(answer.text(), missing.replace(other, hidden), "{path}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn what_refers_to_rows_that_are_kept_back_tells_nothing_of_them() {
    let world = World::open().await;
    world
        .grant(
            "member",
            "people",
            r#"{"read":true,"rows":"name=eq.$user.name"}"#,
        )
        .await;
    let refused = world
        .refused("GET", "/api/rows/ticket?select=id,people(name)", "")
        .await;
    assert_eq!(refused, (400, "unknown_relation".to_owned()));
    let refused = world.refused("GET", "/api/history/people/2", "").await;
    assert_eq!(refused, (403, "not_allowed".to_owned()));
    world.server.stop().await;
}

#[tokio::test]
async fn the_past_of_a_hidden_column_is_hidden() {
    let world = World::open().await;
    world
        .grant("member", "ticket", r#"{"read":true,"hidden":["note"]}"#)
        .await;
    for set in [
        r#"{"note":"zanzibar 2"}"#,
        r#"{"note":"zanzibar 3","amount":11}"#,
    ] {
        let body = format!(r#"{{"set":{set}}}"#);
        assert_eq!(
            world
                .admin("PATCH", "/api/rows/ticket/1", &body)
                .await
                .status,
            200
        );
    }
    let past = world.bobs("/api/history/ticket/1").await;
    assert!(!past.to_string().contains(MARK), "{past}");
    let changes = past["changes"].as_array().unwrap();
    let updates: Vec<_> = changes
        .iter()
        .filter(|change| change["kind"] == "update")
        .collect();
    assert_eq!(updates.len(), 1, "{past}");
    assert_eq!(updates[0]["columns"], json!(["amount"]));
    world.server.stop().await;
}
