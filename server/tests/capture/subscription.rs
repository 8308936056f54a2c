//! A table that logical replication writes into.

use rowcast::capture::{ChangeKind, TailEvent};
use sqlx::AssertSqlSafe;

use crate::replica::{Replica, connect, database, execute, follow, next, version};

#[tokio::test]
async fn what_logical_replication_applies_is_logged_once() {
    let (source, target) = (database().await, database().await);
    let table = "CREATE TABLE item (id int PRIMARY KEY, n text)";
    source.execute(table).await;
    target.execute(table).await;
    target.execute("SELECT rowcast.watch('item')").await;
    source
        .execute(
            "INSERT INTO item SELECT g, 'first' FROM generate_series(1, 30) g; \
                  CREATE PUBLICATION p FOR TABLE item",
        )
        .await;
    let slot = format!("slot_{}", target.name);
    source
        .execute(&format!(
            "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
        ))
        .await;
    let mut tail = follow(&target).await;
    // In one cluster, making the slot would wait for the subscription's own transaction.
    target
        .execute(&format!(
            "CREATE SUBSCRIPTION {slot} CONNECTION 'host=127.0.0.1 port={} user=postgres dbname={}' \
             PUBLICATION p WITH (create_slot = false, slot_name = '{slot}')",
            source.options.get_port(),
            source.name
        ))
        .await;
    let mut replica = Replica::default();
    let mut connection = connect(&target).await;
    let mut rows = 0;
    for (write, last) in [
        ("SELECT 1", 30),
        (
            "UPDATE item SET n = 'second' WHERE id < 20; UPDATE item SET id = id + 100 WHERE id = 1; \
             DELETE FROM item WHERE id > 25; INSERT INTO item VALUES (1000, 'end')",
            1000,
        ),
    ] {
        source.execute(write).await;
        let applied = format!("SELECT EXISTS (SELECT FROM public.item WHERE id = {last})");
        let mut end = None;
        loop {
            let TailEvent::Read(read) = next(&mut tail).await else {
                panic!("the tail was lost")
            };
            rows += read
                .rows
                .iter()
                .filter(|row| row.kind == ChangeKind::Images)
                .count();
            replica.apply(&read);
            let done: bool = sqlx::query_scalar(AssertSqlSafe(applied.as_str()))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if done && end.is_none() {
                end = Some(version(&mut connection).await);
                tail.handle.nudge();
            }
            if end.as_ref().is_some_and(|end| read.to.covers(end)) {
                break;
            }
        }
    }
    // One row of the log for each row, never two. Local writers are logged there as well.
    assert_eq!(rows, 30 + 19 + 1 + 6 + 1);
    execute(
        &mut connection,
        "UPDATE public.item SET n = 'local' WHERE id = 1000",
    )
    .await;
    loop {
        let TailEvent::Read(read) = next(&mut tail).await else {
            panic!("the tail was lost")
        };
        replica.apply(&read);
        if !read.rows.is_empty() {
            break;
        }
    }
    replica
        .check(&mut connection, "public.item", "applied")
        .await;
    execute(
        &mut connection,
        &format!(
            "ALTER SUBSCRIPTION {slot} DISABLE; ALTER SUBSCRIPTION {slot} SET (slot_name = NONE); \
                  DROP SUBSCRIPTION {slot}"
        ),
    )
    .await;
}
