//! Which rows hit which rules, and who is told.

use crate::world::World;

/// Rules of somebody's, each told at once.
async fn rules(world: &World, name: &str, of: &[(&str, &str, &str)]) {
    for (rule, query, kind) in of {
        let column = match *kind {
            "changes" => "'amount'",
            _ => "NULL",
        };
        world
            .sql(&format!(
                "INSERT INTO rowcast.watch_rule \
                     (account, name, table_path, query, kind, column_name, group_seconds) \
                 SELECT id, '{rule}', 'ticket', '{query}', '{kind}', {column}, 0 \
                   FROM rowcast.account WHERE name = '{name}'"
            ))
            .await;
    }
    world.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_enter_leave_and_change_by_what_a_transaction_did() {
    let world = World::new().await;
    rules(
        &world,
        "bob",
        &[
            ("in", "status=eq.open", "enters"),
            ("out", "status=eq.open", "leaves"),
            ("amount", "status=eq.open", "changes"),
        ],
    )
    .await;
    for sql in [
        "INSERT INTO ticket VALUES (1, 'closed'), (2, 'open')",
        "UPDATE ticket SET status = 'open' WHERE id = 1",
        // What it was before and is afterwards alone counts.
        "BEGIN; UPDATE ticket SET status = 'x' WHERE id = 1; UPDATE ticket SET status = 'open' WHERE id = 1; COMMIT;",
        "BEGIN; INSERT INTO ticket VALUES (3, 'open'); DELETE FROM ticket WHERE id = 3; COMMIT;",
        "BEGIN; UPDATE ticket SET amount = 5; ROLLBACK;",
        "UPDATE ticket SET amount = 5",
        "UPDATE ticket SET amount = 5.0 WHERE id = 1",
        "UPDATE ticket SET assignee = 'x', secret = 'y'",
        "UPDATE ticket SET status = 'closed', amount = 7 WHERE id = 1",
        "DELETE FROM ticket",
    ] {
        world.sql(sql).await;
    }
    world.settled().await;
    world
        .told(
            world.bob.0,
            &[
                "in: a row entered",
                "in: a row entered",
                "amount: amount changed in 2 rows",
                "amount: amount changed in a row",
                "out: a row left",
                "out: a row left",
            ],
        )
        .await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM rowcast.notification ORDER BY id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(
        bodies,
        [
            "ticket: id 2",
            "ticket: id 1",
            "ticket",
            "ticket: id 1",
            "ticket: id 1",
            "ticket: id 2"
        ]
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_alone_decides_it_is_asked() {
    let world = World::new().await;
    world
        .sql(
            "CREATE COLLATION german (provider = icu, locale = 'de', deterministic = false); \
              ALTER TABLE ticket ADD COLUMN word text COLLATE german",
        )
        .await;
    rules(&world, "ann", &[("after", "word=gt.m", "enters")]).await;
    world
        .sql("INSERT INTO ticket (id, word) VALUES (1, 'Ä'), (2, 'z'), (3, NULL), (4, 'Ö')")
        .await;
    world.told(world.ann.0, &["after: 2 rows entered"]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_what_they_may_not_see() {
    let world = World::new().await;
    rules(
        &world,
        "eve",
        &[("mine", "", "enters"), ("gone", "", "leaves")],
    )
    .await;
    // A condition about a column that is hidden is none.
    rules(
        &world,
        "bob",
        &[
            ("hidden", "secret=eq.x", "enters"),
            ("word", "q=x", "enters"),
        ],
    )
    .await;
    world
        .sql("INSERT INTO ticket VALUES (1, 'open', 'bob', 1, 'x'), (2, 'open', 'eve', 1, 'x')")
        .await;
    world.settled().await;
    world.told(world.eve.0, &["mine: a row entered"]).await;
    world.told(world.bob.0, &[]).await;
    // A row that becomes somebody else's has left for whoever had it.
    world.sql("UPDATE ticket SET assignee = 'bob'").await;
    world
        .told(world.eve.0, &["mine: a row entered", "gone: a row left"])
        .await;
    // What holds is what may be seen now.
    world
        .sql(
            "DELETE FROM rowcast.notification; \
              DELETE FROM rowcast.account_role WHERE role = 'own'",
        )
        .await;
    world
        .sql("INSERT INTO ticket VALUES (3, 'open', 'eve')")
        .await;
    world.settled().await;
    world.told(world.eve.0, &[]).await;
    world
        .sql(
            "INSERT INTO rowcast.account_role (account, role) \
              SELECT id, 'own' FROM rowcast.account WHERE name = 'eve'",
        )
        .await;
    world
        .sql("INSERT INTO ticket VALUES (4, 'open', 'eve')")
        .await;
    world.told(world.eve.0, &["mine: a row entered"]).await;
    world
        .sql(
            "UPDATE rowcast.account SET disabled_at = now() WHERE name = 'eve'; \
              INSERT INTO ticket VALUES (5, 'open', 'eve')",
        )
        .await;
    world.settled().await;
    world.told(world.eve.0, &["mine: a row entered"]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_for_a_role_tells_each_of_what_they_see() {
    let world = World::new().await;
    world
        .sql("INSERT INTO rowcast.watch_rule (account, role, name, table_path, query, kind, group_seconds) \
              SELECT id, 'member', 'all', 'ticket', 'status=eq.open', 'enters', 60 \
                FROM rowcast.account WHERE name IN ('ann', 'bob')")
        .await;
    world.settled().await;
    world
        .sql("INSERT INTO ticket VALUES (1, 'open', 'eve'), (2, 'open', 'x'), (3, 'x', 'x')")
        .await;
    world.settled().await;
    // The other rule is of somebody who tells nobody else.
    for (account, told) in [
        (world.ann.0, "all: 2 rows entered"),
        (world.bob.0, "all: 2 rows entered"),
        (world.eve.0, "all: a row entered"),
    ] {
        world.told(account, &[told]).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_soon_is_told_together_until_it_is_read() {
    let world = World::new().await;
    rules(&world, "bob", &[("in", "", "enters")]).await;
    world
        .sql("UPDATE rowcast.watch_rule SET group_seconds = 3600 WHERE name = 'in'")
        .await;
    for n in 1..=5 {
        world
            .sql(&format!("INSERT INTO ticket VALUES ({n}), (1{n})"))
            .await;
    }
    world.told(world.bob.0, &["in: 10 rows entered"]).await;
    world
        .sql("UPDATE rowcast.notification SET read_at = now()")
        .await;
    world.sql("INSERT INTO ticket VALUES (100)").await;
    world
        .told(world.bob.0, &["in: 10 rows entered", "in: a row entered"])
        .await;
    world
        .sql("UPDATE rowcast.watch_group SET since = since - interval '2 h'")
        .await;
    world.sql("INSERT INTO ticket VALUES (101)").await;
    world
        .told(
            world.bob.0,
            &[
                "in: 10 rows entered",
                "in: a row entered",
                "in: a row entered",
            ],
        )
        .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_is_told_when_it_crosses_its_bound() {
    let world = World::new().await;
    world
        .sql("INSERT INTO rowcast.watch_rule \
                  (account, name, table_path, query, kind, column_name, bound, direction) \
              SELECT id, 'sum', 'ticket', 'status=eq.open', 'total', 'amount', 10.5, 'above' \
                FROM rowcast.account WHERE name = 'bob'; \
              INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, bound, direction) \
              SELECT id, 'few', 'ticket', '', 'total', 1, 'below' \
                FROM rowcast.account WHERE name = 'eve'; \
              INSERT INTO ticket VALUES (1, 'open', 'eve', 10), (2, 'x', 'x', 100)")
        .await;
    world.settled().await;
    let known = "SELECT count(*) FROM rowcast.watch_rule WHERE is_beyond IS NOT NULL";
    while world.one::<i64>(known).await < 2 {
        tokio::task::yield_now().await;
    }
    world.told(world.bob.0, &[]).await;
    world.sql("UPDATE ticket SET amount = amount + 1").await;
    world.told(world.bob.0, &["sum: 11 is above 10.5"]).await;
    world.sql("UPDATE ticket SET amount = amount + 1").await;
    // Of one's own rows.
    world.sql("DELETE FROM ticket WHERE id = 1").await;
    world.told(world.eve.0, &["few: 0 is below 1"]).await;
    let back = "SELECT count(*) FROM rowcast.watch_rule WHERE name = 'sum' AND NOT is_beyond";
    while world.one::<i64>(back).await < 1 {
        tokio::task::yield_now().await;
    }
    world.told(world.bob.0, &["sum: 11 is above 10.5"]).await;
    world.stop().await;
}
