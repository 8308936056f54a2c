//! Nothing is lost and nothing comes twice, whoever copies and however they end.

use std::time::Duration;

use rowcast::capture::TailEvent;
use sqlx::PgConnection;

use crate::{
    cluster::Database,
    copier::{Copier, catch_up, follow, replicated, triggers},
    replica::{Dice, Replica, connect, execute, next, version},
};

/// A database with so many items, whose rows are told whole.
async fn with_items(count: u32) -> Database {
    let database = replicated().await;
    database
        .execute(&format!(
            "CREATE TABLE public.item (id int PRIMARY KEY, n int); \
             ALTER TABLE public.item REPLICA IDENTITY FULL; \
             INSERT INTO public.item SELECT g, 0 FROM generate_series(1, {count}) g; \
             SELECT rowcast.watch('public.item')"
        ))
        .await;
    database
}

#[tokio::test]
async fn copiers_that_are_killed_while_others_write_lose_nothing_and_repeat_nothing() {
    let database = with_items(50).await;
    let mut copiers = [Copier::start(&database), Copier::start(&database)];
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    let mut connection = connect(&database).await;
    replica.load(&mut connection, "public.item").await;
    let writers: Vec<_> = (1..=4_u64)
        .map(|seed| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut connection = connect(&database).await;
                let mut dice = Dice(seed * 7919);
                for _ in 0..150 {
                    let (id, other) = (dice.below(50) + 1, dice.below(50) + 51);
                    let write = match dice.below(4) {
                        0 => format!("INSERT INTO public.item VALUES ({other}, 0) ON CONFLICT (id) DO UPDATE SET n = 1"),
                        1 => format!("DELETE FROM public.item WHERE id = {other}"),
                        2 => format!("BEGIN; UPDATE public.item SET n = n + 1 WHERE id = {id}; ROLLBACK"),
                        _ => format!("UPDATE public.item SET n = n + 1 WHERE id = {id}"),
                    };
                    execute(&mut connection, &write).await;
                }
            })
        })
        .collect();
    for turn in 0..6 {
        catch_up(&mut tail, &mut replica, &mut connection).await;
        // Whichever of the two copies.
        copiers[turn % 2].kill();
        copiers[turn % 2] = Copier::start(&database);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    catch_up(&mut tail, &mut replica, &mut connection).await;
    replica
        .check(&mut connection, "public.item", "the end")
        .await;
}

#[tokio::test]
async fn where_more_is_kept_for_the_slot_than_may_be_another_history_begins() {
    let database = replicated().await;
    let _copier = Copier::bounded(&database, 0);
    let mut tail = follow(&database).await;
    database
        .execute("CREATE TABLE public.filler AS SELECT 1")
        .await;
    loop {
        if let TailEvent::HistoryChanged { .. } = next(&mut tail).await {
            return;
        }
    }
}

#[tokio::test]
async fn a_table_that_somebody_took_out_of_the_publication_is_published_again() {
    let database = replicated().await;
    database
        .execute(
            "CREATE TABLE public.item (id int PRIMARY KEY); SELECT rowcast.watch('public.item')",
        )
        .await;
    let _copier = Copier::start(&database);
    let _tail = follow(&database).await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "ALTER PUBLICATION rowcast DROP TABLE public.item",
    )
    .await;
    let published = async {
        let asked = "SELECT rowcast.is_published('public.item'::regclass)";
        while !sqlx::query_scalar::<_, bool>(asked)
            .fetch_one(&mut connection)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), published)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_list_that_is_read_in_the_midst_of_writes_gets_each_change_once() {
    let database = with_items(20).await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    for round in 0..10_u64 {
        let writers: Vec<_> = (1..=3_u64)
            .map(|seed| {
                let database = database.clone();
                tokio::spawn(async move {
                    let mut connection = connect(&database).await;
                    let mut dice = Dice((round * 3 + seed) * 7919);
                    for _ in 0..40 {
                        let id = dice.below(20) + 1;
                        let write = format!("UPDATE public.item SET n = n + 1 WHERE id = {id}");
                        execute(&mut connection, &write).await;
                    }
                })
            })
            .collect();
        // Half of it is written.
        while moved(&mut connection, "public.item").await < (round * 120 + 60) as i64 {}
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
        execute(&mut connection, begin).await;
        let shown = version(&mut connection).await;
        let mut replica = Replica::default();
        replica.load(&mut connection, "public.item").await;
        execute(&mut connection, "COMMIT").await;
        for writer in writers {
            writer.await.unwrap();
        }
        let end = version(&mut connection).await;
        tail.handle.nudge();
        loop {
            let mut read = match next(&mut tail).await {
                TailEvent::Read(read) => read,
                TailEvent::Lost | TailEvent::Recovered => continue,
                TailEvent::HistoryChanged { .. } => panic!("another history began"),
            };
            // What the list shows is not applied to it.
            read.rows.retain(|row| !shown.sees(row.xid));
            replica.apply(&read);
            if read.to.covers(&end) {
                break;
            }
        }
        let what = format!("round {round}");
        replica.check(&mut connection, "public.item", &what).await;
    }
}

