//! Reads while many write: each read is one version of the database, none loses a late commit.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rowcast::capture::TailEvent;
use sqlx::AssertSqlSafe;

use crate::{
    cluster::Database,
    replica::{Dice, Reader, Replica, connect, database, execute, follow, next, version},
};

const WRITERS: usize = 8;
const TRANSACTIONS: usize = 60;

/// Writes at random, at all isolation levels, with savepoints and rollbacks, some
/// transactions being held open for a while. What PostgreSQL refuses to serialise is given up.
async fn write(database: Database, seed: u64) {
    let mut dice = Dice(seed);
    let mut connection = database.connect().await;
    for _ in 0..TRANSACTIONS {
        let level = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"][dice.below(3) as usize];
        let mut sql = vec![format!("BEGIN ISOLATION LEVEL {level}")];
        for _ in 0..=dice.below(4) {
            let (id, to) = (dice.below(60), dice.below(60));
            sql.push(match dice.below(9) {
                0 | 1 => format!(
                    "INSERT INTO item VALUES ({id}, {to}) ON CONFLICT (id) DO UPDATE SET n = item.n + 1"
                ),
                2 | 3 => format!("UPDATE item SET n = n + 1 WHERE id = {id}"),
                4 => format!("UPDATE item SET n = n + 1 WHERE id BETWEEN {id} AND {}", id + 9),
                5 => format!(
                    "UPDATE item SET id = {to} WHERE id = {id} \
                     AND NOT EXISTS (SELECT FROM item WHERE id = {to})"
                ),
                6 => format!("DELETE FROM item WHERE id = {id}"),
                7 => format!(
                    "SAVEPOINT s; UPDATE item SET n = 0 WHERE id < {id}; {} s",
                    ["ROLLBACK TO", "RELEASE"][dice.below(2) as usize]
                ),
                _ => format!("SELECT pg_sleep({})", dice.below(20) as f64 / 1000.0),
            });
        }
        sql.push(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"][dice.below(4) as usize].to_owned());
        for statement in sql {
            if sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .is_err()
            {
                execute(&mut connection, "ROLLBACK").await;
                break;
            }
        }
    }
}

fn seed() -> u64 {
    let seed = std::env::var("ROWCAST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_nanos() as u64
        });
    println!("ROWCAST_SEED={seed}");
    seed | 1
}

const TABLE: &str =
    "CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL); SELECT rowcast.watch('item')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_read_is_one_version_of_the_database() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut reader = Reader::new(&database).await;
    let seed = seed();
    let running = Arc::new(AtomicUsize::new(WRITERS));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let (database, running) = (database.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                write(database, seed.wrapping_add(2 * n as u64 * 0x9e37_79b9)).await;
                running.fetch_sub(1, Ordering::Relaxed);
            })
        })
        .collect();
    let (mut reads, mut rows) = (0, 0);
    while running.load(Ordering::Relaxed) > 0 {
        let read = reader.check("public.item", "while others write").await;
        assert_eq!(reader.replica.notes, []);
        reads += 1;
        rows += read.rows.len();
        let mut xids: Vec<_> = read.rows.iter().map(|row| row.xid).collect();
        xids.dedup();
        assert!(
            xids.iter()
                .all(|xid| !read.from.sees(*xid) && read.to.sees(*xid))
        );
    }
    for writer in writers {
        writer.await.unwrap();
    }
    rows += reader.check("public.item", "at the end").await.rows.len();
    let logged: i64 =
        sqlx::query_scalar("SELECT count(*) FROM rowcast.change_log WHERE kind = 'i'")
            .fetch_one(&mut reader.connection)
            .await
            .unwrap();
    assert_eq!(rows as i64, logged, "each row of the log is read once");
    assert!(reads > 20 && rows > 100, "{reads} reads, {rows} rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tail_misses_nothing_while_it_wakes_and_sleeps() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    let seed = seed();
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let database = database.clone();
            tokio::spawn(write(
                database,
                seed.wrapping_add(2 * n as u64 * 0x9e37_79b9),
            ))
        })
        .collect();
    let done = tokio::spawn(async move {
        for writer in writers {
            writer.await.unwrap();
        }
        let mut connection = connect(&database).await;
        (version(&mut connection).await, connection)
    });
    let mut told = Vec::new();
    let mut end = None;
    tokio::pin!(done);
    loop {
        tokio::select! {
            ended = &mut done, if end.is_none() => {
                end = Some(ended.unwrap());
                tail.handle.nudge();
            }
            event = next(&mut tail) => {
                let TailEvent::Read(read) = event else { panic!("{event:?}") };
                replica.apply(&read);
                told.push((read.from, read.to.clone()));
                if end.as_ref().is_some_and(|(end, _)| read.to.covers(end)) {
                    break;
                }
            }
        }
    }
    let (_, mut connection) = end.unwrap();
    replica
        .check(&mut connection, "public.item", "at the end")
        .await;
    assert!(told.windows(2).all(|two| two[1].0.covers(&two[0].1)));
}

#[tokio::test]
async fn a_late_commit_is_read_though_later_transactions_were_read_before() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut reader = Reader::new(&database).await;
    let mut late = database.connect().await;
    execute(&mut late, "BEGIN; INSERT INTO item VALUES (1, 1)").await;
    for n in 2..5 {
        database
            .execute(&format!("INSERT INTO item VALUES ({n}, 1)"))
            .await;
        assert_eq!(reader.read().await.rows.len(), 1);
    }
    execute(&mut late, "COMMIT").await;
    assert_eq!(reader.check("public.item", "late").await.rows.len(), 1);
    assert_eq!(reader.read().await.rows, []);
}
