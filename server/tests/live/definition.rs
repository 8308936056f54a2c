//! Tables that change, or are not live.

use serde_json::json;

use crate::{socket::Socket, start};

#[tokio::test]
async fn a_definition_that_changes_is_a_reset_with_the_new_columns() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id&limit=1").await;
    for (sql, names) in [
        (
            "ALTER TABLE t ADD COLUMN extra int DEFAULT 5",
            &["id", "name", "n", "extra"][..],
        ),
        (
            "ALTER TABLE t RENAME COLUMN extra TO more",
            &["id", "name", "n", "more"],
        ),
        ("ALTER TABLE t DROP COLUMN more", &["id", "name", "n"]),
        (
            "ALTER TABLE t ALTER COLUMN n TYPE text",
            &["id", "name", "n"],
        ),
    ] {
        database.execute(sql).await;
        socket.next("reset").await;
        let snapshot = socket.next("snapshot").await;
        let columns = snapshot["columns"].as_array().unwrap();
        let found: Vec<&str> = columns
            .iter()
            .map(|c| c["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{sql}");
    }
    database
        .execute("UPDATE t SET n = 'text now' WHERE id = 1")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["cells"], json!({"n": "text now"}));
    // A query that no longer fits its table ends, and says why.
    socket.subscribe(2, "t", "name=eq.x").await;
    database.execute("ALTER TABLE t DROP COLUMN name").await;
    let error = socket.next_of(2, "error").await;
    assert_eq!(error["error"]["code"], "unknown_column");
    database.execute("DROP TABLE t").await;
    let error = socket.next_of(1, "error").await;
    assert_eq!(error["error"]["code"], "unknown_table");
}

#[tokio::test]
async fn columns_that_are_named_stay_those_where_all_become_more() {
    let (database, server) = start().await;
    let mut lists = Vec::new();
    // As long as there are no others the two show the same.
    for query in ["", "select=id,name,n"] {
        let mut socket = Socket::open(&server.address).await;
        let snapshot = socket.subscribe(1, "t", query).await;
        assert_eq!(snapshot["columns"].as_array().unwrap().len(), 3);
        lists.push(socket);
    }
    database
        .execute("ALTER TABLE t ADD COLUMN extra int DEFAULT 5")
        .await;
    for (socket, count) in lists.iter_mut().zip([4, 3]) {
        let snapshot = socket.next_of(1, "snapshot").await;
        assert_eq!(snapshot["columns"].as_array().unwrap().len(), count);
        assert_eq!(
            snapshot["rows"][0]["cells"].as_array().unwrap().len(),
            count
        );
    }
}

#[tokio::test]
async fn a_table_that_is_not_live_says_so() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    database
        .execute("CREATE TABLE still (id int PRIMARY KEY)")
        .await;
    socket
        .send(r#"{"type":"subscribe","id":2,"table":"still","query":""}"#)
        .await;
    assert_eq!(
        socket.next_of(2, "error").await["error"]["code"],
        "not_live"
    );
    database.execute("SELECT rowcast.unwatch('t')").await;
    assert_eq!(
        socket.next_of(1, "error").await["error"]["code"],
        "not_live"
    );
}
