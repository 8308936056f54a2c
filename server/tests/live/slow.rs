//! Reads that take longer than the server allows.

use serde_json::json;
use sqlx::PgConnection;

use crate::{cluster::Database, socket::Socket, start};

/// Cancels the server's reads that wait for a lock, as their time limit does. How many those
/// were.
async fn cancel_reads(admin: &mut PgConnection, database: &Database) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) FROM pg_stat_activity \
          WHERE application_name = 'rowcast' AND datname = $1 AND wait_event_type = 'Lock'",
    )
    .bind(&database.name)
    .fetch_one(admin)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_list_is_kept_over_a_read_that_was_too_slow_and_read_again() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "order=id.desc&limit=2").await;
    let (mut writer, mut owner) = (database.connect().await, database.connect().await);
    let mut admin = database.connect().await;
    // More than images tell of, so that the list has to be read again.
    sqlx::raw_sql(
        "BEGIN; TRUNCATE t; INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 30000) g",
    )
    .execute(&mut writer)
    .await
    .unwrap();
    // Whoever is next to have the table keeps it to itself.
    let locked = tokio::spawn(async move {
        let sql = "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE";
        sqlx::raw_sql(sql).execute(&mut owner).await.unwrap();
        owner
    });
    let mut waits = false;
    while !waits {
        waits = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT granted \
                AND mode = 'AccessExclusiveLock' AND relation = 't'::regclass)",
        )
        .fetch_one(&mut admin)
        .await
        .unwrap();
    }
    sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
    let mut owner = locked.await.unwrap();
    while cancel_reads(&mut admin, &database).await == 0 {}
    // Who has no list yet is told.
    let message = json!({"type": "subscribe", "id": 2, "table": "t", "query": "n=gt.5"});
    socket.send(&message.to_string()).await;
    let told = tokio::select! {
        told = socket.any() => told,
        () = async { loop { cancel_reads(&mut admin, &database).await; } } => unreachable!(),
    };
    assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!(2)));
    assert_eq!(told["error"]["code"], "too_slow");
    sqlx::raw_sql("COMMIT").execute(&mut owner).await.unwrap();
    // And nobody else before the list is there.
    let patch = socket.any().await;
    assert_eq!((&patch["type"], &patch["id"]), (&json!("patch"), &json!(1)));
    assert_eq!(patch["total"], 30_000);
}