/// How often rows were changed.
async fn moved(connection: &mut PgConnection, table: &str) -> i64 {
    let sql = format!("SELECT sum(n) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_another_one_has_copied_is_not_added_again() {
    let database = replicated().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "UPDATE rowcast.copied SET lsn = '0/10', version = pg_current_snapshot(), at = now()",
    )
    .await;
    let mut append = async |before: &str, reached: &str| -> (Option<bool>, i64) {
        let added = sqlx::query_scalar(
            "SELECT rowcast.append($1::text::pg_lsn, $2::text::pg_lsn, pg_current_snapshot(), 0, \
                 '{1}', '{0}', '{1}', '{r}', '{0}', '{NULL}', '{NULL}', '{}', '{}', '{}', '{}')",
        )
        .bind(before)
        .bind(reached)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let count = "SELECT count(*) FROM rowcast.change_log WHERE relation = 1";
        let count = sqlx::query_scalar(count).fetch_one(&mut connection);
        (added, count.await.unwrap())
    };
    assert_eq!(append("0/10", "0/20").await, (Some(true), 1));
    assert_eq!(append("0/10", "0/20").await, (None, 1));
    assert_eq!(append("0/10", "0/30").await, (None, 1));
    assert_eq!(append("0/20", "0/30").await, (Some(true), 2));
}

/// From when on all changes are in the log, as a row's past is told.
async fn whole_since(connection: &mut PgConnection) -> Option<String> {
    sqlx::query_scalar("SELECT purged_until::text FROM rowcast.state")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_log_does_not_claim_what_was_written_while_nobody_copied() {
    let database = replicated().await;
    let mut connection = connect(&database).await;
    let switched = whole_since(&mut connection).await;
    assert!(switched.is_some());
    let _copier = Copier::start(&database);
    let _tail = follow(&database).await;
    assert_ne!(whole_since(&mut connection).await, switched);
}

#[tokio::test]
async fn the_way_back_makes_triggers_again_and_another_history() {
    let database = replicated().await;
    database
        .execute(
            "CREATE TABLE public.item (id int PRIMARY KEY); SELECT rowcast.watch('public.item')",
        )
        .await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    database
        .execute("SELECT rowcast.set_source('triggers')")
        .await;
    assert_eq!(triggers(&database, "public.item").await, 4);
    tail.handle.nudge();
    loop {
        if let TailEvent::HistoryChanged { .. } = next(&mut tail).await {
            break;
        }
    }
    let mut replica = Replica::default();
    let mut connection = connect(&database).await;
    execute(&mut connection, "INSERT INTO public.item VALUES (1)").await;
    let caught_up = catch_up(&mut tail, &mut replica, &mut connection);
    tokio::time::timeout(Duration::from_secs(30), caught_up)
        .await
        .unwrap();
    replica
        .check(&mut connection, "public.item", "the triggers")
        .await;
}
