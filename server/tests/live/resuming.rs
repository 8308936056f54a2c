//! What a client gets that has missed something.

use serde_json::json;

use crate::{
    begin,
    cluster::Cluster,
    event_stream::EventStream,
    proxy::Proxy,
    server::Server,
    socket::{self, Socket},
    start,
};

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let (database, server) = start().await;
    let mut stream = EventStream::open(&server.address, "t?id=lt.10", None).await;
    let snapshot = stream.next("snapshot").await;
    drop(stream);
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    database.execute("UPDATE t SET n = -2 WHERE id = 2").await;

    // Over the event stream, and over the WebSocket with the same cursor.
    let mut stream = EventStream::open(&server.address, "t?id=lt.10", Some(&snapshot.id)).await;
    let mut keys = Vec::new();
    while keys.len() < 2 {
        let patch = stream.next("patch").await;
        for op in patch.data["ops"].as_array().unwrap() {
            keys.push(op["key"][0].as_i64().unwrap());
        }
    }
    assert_eq!(keys, [1, 2]);

    let mut socket = Socket::open(&server.address).await;
    socket
        .send(
            &json!({"type": "subscribe", "id": 1, "table": "t", "query": "id=lt.10",
                    "cursor": snapshot.id})
            .to_string(),
        )
        .await;
    let first = socket.next("patch").await;
    assert_eq!(first["ops"][0]["key"], json!([1]));
}

#[tokio::test]
async fn who_saw_what_came_and_went_within_a_read_of_another_server_gets_the_list_anew() {
    let (database, server) = start().await;
    let port = Cluster::shared().port;
    let proxy = Proxy::start(port).await;
    let other = Server::start(&proxy.instead_of(port, &database.url)).await;
    // Whoever stays keeps the lists there.
    let query = "t?id=lt.1000&limit=0";
    let mut stays = EventStream::open(&other.address, query, None).await;
    stays.next("snapshot").await;
    let mut witness = EventStream::open(&other.address, "t?id=eq.2000", None).await;
    witness.next("snapshot").await;
    let mut goes = EventStream::open(&server.address, query, None).await;
    goes.next("snapshot").await;
    proxy.hold_readers();
    database.execute("INSERT INTO t VALUES (500)").await;
    let seen = goes.next("patch").await;
    assert_eq!(seen.data["total"], 201);
    drop(goes);
    database.execute("DELETE FROM t WHERE id = 500").await;
    database.execute("INSERT INTO t VALUES (2000)").await;
    proxy.open();
    // Then all of it has been read there at once.
    witness.next("patch").await;
    database.execute("INSERT INTO t VALUES (600)").await;
    assert_eq!(stays.next("patch").await.data["total"], 201);
    let mut came = EventStream::open(&other.address, query, Some(&seen.id)).await;
    // It has been told 201 already.
    came.next("reset").await;
    assert_eq!(came.next("snapshot").await.data["total"], 201);
}

#[tokio::test]
async fn a_cursor_of_another_history_gets_a_reset_and_a_snapshot() {
    let (_, server) = start().await;
    for (cursor, path) in [
        (Some("0123456789abcdef.1:1:"), "t?limit=1"),
        (Some("gibberish"), "t?limit=1"),
        (None, "t?limit=1&cursor=gibberish"),
        // An empty header is none, and hides nothing.
        (Some(""), "t?limit=1&cursor=gibberish"),
    ] {
        let mut stream = EventStream::open(&server.address, path, cursor).await;
        let reset = stream.next("reset").await;
        assert!(reset.data["reason"].is_string());
        stream.next("snapshot").await;
    }
    let mut stream = EventStream::open(&server.address, "t?limit=1", Some("")).await;
    stream.next("snapshot").await;
}

