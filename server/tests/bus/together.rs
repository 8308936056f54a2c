//! Nothing happens but writes.

use sqlx::PgConnection;

use crate::world::World;

/// Which servers have read the log since a moment of the database's clock.
async fn read_since(connection: &mut PgConnection, since: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT DISTINCT split_part(usename, '/', 2) FROM pg_stat_activity \
          WHERE datname = current_database() AND query LIKE '%FROM rowcast.change_log c%' \
            AND pid <> pg_backend_pid() AND query_start > $1::text::timestamptz",
    )
    .bind(since)
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn one_of_three_servers_reads_the_log_and_all_show_what_is_there() {
    let mut world = World::new(3).await;
    world.write_and_check().await;
    let mut connection = world.database.connect().await;
    let since: String = sqlx::query_scalar("SELECT clock_timestamp()::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    for _ in 0..5 {
        world.write_and_check().await;
    }
    let leader = world.leader_name().await.unwrap();
    assert_eq!(read_since(&mut connection, &since).await, [leader]);
    assert_eq!(world.readers().await, 1);
}

#[tokio::test]
async fn lists_that_begin_while_others_write_are_whole_at_a_follower() {
    let mut world = World::new(2).await;
    let follower = 1 - world.leader().await;
    let address = world.servers[follower].address.clone();
    for n in 0..10 {
        world.write().await;
        // Each is another query, so it is read.
        let path = format!("t?order=id&limit={}", 990 + n);
        let list = crate::follower::Follower::new(&address, &path).await;
        world.followers.push(list);
        world.check().await;
    }
    assert_eq!(world.readers().await, 1);
}

#[tokio::test]
async fn a_definition_that_changes_has_every_server_show_the_new_columns() {
    let mut world = World::new(2).await;
    world.write_and_check().await;
    for (sql, columns) in [
        ("ALTER TABLE t ADD m int", ["id", "n", "m"].as_slice()),
        ("ALTER TABLE t RENAME n TO k", &["id", "k", "m"]),
        ("ALTER TABLE t DROP m", &["id", "k"]),
    ] {
        world.database.execute(sql).await;
        for follower in &world.followers {
            follower
                .until(&format!("{columns:?}"), |seen| {
                    seen.list.is_some() && seen.columns == columns
                })
                .await;
        }
    }
    world.database.execute("INSERT INTO t VALUES (-1, 7)").await;
    for follower in &world.followers {
        follower
            .until("the new row", |seen| {
                let first = seen.list.as_ref().and_then(|list| list.rows.first());
                first.is_some_and(|row| row.cells[0] == rowcast_protocol::Cell::integer(-1))
            })
            .await;
    }
}

#[tokio::test]
async fn a_transaction_larger_than_what_is_shared_comes_all_the_same() {
    let mut world = World::new(2).await;
    world
        .database
        .execute("CREATE TABLE big (id int PRIMARY KEY, body text); SELECT rowcast.watch('big')")
        .await;
    let paths = ["big?select=id&order=id&limit=1000"; 2];
    let mut followers = Vec::new();
    for (server, path) in world.servers.iter().zip(paths) {
        followers.push(crate::follower::Follower::new(&server.address, path).await);
    }
    // In one piece, in several, in more than the stream takes.
    for (from, rows, bytes) in [(0, 10, 1_000), (100, 100, 20_000), (300, 30, 1_500_000)] {
        world
            .database
            .execute(&format!(
                "INSERT INTO big SELECT g, repeat(md5(g::text), {bytes} / 32) \
                   FROM generate_series({from}, {from} + {rows} - 1) g"
            ))
            .await;
        let last = rowcast_protocol::Cell::integer(from + rows - 1);
        for follower in &followers {
            follower
                .until("the last row", |seen| {
                    let row = seen.list.as_ref().and_then(|list| list.rows.last());
                    row.is_some_and(|row| row.cells[0] == last)
                })
                .await;
        }
    }
    world.write_and_check().await;
}
