//! Transactions that are told before others see what they did.

use std::time::Duration;

use sqlx::{PgConnection, postgres::PgListener};

use crate::{
    cluster::{Cluster, Database},
    copier::{Copier, catch_up, follow},
    replica::{Replica, connect, execute, prepared},
};

/// A database in a cluster where commits of those who ask for it wait for these standbys.
async fn waiting_for(standbys: &str) -> (Cluster, Database) {
    let cluster = Cluster::start(&[
        ("synchronous_standby_names", standbys),
        ("synchronous_commit", "local"),
    ]);
    let database = prepared(&cluster).await;
    database
        .execute(
            "SELECT rowcast.set_source('replication'); \
             CREATE TABLE public.whole (id int PRIMARY KEY) PARTITION BY RANGE (id); \
             CREATE TABLE public.other PARTITION OF public.whole FOR VALUES FROM (10) TO (20); \
             CREATE TABLE public.alone (id int PRIMARY KEY); \
             SELECT rowcast.watch('public.whole'), rowcast.watch('public.alone')",
        )
        .await;
    (cluster, database)
}

/// What the log tells of a table beside that it was altered: kinds.
async fn told(connection: &mut PgConnection, table: &str) -> Option<String> {
    sqlx::query_scalar(
        "SELECT string_agg(l.kind::text, '' ORDER BY l.kind) FROM rowcast.change_log l \
          WHERE l.relation = to_regclass($1)::oid AND l.kind <> 'd'",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn rows_of_a_partition_that_nobody_sees_yet_are_told() {
    // Nobody is called so, until they are let go.
    let (_cluster, database) = waiting_for("nobody").await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET synchronous_commit = on").await;
    let written = tokio::spawn(async move {
        // Nobody who reads waits for its locks.
        let makes = "CREATE TABLE public.part (id int PRIMARY KEY); \
             ALTER TABLE public.whole ATTACH PARTITION public.part FOR VALUES FROM (0) TO (10); \
             INSERT INTO public.whole VALUES (1), (11); INSERT INTO public.alone VALUES (1)";
        execute(&mut writer, makes).await;
    });
    let is_copied = "SELECT EXISTS (SELECT FROM rowcast.owed) \
                        AND EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')";
    let copying = async {
        while !sqlx::query_scalar::<_, bool>(is_copied)
            .fetch_one(&mut connection)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), copying)
        .await
        .expect("what is not seen is copied");
    // Who does not wait is told of meanwhile.
    execute(&mut connection, "INSERT INTO public.alone VALUES (2)").await;
    catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    let whole = told(&mut connection, "public.whole").await;
    assert_eq!(whole.as_deref(), Some("i"));
    let free = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    execute(&mut connection, free).await;
    written.await.unwrap();
    catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    assert_eq!(
        told(&mut connection, "public.whole").await.as_deref(),
        Some("ir")
    );
    // Of this one it was known whose rows they are.
    assert_eq!(
        told(&mut connection, "public.alone").await.as_deref(),
        Some("ii")
    );
    let owed: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.owed")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(owed, 0);
}

#[tokio::test]
async fn the_bell_rings_when_what_was_copied_is_seen() {
    let (_cluster, database) = waiting_for("nobody").await;
    let mut bell = PgListener::connect_with(&database.pool(1).await)
        .await
        .unwrap();
    bell.listen_all(["rowcast", "fence"]).await.unwrap();
    // Nobody rings whom nobody hears.
    sqlx::query("SELECT pg_advisory_lock_shared(rowcast.awake_class(), 3)")
        .execute(&mut bell)
        .await
        .unwrap();
    let _copier = Copier::start(&database);
    // For what whoever copied before may not have told.
    assert_eq!(next_of(&mut bell).await, "rowcast");
    let mut connection = connect(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET synchronous_commit = on").await;
    let written = tokio::spawn(async move {
        execute(&mut writer, "INSERT INTO public.alone VALUES (1)").await;
    });
    // It is copied, and nobody sees it.
    assert_eq!(next_of(&mut bell).await, "rowcast");
    execute(&mut connection, "NOTIFY fence").await;
    while next_of(&mut bell).await != "fence" {}
    let free = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    execute(&mut connection, free).await;
    written.await.unwrap();
    assert_eq!(next_of(&mut bell).await, "rowcast");
}

/// The channel of what is notified next.
async fn next_of(bell: &mut PgListener) -> String {
    let rung = tokio::time::timeout(Duration::from_secs(30), bell.recv());
    let rung = rung.await.expect("the bell rings").unwrap();
    rung.channel().to_owned()
}

/// PostgreSQL takes whoever copies for a standby where any will do.
#[tokio::test]
async fn commits_that_wait_for_whoever_copies_are_not_kept_waiting_by_it() {
    let (_cluster, database) = waiting_for("*").await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    let mut writer = connect(&database).await;
    let writing = async {
        for write in [
            "SET synchronous_commit = on",
            "INSERT INTO public.alone VALUES (1)",
            "CREATE TABLE public.part PARTITION OF public.whole FOR VALUES FROM (0) TO (10); \
             INSERT INTO public.whole VALUES (1)",
        ] {
            execute(&mut writer, write).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), writing)
        .await
        .expect("commits end");
    catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    assert_eq!(
        told(&mut connection, "public.alone").await.as_deref(),
        Some("i")
    );
    let whole = told(&mut connection, "public.whole").await;
    assert_eq!(whole.as_deref(), Some("r"));
}
