//! What is under way when a rule changes.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    browser::{account, bearer, token},
    stream::Stream,
    world::{MARK, World},
};

/// How long is waited for what comes at once: a machine that is taken away from the test for
/// longer is no fault.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_export_ends_with_the_rule_that_allowed_it() {
    let world = World::open().await;
    let database = &world.server.database;
    database
        .execute(
            "CREATE TABLE heap (id int PRIMARY KEY, word text);
             INSERT INTO heap SELECT n, repeat('zanzibar', 1250) FROM generate_series(1, 20000) n",
        )
        .await;
    for change in ["rule", "token"] {
        let mut stream = TcpStream::connect(world.server.addr).await.unwrap();
        let head = format!(
            "GET /api/rows/heap.csv HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
            world.server.addr,
            bearer(&world.bob)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = vec![0; 64 * 1024];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(bytes[..count].starts_with(b"HTTP/1.1 200"));
        // Nothing more is read, so most of it is still to be sent.
        match change {
            "rule" => world.grant("member", "heap", "{}").await,
            _ => {
                let sql = "UPDATE rowcast.token SET revoked_at = now() WHERE name = 'write'";
                database.execute(sql).await;
            }
        }
        // Its query ends, though nobody has read on.
        let pool = database.pool(1).await;
        let ended = async {
            let sql = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = current_database() AND state = 'active' AND query LIKE '%heap%' \
                          AND pid <> pg_backend_pid()";
            while sqlx::query_scalar::<_, i64>(sql)
                .fetch_one(&pool)
                .await
                .unwrap()
                > 0
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, ended).await.expect("the export's query ends");
        let (mut read, mut end) = (0, Vec::new());
        let rest = async {
            while let Ok(count) = stream.read(&mut bytes).await
                && count > 0
            {
                read += count;
                end.extend_from_slice(&bytes[..count]);
                end.drain(..end.len().saturating_sub(16));
            }
        };
        timeout(SOON, rest).await.expect("the connection ends");
        assert!(
            read < 100_000_000,
            "{change}: {read} bytes of what was not to be seen"
        );
        assert!(
            !end.ends_with(b"0\r\n\r\n"),
            "{change}: it is no whole file"
        );
        world.grant("member", "heap", r#"{"read":true}"#).await;
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_websocket_is_closed_when_a_rule_of_its_reader_changes() {
    let world = World::new().await;
    let url = format!("ws://{}/api/ws", world.server.addr);
    let mut request = url.into_client_request().unwrap();
    let token = bearer(&world.bob).parse().unwrap();
    request.headers_mut().insert("Authorization", token);
    let (mut socket, _) = connect_async(request).await.unwrap();
    let subscribe = r#"{"type":"subscribe","id":1,"table":"ticket","query":"order=id"}"#;
    socket.send(Message::text(subscribe)).await.unwrap();
    let snapshot = loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            break text;
        }
    };
    assert!(snapshot.contains(r#""total":2"#), "{snapshot}");
    // What concerns others ends nothing.
    let made = world
        .admin("POST", "/api/roles", r#"{"name":"desk"}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    world.grant("desk", "ticket", r#"{"read":true}"#).await;
    socket.send(Message::Ping("x".into())).await.unwrap();
    while !matches!(socket.next().await.unwrap().unwrap(), Message::Pong(_)) {}
    world
        .grant("member", "ticket", r#"{"read":true,"rows":"id=eq.2"}"#)
        .await;
    let closed = async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap(),
                Message::Text(text) => assert!(!text.contains("leaking"), "{text}"),
                _ => {}
            }
        }
    };
    let frame = timeout(SOON, closed).await.expect("it is closed");
    assert_eq!(u16::from(frame.code), 1001, "{}", frame.reason);
    assert!(
        frame.reason.contains("may have changed"),
        "{}",
        frame.reason
    );
    world.server.stop().await;
}

#[tokio::test]
async fn those_who_see_the_same_share_a_window_and_others_do_not() {
    let world = World::new().await;
    let rule = r#"{"read":true,"rows":"amount=lt.100","hidden":["note"]}"#;
    world.grant("member", "ticket", rule).await;
    let eve = account(&world.server, "eve", &[]).await;
    let eve = token(&world.server, eve, "read").await;
    let path = "/api/live/ticket?order=id";
    let mut bobs = Stream::open(&world.server, &world.bob, path).await;
    let first = bobs.next().await.unwrap();
    let mut eves = Stream::open(&world.server, &eve, path).await;
    let same = eves.next().await.unwrap();
    assert_eq!(first.1["rows"], same.1["rows"]);
    let windows = async || {
        let text = world.server.get("/metrics").await.text();
        let line = text
            .lines()
            .find(|line| line.starts_with("rowcast_live_windows "))
            .unwrap()
            .to_owned();
        line.split(' ').next_back().unwrap().to_owned()
    };
    assert_eq!(windows().await, "1");
    let mut anns = Stream::open(&world.server, &world.admin, path).await;
    assert_eq!(anns.next().await.unwrap().1["total"], 4);
    assert_eq!(windows().await, "2");
    world
        .server
        .database
        .execute(
            "UPDATE ticket SET note = 'zanzibar 8' WHERE id = 1;
             UPDATE ticket SET title = 'zanzibar' WHERE id = 2;
             UPDATE ticket SET title = 'lamp' WHERE id = 1",
        )
        .await;
    for stream in [&mut bobs, &mut eves] {
        let (_, patch) = stream.next().await.unwrap();
        assert_eq!(
            patch["ops"],
            json!([{"op": "update", "key": [1], "cells": {"title": "lamp"}}])
        );
        assert!(!stream.heard.contains(MARK), "{}", stream.heard);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_column_that_takes_the_place_of_another_by_its_name_does_not_show() {
    let world = World::new().await;
    let rule = r#"{"read":true,"hidden":["note"]}"#;
    world.grant("member", "ticket", rule).await;
    let path = "/api/live/ticket?select=id,title&order=id";
    let mut stream = Stream::open(&world.server, &world.bob, path).await;
    stream.next().await.unwrap();
    let sql = "UPDATE ticket SET note = 'quagga'; ALTER TABLE ticket DROP COLUMN title; \
               ALTER TABLE ticket RENAME note TO title";
    world
        .server
        .database
        .execute(&format!("BEGIN; {sql}; COMMIT"))
        .await;
    let (event, ended) = stream.next().await.unwrap();
    assert_eq!(event, "error");
    assert!(ended.to_string().contains("catalog_changed"), "{ended}");
    assert!(!stream.heard.contains("quagga"), "{}", stream.heard);
    let again = Stream::open(&world.server, &world.bob, path).await;
    assert!(!again.heard.contains("quagga"), "{}", again.heard);
    world.server.stop().await;
}
