//! That who writes does nothing for a rule, and waits for none.

use sqlx::{PgConnection, Row};

use crate::world::World;

/// What a transaction of a writer holds at its end, and how much it has logged; what fires on the table.
#[derive(Debug, PartialEq)]
struct Footprint {
    locks: Vec<String>,
    logged: i64,
    triggers: Vec<String>,
}

async fn write(connection: &mut PgConnection, id: i32) -> Footprint {
    for sql in [
        "BEGIN".to_owned(),
        format!("INSERT INTO ticket VALUES ({id}, 'open', 'bob', 1)"),
        format!("UPDATE ticket SET amount = 2 WHERE id = {id}"),
        format!("DELETE FROM ticket WHERE id = {id}"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    let row = sqlx::query(
        "SELECT ARRAY(SELECT concat_ws(' ', l.locktype, c.relname, l.mode) \
                        FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation \
                       WHERE l.pid = pg_backend_pid() AND l.locktype <> 'virtualxid' \
                         AND c.relname IS DISTINCT FROM 'pg_locks' AND c.relnamespace IS DISTINCT FROM 11 \
                       ORDER BY 1), \
                (SELECT count(*) FROM rowcast.change_log WHERE xid = pg_current_xact_id()), \
                ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'ticket'::regclass ORDER BY 1)",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    sqlx::raw_sql("COMMIT").execute(connection).await.unwrap();
    Footprint {
        locks: row.get(0),
        logged: row.get(1),
        triggers: row.get(2),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_does_the_same_with_a_hundred_rules_as_with_none() {
    let world = World::new().await;
    let mut connection = world.server.database.connect().await;
    // What a session does once is behind it.
    write(&mut connection, 1).await;
    let before = write(&mut connection, 2).await;
    assert!(before.logged >= 3 && !before.locks.is_empty() && !before.triggers.is_empty());
    world
        .sql(
            "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds) \
             SELECT a.id, 'rule ' || g, 'ticket', 'amount=gt.' || g, 'enters', 0 \
               FROM rowcast.account a, generate_series(0, 98) g WHERE a.name = 'ann'",
        )
        .await;
    world.settled().await;
    assert_eq!(write(&mut connection, 3).await, before);

    // Nor does it wait: all is looked at while a transaction holds rows that it has written, and
    // another one writes while somebody looks.
    for sql in ["BEGIN", "INSERT INTO ticket VALUES (4, 'open', 'bob', 50)"] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    world.settled().await;
    let mut looking = world.pool.begin().await.unwrap();
    sqlx::raw_sql(
        "SELECT FROM rowcast.watch_cursor FOR UPDATE; SELECT FROM rowcast.watch_rule FOR UPDATE",
    )
    .execute(&mut *looking)
    .await
    .unwrap();
    sqlx::raw_sql("COMMIT")
        .execute(&mut connection)
        .await
        .unwrap();
    write(&mut connection, 5).await;
    looking.rollback().await.unwrap();
    world.settled().await;
    let told = "SELECT count(*) FROM rowcast.notification WHERE body = 'ticket: id 4'";
    assert_eq!(world.one::<i64>(told).await, 50);
    world.stop().await;
}
