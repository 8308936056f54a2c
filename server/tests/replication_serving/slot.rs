//! What is kept for the slot, and what becomes of one that is gone.

use sqlx::PgConnection;

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    metrics::metric,
    server::Server,
    world::{LIST, REPLICATION, cluster, drop_slot, replicated, until, until_equal},
};

/// Rows that write this many megabytes or more of the write-ahead log.
async fn write_much(database: &Database, megabytes: u32) {
    database
        .execute(&format!(
            "CREATE TABLE IF NOT EXISTS filler (n int, text text); \
             INSERT INTO filler SELECT g, repeat('x', 1000) FROM generate_series(1, {megabytes} * 1000) g; \
             TRUNCATE filler"
        ))
        .await;
}

/// A server for which no more than four megabytes are kept.
async fn bounded(database: &Database) -> Server {
    let settings = [
        REPLICATION,
        ("ROWCAST_SLOT_MAX", "4194304"),
        ("RUST_LOG", "off"),
    ];
    Server::with(&database.url, &settings).await
}

/// A transaction that has written, and is open: all is kept that comes after it.
async fn begin(database: &Database) -> PgConnection {
    let mut connection = database.connect().await;
    sqlx::raw_sql("BEGIN; INSERT INTO t VALUES (1, 1)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn commit(mut open: PgConnection) {
    sqlx::query("COMMIT").execute(&mut open).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_bound_another_history_begins_and_lists_stay_exact() {
    // By itself, for the write-ahead log is the whole cluster's.
    let cluster = Cluster::start(&[]);
    let database = replicated(&cluster).await;
    let server = bounded(&database).await;
    let follower = Follower::new(&server.address, LIST).await;
    let mut connection = database.connect().await;
    let open = begin(&database).await;
    write_much(&database, 12).await;
    until("it is seen that too much is kept", async || {
        metric(&server.address, "rowcast_slot_retained_bytes").await > 4 << 20
    })
    .await;
    // It has ended before another one begins.
    until("the slot is dropped, and made anew", async || {
        metric(&server.address, "rowcast_slot_copies").await == 0
    })
    .await;
    commit(open).await;
    database.execute("INSERT INTO t VALUES (2, 2)").await;
    until("it is copied again", async || {
        metric(&server.address, "rowcast_slot_copies").await == 1
    })
    .await;
    until_equal(&follower, &mut connection).await;
    let seen = follower
        .until("another history", |seen| !seen.resets.is_empty())
        .await;
    assert_eq!(seen.resets.len(), 1, "{:?}", seen.resets);
    database.execute("INSERT INTO t VALUES (3, 3)").await;
    until_equal(&follower, &mut connection).await;
    server.stop().await;
}

/// A transaction that was open before the slot was made has it kept, too, and nobody reads it yet.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_being_made_is_bounded_as_well() {
    let cluster = Cluster::start(&[]);
    let database = replicated(&cluster).await;
    let server = bounded(&database).await;
    let follower = Follower::new(&server.address, LIST).await;
    let mut connection = database.connect().await;
    let open = begin(&database).await;
    drop_slot(&mut connection).await;
    let begins = "SELECT pg_wal_lsn_diff(restart_lsn, '0/0')::int8 FROM pg_replication_slots \
                   WHERE database = current_database()";
    let mut first = None;
    until("the slot is being made", async || {
        first = sqlx::query_scalar::<_, Option<i64>>(begins)
            .fetch_optional(&mut connection)
            .await
            .unwrap()
            .flatten();
        first.is_some()
    })
    .await;
    write_much(&database, 12).await;
    until("it is dropped, and made anew", async || {
        let now = sqlx::query_scalar::<_, Option<i64>>(begins)
            .fetch_optional(&mut connection)
            .await
            .unwrap()
            .flatten();
        now.is_some_and(|now| Some(now) > first.map(|first| first + (4 << 20)))
    })
    .await;
    commit(open).await;
    database.execute("INSERT INTO t VALUES (2, 2)").await;
    until_equal(&follower, &mut connection).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_database_has_given_up_is_made_anew() {
    let cluster = Cluster::start(&[
        ("max_slot_wal_keep_size", "1MB"),
        ("min_wal_size", "32MB"),
        ("max_wal_size", "32MB"),
    ]);
    let database = replicated(&cluster).await;
    let mut connection = database.connect().await;
    // Nobody copies.
    until("what is kept is given up", async || {
        write_much(&database, 20).await;
        database.execute("SELECT pg_switch_wal(); CHECKPOINT").await;
        let sql = "SELECT wal_status = 'lost' FROM pg_replication_slots";
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    })
    .await;
    database.execute("INSERT INTO t VALUES (1, 1)").await;
    let server = Server::with(&database.url, &[REPLICATION]).await;
    let follower = Follower::new(&server.address, LIST).await;
    until_equal(&follower, &mut connection).await;
    database.execute("INSERT INTO t VALUES (2, 2)").await;
    until_equal(&follower, &mut connection).await;
    // So is one that somebody drops while it is read.
    drop_slot(&mut connection).await;
    database.execute("INSERT INTO t VALUES (3, 3)").await;
    until_equal(&follower, &mut connection).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_while_no_server_runs_is_copied_then() {
    let database = replicated(cluster()).await;
    let mut connection = database.connect().await;
    let mut server = Server::with(&database.url, &[REPLICATION]).await;
    let epoch = "SELECT epoch FROM rowcast.state";
    let before: i64 = sqlx::query_scalar(epoch)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    server.kill().await;
    database
        .execute("INSERT INTO t SELECT g, 0 FROM generate_series(1, 50) g")
        .await;
    server.restart().await;
    let follower = Follower::new(&server.address, LIST).await;
    until_equal(&follower, &mut connection).await;
    let logged: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rowcast.change_log WHERE relation = 't'::regclass AND kind = 'i'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(logged > 0, "it is in the log");
    let after: i64 = sqlx::query_scalar(epoch)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(before, after);
    server.stop().await;
}
