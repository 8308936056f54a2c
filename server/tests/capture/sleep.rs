//! A tail wakes up, goes to sleep and hears what comes then; alone, and beside others.

use std::time::{Duration, Instant};

use rowcast::capture::{TailEvent, tail::Started};
use rowcast_protocol::PgSnapshot;
use sqlx::PgConnection;

use crate::{
    cluster::{Cluster, Database},
    replica::{Replica, connect, database, execute, follow, next, prepared, version},
};

const TABLE: &str = "CREATE TABLE item (id int PRIMARY KEY, n int); SELECT rowcast.watch('item')";

/// Five seconds, after which a sleeping tail looks by itself, are too long to be the bell.
const RUNG: Duration = Duration::from_secs(3);

/// Applies what a tail tells until it has told of a version.
async fn hear(tail: &mut Started, replica: &mut Replica, end: &PgSnapshot) {
    // Of ids that were handed out to others since it read, it has nothing to tell.
    tail.handle.nudge();
    loop {
        let TailEvent::Read(read) = next(tail).await else {
            panic!("the tail was lost")
        };
        replica.apply(&read);
        if read.to.covers(end) {
            return;
        }
    }
}

/// Begins a transaction and gives its id.
async fn begin(connection: &mut PgConnection, sql: &str) -> u64 {
    execute(connection, "BEGIN").await;
    execute(connection, sql).await;
    let xid: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
        .fetch_one(connection)
        .await
        .unwrap();
    xid.parse().unwrap()
}

/// Waits until a transaction is told of.
async fn hear_of(tail: &mut Started, xid: u64) {
    loop {
        let TailEvent::Read(read) = next(tail).await else {
            panic!("the tail was lost")
        };
        if read.rows.iter().any(|row| row.xid == xid) {
            return;
        }
    }
}

/// Commits a transaction and waits until it is told of, which must not take until a tail looks
/// by itself.
async fn commit(tail: &mut Started, connection: &mut PgConnection, xid: u64) {
    let began = Instant::now();
    execute(connection, "COMMIT").await;
    hear_of(tail, xid).await;
    assert!(began.elapsed() < RUNG, "{:?}", began.elapsed());
}

/// The same of a statement.
async fn told(tail: &mut Started, connection: &mut PgConnection, sql: &str) {
    let xid = begin(connection, sql).await;
    commit(tail, connection, xid).await;
}

/// Writes until the tail is awake. How many rows that took.
async fn wake(tail: &mut Started, replica: &mut Replica, connection: &mut PgConnection) -> i32 {
    let awake = tail.handle.awake();
    let mut rows = 0;
    while !*awake.borrow() {
        execute(connection, &format!("INSERT INTO item VALUES ({rows}, 0)")).await;
        rows += 1;
        while let Ok(event) = tail.events.try_recv() {
            let TailEvent::Read(read) = event else {
                panic!("{event:?}")
            };
            replica.apply(&read);
        }
    }
    rows
}

async fn fall_asleep(tail: &Started) {
    let mut awake = tail.handle.awake();
    awake.wait_for(|awake| !awake).await.unwrap();
}

