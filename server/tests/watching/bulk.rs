//! A transaction of many rows is one notification, and nobody waits for it.

use std::time::{Duration, Instant};

use crate::world::World;

async fn all_rule(world: &World, group_seconds: i32) {
    world
        .sql(&format!(
            "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds) \
             SELECT id, k, 'ticket', 'status=eq.open', k, {group_seconds} \
               FROM rowcast.account, unnest(ARRAY['enters', 'leaves']) AS k WHERE name = 'bob'"
        ))
        .await;
    world.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_rows_in_one_transaction_are_one_notification() {
    for group_seconds in [0, 300] {
        let world = World::new().await;
        all_rule(&world, group_seconds).await;
        let statements: String = (0..20)
            .map(|n| {
                let (from, to) = (n * 5_000 + 1, (n + 1) * 5_000);
                format!(
                    "INSERT INTO ticket SELECT n, 'open', 'x' FROM generate_series({from}, {to}) n;"
                )
            })
            .collect();
        // The rest of it changes nothing about whether they match.
        world
            .sql(&format!(
                "BEGIN; {statements} UPDATE ticket SET amount = 1 WHERE id <= 9000; COMMIT;"
            ))
            .await;
        let committed = Instant::now();
        world
            .told(world.bob.0, &["enters: 100,000 rows entered"])
            .await;
        println!("100,000 rows were told after {:?}", committed.elapsed());
        world.settled().await;
        world
            .told(world.bob.0, &["enters: 100,000 rows entered"])
            .await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_recorded_by_row_is_told_as_what_it_may_be() {
    let world = World::new().await;
    all_rule(&world, 0).await;
    world
        .sql("INSERT INTO ticket SELECT n, CASE WHEN n % 2 = 0 THEN 'open' END FROM generate_series(1, 50000) n")
        .await;
    let told = [
        "enters: up to 25,000 rows entered",
        "leaves: rows may have left",
    ];
    world.told(world.bob.0, &told).await;
    world
        .sql("DELETE FROM rowcast.notification; TRUNCATE ticket;")
        .await;
    world
        .told(world.bob.0, &["leaves: rows may have left"])
        .await;
    let why: String = world
        .one("SELECT missed FROM rowcast.watch_rule WHERE name = 'leaves'")
        .await;
    assert_eq!(why, "The table was emptied at once.");
    // What is there again may have been there before.
    world
        .sql("DELETE FROM rowcast.notification; BEGIN; TRUNCATE ticket; INSERT INTO ticket VALUES (1, 'open'), (2, 'open'); COMMIT")
        .await;
    let told = ["enters: up to 2 rows entered", "leaves: rows may have left"];
    world.told(world.bob.0, &told).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_from_the_log_unread_is_owned_up_to() {
    let world = World::new().await;
    all_rule(&world, 0).await;
    let (pool, bob) = (world.pool.clone(), world.bob.0);
    let database = world.server.database.clone();
    world.server.stop().await;
    let run = |sql: &'static str| sqlx::raw_sql(sql).execute(&pool);
    run("INSERT INTO ticket VALUES (1, 'open')").await.unwrap();
    run(
        "DELETE FROM rowcast.change_log; UPDATE rowcast.state SET purged_below = \
         (pg_current_xact_id()::text::numeric)::text::xid8",
    )
    .await
    .unwrap();
    let server = crate::server::Server::guarding(database, "").await;
    let asking = async {
        loop {
            let titles: Vec<String> = sqlx::query_scalar(
                "SELECT title FROM rowcast.notification WHERE account = $1 ORDER BY title",
            )
            .bind(bob.0)
            .fetch_all(&pool)
            .await
            .unwrap();
            if titles.len() == 2 {
                return titles;
            }
            tokio::task::yield_now().await;
        }
    };
    let titles = tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .unwrap();
    assert_eq!(
        titles,
        [
            "enters: hits may have been missed",
            "leaves: hits may have been missed"
        ]
    );
    server.stop().await;
}
