//! What is written here is seen by those who look.

use serde_json::json;

use crate::{server::Server, socket::Socket};

#[tokio::test]
async fn a_write_reaches_the_live_stream() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, title text); INSERT INTO t VALUES (1, 'a');
         SELECT rowcast.watch('t')",
    )
    .await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket.subscribe(1, "t", "order=id").await;
    server
        .write("POST", "/api/rows/t", r#"{"id":2,"title":"b"}"#)
        .await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 1, "key": [2], "cells": [2, "b"]}])
    );
    server
        .write("PATCH", "/api/rows/t/2", r#"{"set":{"title":"c"}}"#)
        .await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [2], "cells": {"title": "c"}}])
    );
    server.write("DELETE", "/api/rows/t/1", "{}").await;
    let patch = socket.next_of(1, "patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [1]}]));
    drop(socket);
    server.stop().await;
}
