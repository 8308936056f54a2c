//! That a rule misses nothing, and tells nothing twice, where changes are copied from the write-ahead
//! log: in the order of the commits, which is neither that of the numbers nor that in which they are
//! seen, and some time after them.

use sqlx::{PgConnection, Row};

use crate::{random::Random, world::World};

const WRITERS: u64 = 6;
const TRANSACTIONS: u32 = 80;

/// Transactions that are open while those of others begin and end.
async fn write(connection: &mut PgConnection, random: &mut Random) -> Result<(), sqlx::Error> {
    let run = async |connection: &mut PgConnection, sql: &'static str| {
        sqlx::raw_sql(sql).execute(connection).await.map(drop)
    };
    for _ in 0..TRANSACTIONS {
        run(connection, "BEGIN").await?;
        // One that has its number long before it writes, and one that writes long before it ends.
        if random.chance(50) {
            run(connection, "SELECT pg_current_xact_id()").await?;
        }
        for _ in 0..random.below(8) {
            run(connection, "SELECT").await?;
        }
        let insert = "INSERT INTO ticket (id, status) VALUES (nextval('numbers'), 'open')";
        run(connection, insert).await?;
        for _ in 0..random.below(20) {
            run(connection, "SELECT").await?;
        }
        match random.chance(20) {
            true => run(connection, "ROLLBACK").await?,
            false => run(connection, "COMMIT").await?,
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_late_and_copied_later_is_told_once() {
    let world = World::without_triggers().await;
    world
        .sql(
            "CREATE SEQUENCE numbers; \
             INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds) \
             SELECT id, 'in', 'ticket', 'status=eq.open', 'enters', 0 \
               FROM rowcast.account WHERE name = 'ann'",
        )
        .await;
    world.settled().await;
    let writers: Vec<_> = (1..=WRITERS)
        .map(|seed| {
            let database = world.server.database.clone();
            tokio::spawn(async move {
                let mut connection = database.connect().await;
                write(&mut connection, &mut Random::new(seed)).await
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    world.settled().await;
    let told = sqlx::query("SELECT body FROM rowcast.notification ORDER BY 1")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let written = sqlx::query("SELECT 'ticket: id ' || id FROM ticket ORDER BY 1")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert!(written.len() > 300);
    let texts = |rows: &[sqlx::postgres::PgRow]| -> Vec<String> {
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(texts(&told), texts(&written));
    world.stop().await;
}
