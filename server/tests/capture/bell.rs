//! The bell rings when a tail sleeps, and only then.

use std::time::{Duration, Instant};

use rowcast::capture::TailEvent;
use sqlx::postgres::PgListener;

use crate::{
    cluster::{Cluster, Database},
    replica::{connect, database, execute, follow, next, prepared, version},
};

const TABLE: &str = "CREATE TABLE item (id int PRIMARY KEY, n int); SELECT rowcast.watch('item')";

/// A listener and what makes the bell ring for it.
async fn listen(database: &Database) -> PgListener {
    let mut bell = PgListener::connect_with(&database.pool(1).await)
        .await
        .unwrap();
    bell.listen("rowcast").await.unwrap();
    sqlx::query("SELECT pg_advisory_lock_shared(rowcast.awake_class(), 3)")
        .execute(&mut bell)
        .await
        .unwrap();
    bell
}

/// How often the bell rang. What is notified later than all else comes last.
async fn rings(bell: &mut PgListener, database: &Database) -> usize {
    bell.listen("end").await.unwrap();
    database.execute("NOTIFY \"end\"").await;
    let mut rings = 0;
    loop {
        match bell.recv().await.unwrap().channel() {
            "end" => return rings,
            _ => rings += 1,
        }
    }
}

#[tokio::test]
async fn it_rings_once_a_transaction_unless_a_tail_is_awake_or_nobody_hears() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut bell = listen(&database).await;
    database
        .execute(
            "BEGIN; INSERT INTO item VALUES (1, 1); INSERT INTO item VALUES (2, 1); \
             UPDATE item SET n = 2; COMMIT",
        )
        .await;
    assert_eq!(rings(&mut bell, &database).await, 1);
    database.execute("UPDATE item SET n = n").await;
    database.execute("BEGIN; DELETE FROM item; ROLLBACK").await;
    assert_eq!(rings(&mut bell, &database).await, 0);
    // A tail that is awake.
    let mut awake = connect(&database).await;
    execute(
        &mut awake,
        "SELECT pg_advisory_lock(rowcast.awake_class(), 1)",
    )
    .await;
    database.execute("UPDATE item SET n = 3").await;
    assert_eq!(rings(&mut bell, &database).await, 0);
    execute(
        &mut awake,
        "SELECT pg_advisory_unlock(rowcast.awake_class(), 1)",
    )
    .await;
    database.execute("UPDATE item SET n = 4").await;
    assert_eq!(rings(&mut bell, &database).await, 1);
    // Nobody who hears it.
    sqlx::query("SELECT pg_advisory_unlock_shared(rowcast.awake_class(), 3)")
        .execute(&mut bell)
        .await
        .unwrap();
    database.execute("UPDATE item SET n = 5").await;
    assert_eq!(rings(&mut bell, &database).await, 0);
}

/// Five seconds, after which a sleeping tail looks by itself, are too long to be the bell.
const RUNG: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_the_tail_however_long_its_transaction_was_open() {
    let database = database().await;
    database.execute(TABLE).await;
    // Ids from before the tail, from while it is awake, and from while it sleeps.
    let mut before = database.connect().await;
    execute(&mut before, "BEGIN; INSERT INTO item VALUES (1, 0)").await;
    let mut tail = follow(&database).await;
    let mut writer = database.connect().await;
    let mut awake = tail.handle.awake();
    let mut during = database.connect().await;
    let drain = |event: TailEvent| assert!(matches!(event, TailEvent::Read(_)), "{event:?}");
    for n in 100.. {
        execute(&mut writer, &format!("INSERT INTO item VALUES ({n}, 0)")).await;
        drain(next(&mut tail).await);
        if *awake.borrow() {
            execute(&mut during, "BEGIN; INSERT INTO item VALUES (2, 0)").await;
            break;
        }
    }
    awake.wait_for(|awake| !awake).await.unwrap();
    execute(&mut writer, "BEGIN").await;
    for connection in [&mut before, &mut during, &mut writer] {
        let own: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        let own: u64 = own.parse().unwrap();
        execute(connection, "UPDATE item SET n = n + 1").await;
        let started = Instant::now();
        execute(connection, "COMMIT").await;
        loop {
            let TailEvent::Read(read) = next(&mut tail).await else {
                panic!("the tail was lost")
            };
            if read.rows.iter().any(|row| row.xid == own) {
                break;
            }
        }
        assert!(started.elapsed() < RUNG, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_transaction_can_be_prepared_and_is_told_when_it_commits() {
    let cluster = Cluster::start(&[("max_prepared_transactions", "5")]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    database
        .execute("BEGIN; INSERT INTO item VALUES (1, 1); PREPARE TRANSACTION 'p'")
        .await;
    database.execute("COMMIT PREPARED 'p'").await;
    let TailEvent::Read(read) = next(&mut tail).await else {
        panic!("the tail was lost")
    };
    assert_eq!(read.rows.len(), 1);
}

#[tokio::test]
async fn a_tail_beside_one_that_is_awake_is_told_at_once() {
    let database = database().await;
    database.execute(TABLE).await;
    let (mut one, mut other) = (follow(&database).await, follow(&database).await);
    let mut writer = database.connect().await;
    for n in 0.. {
        execute(&mut writer, &format!("INSERT INTO item VALUES ({n}, 0)")).await;
        while one.events.try_recv().is_ok() || other.events.try_recv().is_ok() {}
        if *one.handle.awake().borrow() || *other.handle.awake().borrow() {
            break;
        }
    }
    let (mut awake, mut asleep) = if *one.handle.awake().borrow() {
        (one, other)
    } else {
        (other, one)
    };
    let handle = awake.handle.clone();
    let heard = tokio::spawn(async move { while awake.events.recv().await.is_some() {} });
    // Enough is written to keep it awake.
    let mut busy = database.connect().await;
    let written = tokio::spawn(async move {
        loop {
            execute(&mut busy, "UPDATE item SET n = n + 1 WHERE id = 0").await;
        }
    });
    // Whatever the other one has heard before, it hears of what is written from now on.
    let mut took = Duration::ZERO;
    for _ in 0..5 {
        let begun = Instant::now();
        execute(&mut writer, "UPDATE item SET n = n + 1 WHERE id = 1").await;
        let end = version(&mut writer).await;
        loop {
            let TailEvent::Read(read) = next(&mut asleep).await else {
                panic!("the tail was lost")
            };
            if read.to.covers(&end) {
                break;
            }
        }
        took += begun.elapsed();
    }
    assert!(*handle.awake().borrow());
    written.abort();
    heard.abort();
    // By itself it looks once a second.
    assert!(took < Duration::from_secs(3), "{took:?}");
}
