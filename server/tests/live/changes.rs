//! What a commit makes of lists.

use serde_json::json;

use crate::{socket::Socket, start};

#[tokio::test]
async fn a_row_that_comes_to_match_enters_and_one_that_ceases_to_leaves() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let snapshot = socket.subscribe(1, "t", "n=gt.198&order=n.desc").await;
    assert_eq!(snapshot["total"], 2);
    assert_eq!(
        snapshot["rows"][0],
        json!({"key": [200], "cells": [200, "name 200", 200]})
    );
    database
        .execute("UPDATE t SET n = 1000.50 WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "insert", "at": 0, "key": [7], "cells": [7, "name 7", 1000.50]}])
    );
    assert_eq!(patch["total"], 3);
    database
        .execute("UPDATE t SET name = 'x' WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [7], "cells": {"name": "x"}}])
    );
    database
        .execute("UPDATE t SET n = 198.5 WHERE id = 7")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "move", "key": [7], "to": 2},
            {"op": "update", "key": [7], "cells": {"n": 198.5}}
        ])
    );
    database.execute("UPDATE t SET n = 0 WHERE id = 7").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [7]}]));
    assert_eq!(patch["total"], 2);
    assert!(patch["changed_at"].as_str().unwrap().ends_with("+00:00"));
}

#[tokio::test]
async fn a_change_outside_the_slice_changes_the_total_alone() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id&limit=3").await;
    database
        .execute("INSERT INTO t VALUES (1000, 'last', 1)")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([]));
    assert_eq!(patch["total"], 201);
}

#[tokio::test]
async fn an_offset_window_moves_with_what_is_ahead_of_it() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket
        .subscribe(1, "t", "order=id&limit=2&offset=100")
        .await;
    database.execute("DELETE FROM t WHERE id = 5").await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "remove", "key": [101]},
            {"op": "insert", "at": 1, "key": [103], "cells": [103, "name 103", 103]}
        ])
    );
}

#[tokio::test]
async fn a_transaction_is_one_patch_and_a_rollback_none() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "id=lt.4").await;
    let mut connection = database.connect().await;
    for sql in [
        "BEGIN; DELETE FROM t WHERE id = 1; ROLLBACK",
        "BEGIN; UPDATE t SET n = 0 WHERE id = 1; SAVEPOINT s; DELETE FROM t WHERE id = 2; \
         ROLLBACK TO s; DELETE FROM t WHERE id = 3; COMMIT",
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([
            {"op": "remove", "key": [3]},
            {"op": "update", "key": [1], "cells": {"n": 0}}
        ])
    );
}

#[tokio::test]
async fn a_truncate_and_a_bulk_change_leave_the_list_right() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id.desc&limit=2").await;
    database.execute("TRUNCATE t").await;
    assert_eq!(socket.next("patch").await["total"], 0);
    database
        .execute("INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 30000) g")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["total"], 30000);
    assert_eq!(patch["ops"][0]["key"], json!([30000]));
}
