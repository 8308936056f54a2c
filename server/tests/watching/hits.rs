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
    by_what_a_transaction_did(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_enter_leave_and_change_by_it_where_changes_are_copied() {
    by_what_a_transaction_did(World::without_triggers().await).await;
}

async fn by_what_a_transaction_did(world: World) {
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
    let noted = "SELECT count(*) FROM rowcast.watch_rule WHERE missed LIKE 'It was not looked at%' \
                 AND name IN ('mine', 'gone')";
    assert_eq!(world.one::<i64>(noted).await, 2);
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
    // What came meanwhile is not told afterwards.
    world
        .sql(
            "UPDATE rowcast.account SET disabled_at = NULL WHERE name = 'eve'; \
              INSERT INTO ticket VALUES (6, 'open', 'eve')",
        )
        .await;
    let told = ["mine: a row entered", "mine: a row entered"];
    world.told(world.eve.0, &told).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_rule_was_paused_or_expired_is_told() {
    let world = World::new().await;
    for (column, id) in [("paused_at", 1), ("expires_at", 3)] {
        rules(&world, "bob", &[(column, "", "enters")]).await;
        // It is looked at when it has been committed, and so is the end of the rule.
        world
            .sql(&format!(
                "INSERT INTO ticket VALUES ({id}); \
                 UPDATE rowcast.watch_rule SET {column} = clock_timestamp() WHERE name = '{column}'"
            ))
            .await;
        world
            .sql(&format!("INSERT INTO ticket VALUES ({id} + 1)"))
            .await;
        world.settled().await;
    }
    let told = ["paused_at: a row entered", "expires_at: a row entered"];
    world.told(world.bob.0, &told).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_pause_is_told_though_the_rule_goes_on_before_it_is_looked_at() {
    let world = World::new().await;
    rules(&world, "bob", &[("in", "", "enters")]).await;
    // Nobody looks before all of it has been committed.
    let mut held = world.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM rowcast.watch_cursor FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    for (id, column, then) in [
        (1, "paused_at", "NULL"),
        (4, "paused_at", "NULL"),
        (7, "expires_at", "now() + interval '1 day'"),
    ] {
        for sql in [
            format!("INSERT INTO ticket VALUES ({id})"),
            format!("UPDATE rowcast.watch_rule SET {column} = clock_timestamp() WHERE name = 'in'"),
            format!("INSERT INTO ticket VALUES ({id} + 1)"),
            format!("UPDATE rowcast.watch_rule SET {column} = {then} WHERE name = 'in'"),
            format!("INSERT INTO ticket VALUES ({id} + 2)"),
        ] {
            world.sql(&sql).await;
        }
    }
    held.commit().await.unwrap();
    world.settled().await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM rowcast.notification ORDER BY id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    let told = [1, 3, 4, 6, 7, 9].map(|id| format!("ticket: id {id}"));
    assert_eq!(bodies, told);
    let gaps = "SELECT count(*) FROM rowcast.watch_rule WHERE gap_from <> '{}'";
    while world.one::<i64>(gaps).await > 0 {
        world.settled().await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_and_go_with_a_partition_are_not_passed_over_in_silence() {
    with_a_partition(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_and_go_with_one_are_not_where_changes_are_copied() {
    with_a_partition(World::without_triggers().await).await;
}

async fn with_a_partition(world: World) {
    world
        .sql(
            "DROP TABLE ticket; \
             CREATE TABLE ticket (id int PRIMARY KEY, status text) PARTITION BY RANGE (id); \
             CREATE TABLE old PARTITION OF ticket FOR VALUES FROM (0) TO (10); \
             CREATE TABLE elder PARTITION OF ticket FOR VALUES FROM (10) TO (20); \
             INSERT INTO ticket VALUES (1), (11); SELECT rowcast.watch('ticket')",
        )
        .await;
    rules(
        &world,
        "ann",
        &[("in", "", "enters"), ("out", "", "leaves")],
    )
    .await;
    let missed = async |name: &str| {
        world.settled().await;
        world
            .one::<Option<String>>(&format!(
                "SELECT missed FROM rowcast.watch_rule WHERE name = '{name}'"
            ))
            .await
    };
    let partition = |number: i32| {
        let (from, to) = (number * 10, number * 10 + 10);
        format!("FOR VALUES FROM ({from}) TO ({to})")
    };
    // One that is new is as empty as it was, or its rows are told.
    world
        .sql(&format!(
            "CREATE TABLE new PARTITION OF ticket {}; INSERT INTO ticket VALUES (21)",
            partition(2)
        ))
        .await;
    world.told(world.ann.0, &["in: a row entered"]).await;
    assert_eq!(missed("in").await, None);
    let begun = "in: a row entered";
    world
        .sql(&format!(
            "CREATE TABLE full_one (id int PRIMARY KEY, status text); INSERT INTO full_one VALUES (31); \
             ALTER TABLE ticket ATTACH PARTITION full_one {}",
            partition(3)
        ))
        .await;
    let joined = "in: hits may have been missed";
    world.told(world.ann.0, &[begun, joined]).await;
    let why = missed("in").await.unwrap();
    assert_eq!(why, "A partition was attached that had rows.");
    assert_eq!(missed("out").await, None);
    for sql in [
        "DROP TABLE old",
        "ALTER TABLE ticket DETACH PARTITION elder",
    ] {
        world
            .sql("DELETE FROM rowcast.notification; UPDATE rowcast.watch_rule SET missed = NULL")
            .await;
        world.sql(sql).await;
        world
            .told(world.ann.0, &["out: hits may have been missed"])
            .await;
        let why = missed("out").await.unwrap();
        assert_eq!(why, "A partition was dropped or detached, with its rows.");
    }
    world
        .sql(
            "DELETE FROM rowcast.notification; ALTER TABLE ticket RENAME TO aside; \
             CREATE TABLE ticket (id int PRIMARY KEY, status text); SELECT rowcast.watch('ticket')",
        )
        .await;
    world
        .told(
            world.ann.0,
            &[
                "in: hits may have been missed",
                "out: hits may have been missed",
            ],
        )
        .await;
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
    // What follows soon is told together.
    world
        .sql("INSERT INTO ticket VALUES (3, 'open', 'x', 20)")
        .await;
    world.told(world.bob.0, &["sum: 20 is above 10.5"]).await;
    // A sum that is none is owned up to.
    world
        .sql(
            "INSERT INTO ticket SELECT n, 'open', 'x', ('9' || repeat('0', 131071))::numeric \
                FROM generate_series(4, 5) n",
        )
        .await;
    let told = ["sum: 20 is above 10.5", "sum: hits may have been missed"];
    world.told(world.bob.0, &told).await;
    world.stop().await;
}
