//! Presence: told by pages, followed by others, gone by itself.

use std::time::Instant;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{server::Server, socket::Socket};

const TASKS: &str = "CREATE TABLE task (id int PRIMARY KEY, title text); \
    CREATE TABLE other (id int PRIMARY KEY)";

/// What pages follow.
const FOLLOWED: &str = "table_path=eq.task&seen_at=gte.now-60s&order=session\
    &select=name,row_key,column_name,is_editing";

async fn follow(server: &Server) -> Socket {
    let mut socket = Socket::open(&server.addr.to_string()).await;
    let snapshot = socket.subscribe(1, "rowcast.presence", FOLLOWED).await;
    assert_eq!(snapshot["total"], 0);
    socket
}

async fn show(server: &Server, said: Value) {
    let answer = server
        .write("POST", "/api/presence/task", &said.to_string())
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}

#[tokio::test]
async fn others_see_who_comes_where_they_edit_and_that_they_leave() {
    let server = Server::new(TASKS).await;
    let mut socket = follow(&server).await;
    show(&server, json!({"session": "s-1", "name": " Zoë "})).await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 0, "key": ["s-1"],
            "cells": ["Zoë", null, null, false]}])
    );
    // The key as messages name rows, every digit kept.
    let body = r#"{"session":"s-1","name":"Zoë","key":[ 12345678901234567890.10, "a\"b"],"column":"title"}"#;
    let answer = server
        .write("POST", "/api/presence/public.task", body)
        .await;
    assert_eq!(answer.status, 204);
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": ["s-1"], "cells":
            {"row_key": "[12345678901234567890.10,\"a\\\"b\"]", "column_name": "title"}}])
    );
    // To edit the cell is more than to be in it.
    let body = &body.replace("\"title\"", "\"title\",\"editing\":true");
    let answer = server.write("POST", "/api/presence/task", body).await;
    assert_eq!(answer.status, 204);
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": ["s-1"], "cells": {"is_editing": true}}])
    );
    // To be there still is nothing new, nor is what happens elsewhere.
    let answer = server.write("POST", "/api/presence/task", body).await;
    assert_eq!(answer.status, 204);
    let elsewhere = json!({"session": "s-9", "name": "Max"}).to_string();
    let answer = server
        .write("POST", "/api/presence/other", &elsewhere)
        .await;
    assert_eq!(answer.status, 204);
    show(&server, json!({"session": "s-2"})).await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 1, "key": ["s-2"],
            "cells": ["", null, null, false]}])
    );
    let left = server
        .send("DELETE", "/api/presence/task?session=s-1", &[])
        .await;
    assert_eq!(left.status, 204);
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": ["s-1"]}]));
    // As a page says it that is being closed.
    let left = server
        .write("POST", "/api/presence/task?leave", r#"{"session":"s-2"}"#)
        .await;
    assert_eq!(left.status, 204);
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": ["s-2"]}]));
    server.stop().await;
}

#[tokio::test]
async fn who_is_not_heard_of_is_gone_by_the_clock_and_then_removed() {
    let server = Server::new(TASKS).await;
    let mut socket = follow(&server).await;
    let rows = "order=session&select=session";
    socket.subscribe(2, "rowcast.presence", rows).await;
    show(&server, json!({"session": "silent"})).await;
    socket.next_of(1, "patch").await;
    server
        .database
        .execute("UPDATE rowcast.presence SET seen_at = now() - interval '59.5 s'")
        .await;
    // Nothing is written: the time passes.
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": ["silent"]}]));
    server
        .database
        .execute("UPDATE rowcast.presence SET seen_at = now() - interval '6 min'")
        .await;
    show(&server, json!({"session": "another"})).await;
    loop {
        let patch = socket.next_of(2, "patch").await;
        let ops = patch["ops"].as_array().unwrap();
        if ops.contains(&json!({"op": "remove", "key": ["silent"]})) {
            break;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn many_pages_are_written_by_few_statements() {
    let server = Server::new(TASKS).await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket
        .subscribe(1, "rowcast.presence", "select=name&limit=0")
        .await;
    let begun = Instant::now();
    let shown =
        (0..100).map(|nth| show(&server, json!({"session": format!("s{nth}"), "name": "x"})));
    join_all(shown).await;
    while socket.next_of(1, "patch").await["total"] != 100 {}
    let quarters = i64::try_from(begun.elapsed().as_millis() / 250).unwrap();
    let mut connection = server.database.connect().await;
    let written: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rowcast.change_log \
         WHERE relation = 'rowcast.presence'::regclass AND kind <> 'd'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(
        written <= quarters + 1,
        "{written} statements in {quarters} quarters of a second"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_one_page_says_is_in_no_other_s_way() {
    let server = Server::new(TASKS).await;
    server
        .database
        .execute("ALTER TABLE rowcast.presence ADD CHECK (name <> 'bad')")
        .await;
    let mut socket = follow(&server).await;
    let said = (0..20).map(|nth| {
        let name = if nth % 2 == 0 { "bad" } else { "good" };
        show(&server, json!({"session": format!("s{nth}"), "name": name}))
    });
    join_all(said).await;
    while socket.next_of(1, "patch").await["total"] != 10 {}
    server.stop().await;
}

#[tokio::test]
async fn what_can_not_be_said_is_refused() {
    let server = Server::new(TASKS).await;
    for (said, status, code) in [
        (json!({}), 400, "invalid_json"),
        (json!({"session": "a", "color": 1}), 400, "invalid_json"),
        (json!({"session": ""}), 400, "invalid_presence"),
        (json!({"session": "a b"}), 400, "invalid_presence"),
        (json!({"session": "a".repeat(65)}), 400, "invalid_presence"),
        (
            json!({"session": "a", "name": "x".repeat(65)}),
            400,
            "invalid_presence",
        ),
        (
            json!({"session": "a", "name": "x\u{0}"}),
            400,
            "invalid_presence",
        ),
        (
            json!({"session": "a", "key": ["x".repeat(5000)]}),
            400,
            "invalid_presence",
        ),
        (json!({"session": "a", "key": 7}), 400, "invalid_json"),
        (
            json!({"session": "a", "column": "nope"}),
            400,
            "unknown_column",
        ),
    ] {
        let answer = server
            .write("POST", "/api/presence/task", &said.to_string())
            .await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (status, code),
            "{said:.80}"
        );
    }
    let good = r#"{"session":"a"}"#;
    let answer = server.write("POST", "/api/presence/nowhere", good).await;
    assert_eq!((answer.status, &*answer.error().1), (404, "unknown_table"));
    let evil = [("Origin", "http://evil.example")];
    let answer = server
        .write_with("POST", "/api/presence/task", good, &evil)
        .await;
    assert_eq!((answer.status, &*answer.error().1), (403, "wrong_origin"));
    let answer = server
        .send("DELETE", "/api/presence/task?session=a", &evil)
        .await;
    assert_eq!((answer.status, &*answer.error().1), (403, "wrong_origin"));
    let text = [("Content-Type", "text/plain")];
    let answer = server
        .write_with("POST", "/api/presence/task?leave", good, &text)
        .await;
    assert_eq!(
        (answer.status, &*answer.error().1),
        (415, "unsupported_media_type")
    );
    assert_eq!(server.json("/api/rows/rowcast.presence").await["total"], 0);
    server.stop().await;
}
