//! Saved views: kept, bounded, live.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{cluster::Cluster, server::Server, socket::Socket};

const TASKS: &str = "CREATE TABLE task (id int PRIMARY KEY, title text); \
    CREATE TABLE other (id int PRIMARY KEY)";

async fn create(server: &Server, view: Value) -> Value {
    let answer = server
        .write("POST", "/api/views/task", &view.to_string())
        .await;
    let (status, view) = answer.json();
    assert_eq!(status, 201, "{view}");
    view
}

async fn alter(server: &Server, view: &Value, edit: Value) -> Value {
    let path = format!("/api/views/task/{}", view["id"]);
    let (status, view) = server.write("PATCH", &path, &edit.to_string()).await.json();
    assert_eq!(status, 200, "{view}");
    view
}

/// How a page is answered to whoever has these cookies, and where it leads elsewhere.
async fn opens(server: &Server, path: &str, cookie: &str) -> (u16, Option<String>) {
    let answer = server.send("GET", path, &[("Cookie", cookie)]).await;
    let to = answer.header("location").map(str::to_owned);
    (answer.status, to)
}

/// Names of a table's views, the default's with a star.
async fn names(server: &Server, path: &str) -> Vec<String> {
    let answer = server.json(&format!("/api/views/{path}")).await;
    let views = answer["views"].as_array().unwrap().iter();
    views
        .map(|view| {
            let star = if view["default"] == true { "*" } else { "" };
            format!("{}{star}", view["name"].as_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn views_are_saved_changed_and_deleted() {
    let server = Server::new(TASKS).await;
    let query = "title=like.*a*&order=id.desc&~columns=title:240,-id";
    let view = create(&server, json!({"name": " Öpen ", "query": query})).await;
    assert_eq!(view["name"], "Öpen");
    assert_eq!(view["query"], query);
    assert_eq!(
        (&view["owner"], &view["default"]),
        (&Value::Null, &json!(false))
    );
    assert!(view["created_at"].as_str().unwrap().ends_with("+00:00"));
    create(
        &server,
        json!({"name": "Mine", "owner": "Ann", "query": ""}),
    )
    .await;
    // A name is taken among those who see it, of one table.
    let mine = create(
        &server,
        json!({"name": "Öpen", "owner": "Ann", "query": ""}),
    )
    .await;
    for (path, expected) in [
        ("task", vec!["Öpen"]),
        ("public.task", vec!["Öpen"]),
        ("task?owner=Ann", vec!["Öpen", "Mine", "Öpen"]),
        ("task?owner=Bob", vec!["Öpen"]),
        ("other?owner=Ann", vec![]),
    ] {
        assert_eq!(names(&server, path).await, expected, "{path}");
    }
    let taken = json!({"name": "Öpen", "query": ""}).to_string();
    let answer = server.write("POST", "/api/views/task", &taken).await;
    assert_eq!(answer.error().1, "name_taken");
    assert_eq!(answer.status, 409);
    let other = server
        .write("POST", "/api/views/public.other", &taken)
        .await;
    assert_eq!(other.status, 201);
    // What an edit does not name stays.
    let edited = alter(&server, &mine, json!({"name": "All"})).await;
    assert_eq!(
        (&edited["name"], &edited["owner"]),
        (&json!("All"), &json!("Ann"))
    );
    let shared = alter(&server, &mine, json!({"owner": null, "query": "?id=gt.5"})).await;
    assert_eq!(
        (&shared["owner"], &shared["query"]),
        (&Value::Null, &json!("id=gt.5"))
    );
    assert_eq!(names(&server, "task").await, ["All", "Öpen"]);
    let path = format!("/api/views/task/{}", mine["id"]);
    // It is of another table.
    let elsewhere = format!("/api/views/other/{}", mine["id"]);
    for method in ["PATCH", "DELETE"] {
        let answer = server.write(method, &elsewhere, "{}").await;
        assert_eq!((answer.status, &*answer.error().1), (404, "unknown_view"));
    }
    assert_eq!(server.write("DELETE", &path, "").await.status, 204);
    assert_eq!(server.write("DELETE", &path, "").await.status, 404);
    assert_eq!(names(&server, "task").await, ["Öpen"]);
    server.stop().await;
}

#[tokio::test]
async fn a_table_has_one_default_for_all_and_one_for_each_person() {
    let server = Server::new(TASKS).await;
    let view = |name: &str, owner: Option<&str>| json!({"name": name, "owner": owner, "query": "", "default": true});
    let first = create(&server, view("a", None)).await;
    create(&server, view("b", None)).await;
    let own = create(&server, view("c", Some("Ann"))).await;
    assert_eq!(names(&server, "task?owner=Ann").await, ["a", "b*", "c*"]);
    alter(&server, &first, json!({"default": true})).await;
    assert_eq!(names(&server, "task?owner=Ann").await, ["a*", "b", "c*"]);
    // To be shared does not make it everybody's default.
    alter(&server, &own, json!({"owner": null})).await;
    assert_eq!(names(&server, "task").await, ["a*", "b", "c"]);
    alter(&server, &first, json!({"default": false})).await;
    assert_eq!(names(&server, "task").await, ["a", "b", "c"]);
    // Of many who want it at the same time one is last.
    let ids = [&first["id"], &own["id"]];
    let all = join_all((0..12).map(|nth| {
        let path = format!("/api/views/task/{}", ids[nth % 2]);
        let server = &server;
        async move {
            server
                .write("PATCH", &path, r#"{"default":true}"#)
                .await
                .status
        }
    }))
    .await;
    assert!(all.iter().all(|status| *status == 200), "{all:?}");
    let defaults = names(&server, "task").await;
    let stars = defaults.iter().filter(|name| name.ends_with('*'));
    assert_eq!(stars.count(), 1, "{defaults:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_can_not_be_saved_is_refused() {
    let server = Server::new(TASKS).await;
    let long = "x".repeat(101);
    for (body, status, code) in [
        ("not json".to_owned(), 400, "invalid_json"),
        ("{}".to_owned(), 400, "invalid_json"),
        (
            json!({"name": "a", "query": "", "color": 1}).to_string(),
            400,
            "invalid_json",
        ),
        (
            json!({"name": " ", "query": ""}).to_string(),
            400,
            "invalid_view",
        ),
        (
            json!({"name": long, "query": ""}).to_string(),
            400,
            "invalid_view",
        ),
        (
            json!({"name": "a\u{0}b", "query": ""}).to_string(),
            400,
            "invalid_view",
        ),
        (
            json!({"name": "a", "owner": "", "query": ""}).to_string(),
            400,
            "invalid_view",
        ),
        (
            json!({"name": "a", "query": "id=is.what"}).to_string(),
            400,
            "invalid_value",
        ),
        (
            json!({"name": "a", "query": "x".repeat(20_000)}).to_string(),
            400,
            "invalid_view",
        ),
        (
            json!({"name": "a", "query": "x".repeat(70_000)}).to_string(),
            413,
            "too_large",
        ),
    ] {
        let answer = server.write("POST", "/api/views/task", &body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (status, code),
            "{body:.80}"
        );
    }
    let good = json!({"name": "a", "query": ""}).to_string();
    for (header, status, code) in [
        (
            ("Content-Type", "text/plain"),
            415,
            "unsupported_media_type",
        ),
        (("Origin", "http://evil.example"), 403, "wrong_origin"),
    ] {
        let answer = server
            .write_with("POST", "/api/views/task", &good, &[header])
            .await;
        assert_eq!((answer.status, &*answer.error().1), (status, code));
    }
    for path in ["nowhere", "rowcast.change_log", "rowcast.watched"] {
        let answer = server
            .write("POST", &format!("/api/views/{path}"), &good)
            .await;
        assert_eq!((answer.status, &*answer.error().1), (404, "unknown_table"));
    }
    let answer = server.write("PATCH", "/api/views/task/x", "{}").await;
    assert_eq!((answer.status, &*answer.error().1), (404, "unknown_view"));
    server
        .database
        .execute(
            "INSERT INTO rowcast.saved_view (table_path, name, query) \
             SELECT 'task', 'v' || g, '' FROM generate_series(1, 199) g",
        )
        .await;
    create(
        &server,
        json!({"name": "last", "query": "", "default": true}),
    )
    .await;
    let answer = server
        .write(
            "POST",
            "/api/views/task",
            &json!({"name": "b", "query": "", "default": true}).to_string(),
        )
        .await;
    assert_eq!((answer.status, &*answer.error().1), (422, "too_many_views"));
    assert!(names(&server, "task").await.contains(&"last*".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn others_see_views_come_change_and_go() {
    let server = Server::new(TASKS).await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    let query = "table_path=eq.task&or=(owner.is.null,owner.eq.Ann)&order=name&select=name,query,is_default";
    let snapshot = socket.subscribe(1, "rowcast.saved_view", query).await;
    assert_eq!(snapshot["rows"], json!([]));
    create(
        &server,
        json!({"name": "Bob's", "owner": "Bob", "query": ""}),
    )
    .await;
    let view = create(&server, json!({"name": "b", "query": "id=gt.1"})).await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 0, "key": [view["id"]], "cells": ["b", "id=gt.1", false]}])
    );
    alter(&server, &view, json!({"query": "id=gt.2"})).await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [view["id"]], "cells": {"query": "id=gt.2"}}])
    );
    let path = format!("/api/views/task/{}", view["id"]);
    assert_eq!(server.write("DELETE", &path, "").await.status, 204);
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [view["id"]]}]));
    server.stop().await;
}