/// How many tails there are.
async fn tails(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 3 AND granted \
            AND classid = rowcast.awake_class()::int8::oid \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn both(database: &Database) -> (Started, Started) {
    (follow(database).await, follow(database).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_burst_nothing_is_left_behind_and_one_commit_rings() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET search_path = public").await;
    let rows = wake(&mut tail, &mut replica, &mut writer).await;
    assert!(rows >= 100, "{rows} commits are no burst");
    for n in 0..200 {
        execute(
            &mut writer,
            &format!("UPDATE item SET n = {n} WHERE id = 0"),
        )
        .await;
    }
    let end = version(&mut writer).await;
    hear(&mut tail, &mut replica, &end).await;
    fall_asleep(&tail).await;
    replica.check(&mut writer, "public.item", "asleep").await;
    let (_, _, bells) = tail.handle.counts();
    for _ in 0..3 {
        told(&mut tail, &mut writer, "UPDATE item SET n = n + 1").await;
    }
    assert!(tail.handle.counts().2 > bells, "no bell rang");
    assert!(!*tail.handle.awake().borrow());
}

#[tokio::test]
async fn bells_that_rang_while_nothing_was_read_are_answered_by_one_read() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET search_path = public").await;
    // Nobody takes what it tells, so that it reads no further.
    for n in 0..380 {
        execute(&mut writer, &format!("INSERT INTO item VALUES ({n}, 0)")).await;
    }
    let end = version(&mut writer).await;
    hear(&mut tail, &mut Replica::default(), &end).await;
    let (before, ..) = tail.handle.counts();
    let nudges = 40;
    for _ in 0..nudges {
        tail.handle.nudge();
        next(&mut tail).await;
    }
    let (after, ..) = tail.handle.counts();
    assert!(after - before <= nudges + 3, "{} reads", after - before);
}

/// Another server, or a session of ours whose end the database has not heard of.
#[tokio::test]
async fn a_tail_beside_one_that_says_nothing_any_more_looks_by_itself() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut silent = database.connect().await;
    execute(
        &mut silent,
        "SELECT pg_advisory_lock(rowcast.awake_class(), 1)",
    )
    .await;
    let mut tail = follow(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET search_path = public").await;
    for n in 0..3 {
        let sql = format!("INSERT INTO item VALUES ({n}, 0)");
        told(&mut tail, &mut writer, &sql).await;
    }
    // Whoever skipped the bell for it is heard of when it is gone, too; and all others ring.
    let mut late = connect(&database).await;
    execute(&mut late, "SET search_path = public").await;
    let xid = begin(&mut late, "INSERT INTO item VALUES (10, 0)").await;
    sqlx::Connection::close(silent).await.unwrap();
    commit(&mut tail, &mut late, xid).await;
    while tail.handle.counts().2 == 0 {
        told(&mut tail, &mut writer, "UPDATE item SET n = n + 1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_skipped_the_bell_is_told_to_other_servers_as_well() {
    let database = database().await;
    database.execute(TABLE).await;
    let (mut one, mut other) = both(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET search_path = public").await;
    let heard = other.handle.awake();
    let mut rows = 0;
    while !*one.handle.awake().borrow() && !*heard.borrow() {
        execute(&mut writer, &format!("INSERT INTO item VALUES ({rows}, 0)")).await;
        rows += 1;
        while one.events.try_recv().is_ok() || other.events.try_recv().is_ok() {}
    }
    let xid = begin(&mut writer, "UPDATE item SET n = 1 WHERE id = 0").await;
    fall_asleep(&one).await;
    fall_asleep(&other).await;
    let began = Instant::now();
    commit(&mut one, &mut writer, xid).await;
    hear_of(&mut other, xid).await;
    assert!(began.elapsed() < RUNG, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_bell_goes_on_ringing_when_another_tail_has_ended() {
    let database = database().await;
    database.execute(TABLE).await;
    let (first, mut second) = both(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET search_path = public").await;
    told(&mut second, &mut writer, "INSERT INTO item VALUES (0, 0)").await;
    assert_eq!(tails(&mut writer).await, 2);
    drop(first.events);
    while tails(&mut writer).await > 1 {}
    // One that is awake needs no bell.
    fall_asleep(&second).await;
    let (_, _, bells) = second.handle.counts();
    told(&mut second, &mut writer, "UPDATE item SET n = 1").await;
    assert!(second.handle.counts().2 > bells, "no bell rang");
}

#[tokio::test]
async fn a_database_that_came_back_without_a_bell_is_not_waited_for() {
    let cluster = Cluster::start(&[]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    database
        .execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        .await;
    cluster.stop();
    cluster.resume();
    while !matches!(next(&mut tail).await, TailEvent::Recovered) {}
    database
        .execute("BEGIN; INSERT INTO item VALUES (1, 1); PREPARE TRANSACTION 'p'")
        .await;
    let mut awake = tail.handle.awake();
    database.execute("COMMIT PREPARED 'p'").await;
    let TailEvent::Read(read) = next(&mut tail).await else {
        panic!("the tail was lost")
    };
    assert_eq!(read.rows.len(), 1);
    // It goes on looking, as nobody will ring.
    awake.wait_for(|awake| *awake).await.unwrap();
}
