//! Whose changes those of a partition are that came or went before they were copied.

use sqlx::PgConnection;

use crate::{
    copier::{Copier, catch_up, follow, replicated},
    replica::{Replica, connect, execute},
};

const TABLES: &str = "CREATE TABLE public.whole (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); \
     CREATE TABLE public.half PARTITION OF public.whole FOR VALUES FROM (0) TO (10); \
     CREATE TABLE public.alone (id int PRIMARY KEY, n int); \
     SELECT rowcast.watch('public.whole'), rowcast.watch('public.alone')";

/// What the log tells of a table beside that it was altered: kinds, in their order.
async fn told(connection: &mut PgConnection, table: &str) -> String {
    sqlx::query_scalar(
        "SELECT coalesce(string_agg(l.kind::text, '' ORDER BY l.kind), '') FROM rowcast.change_log l \
          WHERE l.relation = to_regclass($1)::oid AND l.kind <> 'd'",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .unwrap()
}

/// What is told of the two tables by what is copied after all of it happened.
async fn told_later(writes: &[&str]) -> [String; 2] {
    let database = replicated().await;
    database.execute(TABLES).await;
    let copier = Copier::start(&database);
    let mut connection = connect(&database).await;
    let mut tail = follow(&database).await;
    copier.kill();
    for write in writes {
        execute(&mut connection, write).await;
    }
    let _copier = Copier::start(&database);
    catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    [
        told(&mut connection, "public.whole").await,
        told(&mut connection, "public.alone").await,
    ]
}

#[tokio::test]
async fn what_a_partition_did_before_it_went_is_its_tables() {
    let write = "INSERT INTO public.whole VALUES (1, 1)";
    let detach = "ALTER TABLE public.whole DETACH PARTITION public.half";
    // What it does afterwards nobody follows.
    let after = "INSERT INTO public.half VALUES (2, 2)";
    assert_eq!(told_later(&[write, detach, after]).await, ["i", ""]);
    let drop = "DROP TABLE public.half";
    assert_eq!(told_later(&[write, drop]).await, ["i", ""]);
}

#[tokio::test]
async fn what_may_be_of_before_a_table_became_a_partition_is_told_as_unknown() {
    let write = "INSERT INTO public.alone VALUES (11, 1)";
    let attach =
        "ALTER TABLE public.whole ATTACH PARTITION public.alone FOR VALUES FROM (10) TO (20)";
    let [whole, _] = told_later(&[write, attach]).await;
    assert_eq!(whole, "r");
    // It went, and follows nobody but itself.
    let detach = "ALTER TABLE public.whole DETACH PARTITION public.half";
    let watch = "SELECT rowcast.watch('public.half')";
    let write = "INSERT INTO public.half VALUES (1, 1)";
    let [whole, _] = told_later(&[detach, watch, write]).await;
    assert_eq!(whole, "r");
}

#[tokio::test]
async fn once_that_was_copied_changes_are_told_as_ever() {
    let database = replicated().await;
    database.execute(TABLES).await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    for sql in [
        "ALTER TABLE public.whole DETACH PARTITION public.half",
        "ALTER TABLE public.whole ATTACH PARTITION public.alone FOR VALUES FROM (10) TO (20)",
        "INSERT INTO public.whole VALUES (11, 1)",
    ] {
        execute(&mut connection, sql).await;
        // What is told has triggers made to fit, or a publication, which is copied next.
        for _ in 0..2 {
            catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
        }
    }
    assert_eq!(told(&mut connection, "public.whole").await, "i");
}

#[tokio::test]
async fn a_table_that_became_a_partition_is_told_of_though_it_was_not_before() {
    let database = replicated().await;
    database.execute(TABLES).await;
    database
        .execute("CREATE TABLE public.late (id int PRIMARY KEY, n int)")
        .await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    for sql in [
        "INSERT INTO public.late VALUES (11, 1)",
        "ALTER TABLE public.whole ATTACH PARTITION public.late FOR VALUES FROM (10) TO (20)",
        "INSERT INTO public.late VALUES (12, 1)",
    ] {
        execute(&mut connection, sql).await;
        catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    }
    assert_eq!(told(&mut connection, "public.whole").await, "i");
}
