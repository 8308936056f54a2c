//! A rule whose conditions take PostgreSQL too long holds up no other.

use crate::world::World;

/// Deciding on a value of this takes five seconds, for servers alone.
const SLOW: &str = "
    CREATE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS $$
        SELECT pg_sleep(CASE current_setting('application_name') WHEN 'rowcast' THEN 5 ELSE 0 END) IS NOT NULL $$;
    CREATE DOMAIN slow AS text CHECK (fits(VALUE));
    CREATE TABLE parcel (id int PRIMARY KEY, code slow);
    SELECT rowcast.watch('parcel');";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_takes_too_long_is_passed_over_and_says_so() {
    let world = World::new().await;
    world.sql(SLOW).await;
    world
        .sql(
            "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds)
             SELECT id, 'slow', 'parcel', 'code=ilike.x', 'enters', 0
               FROM rowcast.account WHERE name = 'ann';
             INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds)
             SELECT id, 'in', 'ticket', 'status=eq.open', 'enters', 0
               FROM rowcast.account WHERE name = 'bob';",
        )
        .await;
    world.settled().await;
    world
        .sql("INSERT INTO parcel VALUES (1, 'x'); INSERT INTO ticket VALUES (1, 'open')")
        .await;
    world.told(world.bob.0, &["in: a row entered"]).await;
    let missed: Option<String> = world
        .one("SELECT missed FROM rowcast.watch_rule WHERE name = 'slow'")
        .await;
    let missed = missed.expect("what it may have missed");
    assert!(missed.contains("took too long"), "{missed}");
    world.server.stop().await;
}
