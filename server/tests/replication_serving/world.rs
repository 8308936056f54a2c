//! A database without triggers, servers of it, and what they show.

use std::{
    process::{Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use rowcast_protocol::Cell;
use sqlx::PgConnection;
use tokio::{process::Command, time::timeout};

use crate::{
    cluster::{Cluster, Database},
    follower::{Follower, PATIENCE, Seen},
    server::Server,
};

pub const REPLICATION: (&str, &str) = ("ROWCAST_SOURCE", "replication");
pub const TRIGGERS: (&str, &str) = ("ROWCAST_SOURCE", "triggers");

pub const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int); \
     ALTER TABLE t REPLICA IDENTITY FULL; SELECT rowcast.watch('t')";

/// All of it, in order.
pub const LIST: &str = "t?order=id&limit=1000";

/// A cluster with room for a slot of each test.
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        Cluster::start(&[("max_replication_slots", "50"), ("max_wal_senders", "50")])
    })
}

/// A database whose changes come from the write-ahead log, with a live table.
pub async fn replicated(cluster: &Cluster) -> Database {
    let database = cluster.database().await;
    Server::with(&database.url, &[REPLICATION])
        .await
        .stop()
        .await;
    database.execute(TABLE).await;
    database
}

/// A database with a live table, by triggers.
pub async fn triggered(cluster: &Cluster) -> Database {
    let database = cluster.database().await;
    Server::with(&database.url, &[]).await.stop().await;
    database.execute(TABLE).await;
    database
}

/// How many triggers of ours the table has.
pub async fn triggers(connection: &mut PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Slots and publications of ours in the database.
pub async fn traces(connection: &mut PgConnection) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()), \
                      (SELECT count(*) FROM pg_publication)";
    sqlx::query_as(sql).fetch_one(connection).await.unwrap()
}

/// Waits until a list is what the table is.
pub async fn until_equal(follower: &Follower, connection: &mut PgConnection) -> Seen {
    let rows: Vec<(i32, i32)> = sqlx::query_as("SELECT id, n FROM t ORDER BY id")
        .fetch_all(connection)
        .await
        .unwrap();
    let cells = |row: &(i32, i32)| {
        [
            Cell::integer(i64::from(row.0)),
            Cell::integer(i64::from(row.1)),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    let equals = |seen: &Seen| {
        seen.list.as_ref().is_some_and(|list| {
            list.total == rows.len() as u64
                && list.rows.len() == rows.len()
                && list.rows.iter().zip(&rows).all(|(a, b)| a.cells == b[..])
        })
    };
    follower
        .until(&format!("{} rows", rows.len()), equals)
        .await
}

/// The same, where nobody may have seen a row come twice, or their list taken away.
pub async fn until_equal_without_a_reset(follower: &Follower, connection: &mut PgConnection) {
    let seen = until_equal(follower, connection).await;
    assert_eq!(seen.resets, Vec::<String>::new(), "{}", follower.address);
    let twice: Vec<_> = seen.inserted.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{}: {twice:?}", follower.address);
}

/// Waits until this holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect(what);
}

/// What becomes of a program that is to end by itself.
pub async fn ended(command: &str, url: &str, settings: &[(&str, &str)]) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg(command)
        .env("DATABASE_URL", url)
        .env("ROWCAST_ADDR", "127.0.0.1:0")
        .env("ROWCAST_AUTH", "off")
        .env("RUST_LOG", "error")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(90), program).await;
    output.expect("the program ends").unwrap()
}

/// What it said as it failed.
pub async fn failure(command: &str, url: &str, settings: &[(&str, &str)]) -> String {
    let output = ended(command, url, settings).await;
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Drops the slot, whoever reads it.
pub async fn drop_slot(connection: &mut PgConnection) {
    until("the slot is dropped", async || {
        let end = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots \
                    WHERE database = current_database() AND active";
        sqlx::query(end).execute(&mut *connection).await.unwrap();
        let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
                     WHERE database = current_database()";
        sqlx::query(drop).execute(&mut *connection).await.is_ok()
    })
    .await;
}