#[tokio::test]
async fn a_cursor_of_another_query_gets_a_reset_and_a_snapshot() {
    let (_, server) = start().await;
    let list = EventStream::open(&server.address, "t?id=lt.10", None)
        .await
        .next("snapshot")
        .await;
    for path in ["t?id=lt.20", "t?id=lt.10&limit=3", "t?id=lt.10&select=id"] {
        // It is there already, from before the cursor.
        let mut there = EventStream::open(&server.address, path, None).await;
        there.next("snapshot").await;
        let mut stream = EventStream::open(&server.address, path, Some(&list.id)).await;
        tokio::time::timeout(socket::PATIENCE, stream.next("reset"))
            .await
            .expect("a reset");
        stream.next("snapshot").await;
    }
}

#[tokio::test]
async fn a_client_too_slow_gets_a_reset_and_the_list_as_it_is() {
    let (database, server) = start().await;
    let mut slow = Socket::open(&server.address).await;
    slow.subscribe(1, "t", "order=id").await;
    let mut quick = Socket::open(&server.address).await;
    quick.subscribe(1, "t", "order=id").await;
    // More than all buffers between here and the server hold.
    let mut connection = database.connect().await;
    for nth in 0..400 {
        sqlx::query("UPDATE t SET name = repeat('x', 100000) || $1::text WHERE id = 1")
            .bind(nth)
            .execute(&mut connection)
            .await
            .unwrap();
        quick.next("patch").await;
    }
    let mut last = String::new();
    loop {
        let message = slow.any().await;
        match message["type"].as_str().unwrap() {
            "patch" => last = message["ops"][0]["cells"]["name"].to_string(),
            "reset" => break,
            other => panic!("{other}"),
        }
    }
    assert!(!last.contains("x399"), "the backlog was sent all the same");
    let snapshot = slow.next("snapshot").await;
    assert!(
        snapshot["rows"][0]["cells"][1]
            .as_str()
            .unwrap()
            .ends_with("x399")
    );
    database
        .execute("UPDATE t SET name = 'short' WHERE id = 1")
        .await;
    let patch = slow.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"]["name"], "short");
}

#[tokio::test]
async fn nothing_is_skipped_over_a_database_that_was_gone() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "id=lte.2").await;
    // Stopped in good order: the history goes on, and so does the list.
    cluster.stop();
    cluster.resume();
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["key"], json!([1]));
    // Killed: what was seen before may not have been on disk, so the list begins anew.
    cluster.kill();
    cluster.resume();
    database.execute("UPDATE t SET n = -2 WHERE id = 2").await;
    socket.next("reset").await;
    let mut list = socket.next("snapshot").await;
    if list["rows"][1]["cells"][2] != -2 {
        list = socket.next("patch").await;
        assert_eq!(list["ops"][0]["cells"], json!({"n": -2}));
    }
}

#[tokio::test]
async fn a_restored_dump_is_another_history_and_live() {
    let (database, server) = start().await;
    let cluster = Cluster::shared();
    let mut socket = Socket::open(&server.address).await;
    let snapshot = socket.subscribe(1, "t", "order=id&limit=1").await;
    database
        .execute("UPDATE t SET name = 'logged' WHERE id = 1")
        .await;
    socket.next("patch").await;
    let dump = cluster.program("pg_dump", &database).output().unwrap();
    assert!(dump.status.success());
    let copy = cluster.database().await;
    let mut connection = copy.connect().await;
    let file = cluster.directory().join("dump.sql");
    std::fs::write(&file, dump.stdout).unwrap();
    let restored = cluster
        .program("psql", &copy)
        .args(["-v", "ON_ERROR_STOP=1", "-qf"])
        .arg(&file)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&restored.stderr);
    assert!(restored.status.success(), "{error}");
    let server = Server::start(&copy.url).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.change_log WHERE kind = 'i'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0, "the log of the original means nothing here");
    let mut socket = Socket::open(&server.address).await;
    let message = json!({"type": "subscribe", "id": 1, "table": "t",
        "query": "order=id&limit=1", "cursor": snapshot["cursor"]});
    socket.send(&message.to_string()).await;
    socket.next("reset").await;
    let list = socket.next("snapshot").await;
    assert_eq!(list["rows"][0]["cells"][1], "logged");
    copy.execute("UPDATE t SET name = 'here' WHERE id = 1")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"], json!({"name": "here"}));
}