#[tokio::test]
async fn our_own_tables_are_read_but_not_listed_and_the_rest_of_ours_is_not_there() {
    let server = Server::new(TASKS).await;
    let listed = server.json("/api/tables").await;
    let names: Vec<&str> = listed["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["other", "task"]);
    for table in ["rowcast.saved_view", "rowcast.presence"] {
        let answer = server.json(&format!("/api/tables/{table}")).await;
        assert_eq!(answer["live"], true, "{table}");
        assert_eq!(server.json(&format!("/api/rows/{table}")).await["total"], 0);
    }
    for table in [
        "rowcast.watched",
        "rowcast.change_log",
        "rowcast.state",
        "saved_view",
        "presence",
    ] {
        let answer = server.get(&format!("/api/rows/{table}")).await;
        assert_eq!(answer.status, 404, "{table}");
    }
    server.stop().await;
}

#[tokio::test]
async fn they_stay_live_when_the_schema_is_looked_after() {
    let database = Cluster::shared().database().await;
    let server = Server::on(database, TASKS, Default::default()).await;
    server
        .database
        .execute("SELECT rowcast.refresh(NULL); SELECT rowcast.watch('task'); SELECT rowcast.unwatch('task'); DROP TABLE other")
        .await;
    for table in ["rowcast.saved_view", "rowcast.presence"] {
        let answer = server.json(&format!("/api/tables/{table}")).await;
        assert_eq!(answer["live"], true, "{table}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_may_not_write_says_so_and_does_all_else() {
    // Roles are the cluster's, so it is not one that others share.
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    rowcast::serve::prepare(&database.options).await.unwrap();
    database
        .execute(&format!(
            "{TASKS}; SELECT rowcast.watch('task'); INSERT INTO task VALUES (1); \
             INSERT INTO rowcast.saved_view (table_path, name, query) VALUES ('task', 'kept', ''); \
             CREATE ROLE serving LOGIN; GRANT USAGE ON SCHEMA rowcast TO serving; \
             GRANT SELECT ON ALL TABLES IN SCHEMA rowcast TO serving; \
             GRANT SELECT ON task TO serving"
        ))
        .await;
    let serving = crate::cluster::Database {
        options: database.options.clone().username("serving"),
        url: database.url.replace("postgres@", "serving@"),
        name: database.name.clone(),
    };
    let server = Server::on(serving, "SELECT 1", Default::default()).await;
    let new = json!({"name": "a", "query": ""}).to_string();
    let answer = server.write("POST", "/api/views/task", &new).await;
    assert_eq!((answer.status, &*answer.error().1), (403, "not_allowed"));
    let answer = server.write("DELETE", "/api/views/task/1", "").await;
    assert_eq!((answer.status, &*answer.error().1), (403, "not_allowed"));
    let said = r#"{"session":"a"}"#;
    let answer = server.write("POST", "/api/presence/task", said).await;
    assert_eq!(answer.status, 204);
    assert_eq!(names(&server, "task").await, ["kept"]);
    let history = server.json("/api/history/task/1").await;
    assert_eq!(history["changes"][0]["kind"], "insert");
    // With the rights that docs/sql.md names it may.
    database
        .execute("GRANT INSERT, UPDATE, DELETE ON rowcast.saved_view, rowcast.presence TO serving")
        .await;
    create(&server, json!({"name": "a", "query": "", "default": true})).await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket
        .subscribe(1, "rowcast.presence", "select=name&limit=0")
        .await;
    let answer = server.write("POST", "/api/presence/task", said).await;
    assert_eq!(answer.status, 204);
    assert_eq!(socket.next_of(1, "patch").await["total"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_table_opens_with_its_default_view_where_the_address_says_nothing_else() {
    let server = Server::new(TASKS).await;
    let whoever = "theme=dark";
    assert_eq!(opens(&server, "/tables/task", whoever).await, (200, None));
    let all = create(
        &server,
        json!({"name": "All", "query": "title=eq.Öl \"x\"&~columns=-id", "default": true}),
    )
    .await;
    let own = create(
        &server,
        json!({"name": "Own", "query": "", "owner": "Zoë B", "default": true}),
    )
    .await;
    let to_all = format!(
        "/tables/task?title=eq.%C3%96l%20%22x%22&~columns=-id&~view={}",
        all["id"]
    );
    let to_own = format!("/tables/task?~view={}", own["id"]);
    let moved = |to: &str| (302, Some(to.to_owned()));
    assert_eq!(
        opens(&server, "/tables/task", whoever).await,
        moved(&to_all)
    );
    assert_eq!(
        opens(&server, "/tables/task", "a=b; rowcast.name=Zo%C3%AB%20B").await,
        moved(&to_own)
    );
    assert_eq!(
        opens(&server, "/tables/task", "rowcast.name=Max").await,
        moved(&to_all)
    );
    for path in [
        "/tables/task?~view=all",
        "/tables/task?order=title",
        "/tables/other",
    ] {
        assert_eq!(opens(&server, path, whoever).await, (200, None), "{path}");
    }
    // The page says whose name it bears, before any script runs.
    let page = server.get(&to_all).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("title=\"All\""), "{}", page.text());
    server.stop().await;
}
