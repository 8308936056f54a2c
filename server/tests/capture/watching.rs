//! What can be watched, what can't and why, and that nothing of ours stays behind.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::replica::{Reader, connect, database, execute, failure};
use rowcast::capture::ChangeKind;

async fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Those on tables that are not our own.
const TRIGGERS: &str = "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
    WHERE t.tgname LIKE 'rowcast%' AND c.relnamespace::regnamespace::text <> 'rowcast'";

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "SET search_path = public; CREATE TABLE keyless (a int, b int); \
         CREATE UNIQUE INDEX ON keyless (a); \
         CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (1); \
         CREATE VIEW seen AS SELECT * FROM part, keyless; CREATE VIEW above AS TABLE seen; \
         CREATE VIEW constant AS SELECT 1 AS one; \
         CREATE VIEW inner_workings AS SELECT relname FROM pg_class; \
         CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY); \
         CREATE TEMP TABLE mine (id int PRIMARY KEY); \
         CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE derived () INHERITS (base); \
         CREATE TABLE late (id int UNIQUE DEFERRABLE NOT NULL); \
         CREATE TABLE few (id int NOT NULL); CREATE UNIQUE INDEX ON few (id) WHERE id > 0",
    )
    .await;
    for (table, reason) in [
        ("keyless", "PRIMARY KEY"),
        ("late", "PRIMARY KEY"),
        ("few", "PRIMARY KEY"),
        ("part_1", "partition: watch public.part"),
        (
            "seen",
            "seen can't be live: it reads public.keyless, which can't be: it has no key",
        ),
        (
            "above",
            "above can't be live: it reads public.keyless, which can't be: it has no key",
        ),
        ("constant", "it reads no table"),
        (
            "inner_workings",
            "it reads pg_class, which can't be: it is part of the system",
        ),
        ("fleeting", "unlogged"),
        ("mine", "temporary"),
        ("base", "inherit"),
        ("derived", "inherit"),
        ("pg_class", "system"),
        ("rowcast.watched", "system"),
        ("nowhere", "does not exist"),
    ] {
        let error = failure(&mut connection, &format!("SELECT rowcast.watch('{table}')")).await;
        assert!(error.contains(reason), "{table}: {error}");
    }
    assert_eq!(count(&mut connection, TRIGGERS).await, 0);
}

#[tokio::test]
async fn the_key_is_the_primary_key_else_the_narrowest_unique_one() {
    let database = database().await;
    let mut connection = connect(&database).await;
    for (columns, key) in [
        (
            "a int, b int, PRIMARY KEY (b, a), c int NOT NULL UNIQUE",
            vec![2, 1],
        ),
        (
            "a int NOT NULL, b int NOT NULL, c int NOT NULL UNIQUE, UNIQUE (a, b)",
            vec![3],
        ),
        (
            "a int NOT NULL, b int NOT NULL, c int UNIQUE, UNIQUE (a, b)",
            vec![1, 2],
        ),
        (
            "a int NOT NULL, b int, c int, UNIQUE (a) INCLUDE (b)",
            vec![1],
        ),
    ] {
        execute(
            &mut connection,
            &format!("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t ({columns})"),
        )
        .await;
        let found: Vec<i16> = sqlx::query_scalar("SELECT rowcast.key('public.t')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(found, key, "{columns}");
    }
}

#[tokio::test]
async fn watching_twice_is_watching_once_and_unwatching_leaves_nothing() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "CREATE TABLE public.\"Odd \"\" näme\" (\"select\" int PRIMARY KEY, \
        \"A b\" text, \"'%I\" int)",
    )
    .await;
    let watch = "SELECT rowcast.watch('public.\"Odd \"\" näme\"')";
    execute(&mut connection, watch).await;
    execute(&mut connection, watch).await;
    assert_eq!(count(&mut connection, TRIGGERS).await, 4);
    let mut reader = Reader::new(&database).await;
    for statement in [
        "INSERT INTO public.\"Odd \"\" näme\" VALUES (1, 'a', 1), (2, 'b', 2)",
        "UPDATE public.\"Odd \"\" näme\" SET \"A b\" = 'c'",
    ] {
        execute(&mut connection, statement).await;
        reader.check("public.\"Odd \"\" näme\"", statement).await;
    }
    let unwatch = "SELECT rowcast.unwatch('public.\"Odd \"\" näme\"')";
    execute(&mut connection, unwatch).await;
    execute(&mut connection, unwatch).await;
    assert_eq!(count(&mut connection, TRIGGERS).await, 0);
    let left = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'capture\\_%' \
        AND split_part(proname, '_', 2)::oid NOT IN (SELECT relation FROM rowcast.watched)";
    assert_eq!(count(&mut connection, left).await, 0);
}

#[tokio::test]
async fn dropping_the_schema_removes_everything() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "CREATE TABLE public.t (id int PRIMARY KEY); SELECT rowcast.watch('public.t'); \
         DROP SCHEMA rowcast CASCADE; INSERT INTO public.t VALUES (1); \
         ALTER TABLE public.t ADD n int; DROP TABLE public.t",
    )
    .await;
    assert_eq!(count(&mut connection, TRIGGERS).await, 0);
    let events = "SELECT count(*) FROM pg_event_trigger";
    assert_eq!(count(&mut connection, events).await, 0);
}

#[tokio::test]
async fn a_busy_table_is_refused_rather_than_blocked() {
    let database = database().await;
    database
        .execute("CREATE TABLE t (id int PRIMARY KEY)")
        .await;
    let mut writer = database.connect().await;
    execute(&mut writer, "BEGIN; INSERT INTO t VALUES (1)").await;
    let mut connection = database.connect().await;
    let error = failure(&mut connection, "SELECT rowcast.watch('t')").await;
    assert!(error.contains("lock timeout"), "{error}");
    execute(&mut writer, "COMMIT").await;
    execute(&mut connection, "SELECT rowcast.watch('t')").await;
}

#[tokio::test]
async fn a_view_is_watched_by_its_tables_and_leaves_those_that_were_asked_for() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "SET search_path = public; CREATE TABLE a (id int PRIMARY KEY); \
         CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); \
         CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (9); \
         CREATE FUNCTION of_c() RETURNS bigint STABLE BEGIN ATOMIC SELECT count(*) FROM c; END; \
         CREATE VIEW inner_v AS SELECT a.id FROM a WHERE id IN (SELECT id FROM b); \
         CREATE VIEW outer_v AS SELECT id, of_c() FROM inner_v UNION ALL SELECT id, 0 FROM p_1; \
         CREATE VIEW other AS SELECT count(*) FROM b",
    )
    .await;
    let watched = "SELECT string_agg(w.relation::text, ' ' ORDER BY w.relation::text) \
        FROM rowcast.watched w JOIN pg_class c ON c.oid = w.relation AND c.relkind <> 'v' \
          AND NOT rowcast.is_followed(c.oid)";
    let live = "SELECT string_agg(c.relname::text, ' ' ORDER BY c.relname) FROM pg_class c \
        WHERE c.relnamespace = 'public'::regnamespace AND rowcast.is_live(c.oid)";
    let steps = [
        ("watch('a')", "a", "a"),
        (
            "watch('outer_v')",
            "a b c p",
            "a b c inner_v other outer_v p",
        ),
        ("watch('other')", "a b c p", "a b c inner_v other outer_v p"),
        // Its tables stay, but those that nothing else needs.
        ("unwatch('outer_v')", "a b", "a b inner_v other"),
        ("unwatch('b')", "a", "a"),
        ("watch('other')", "a b", "a b inner_v other"),
        ("unwatch('other')", "a", "a"),
        ("unwatch('a')", "", ""),
    ];
    for (step, tables, all) in steps {
        execute(&mut connection, &format!("SELECT rowcast.{step}")).await;
        assert_eq!(text(&mut connection, watched).await, tables, "{step}");
        assert_eq!(text(&mut connection, live).await, all, "{step}");
    }
    assert_eq!(count(&mut connection, TRIGGERS).await, 0);
}

#[tokio::test]
async fn a_view_that_comes_to_read_other_tables_has_those_watched() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "SET search_path = public; CREATE TABLE a (id int PRIMARY KEY); \
         CREATE TABLE b (id int PRIMARY KEY); CREATE VIEW v AS TABLE a; \
         SELECT rowcast.watch('v'); CREATE OR REPLACE VIEW v AS TABLE b",
    )
    .await;
    let watched = "SELECT string_agg(relation::text, ' ' ORDER BY relation::text) \
        FROM rowcast.watched WHERE NOT rowcast.is_followed(relation)";
    assert_eq!(text(&mut connection, watched).await, "b v");
    execute(&mut connection, "DROP VIEW v").await;
    assert_eq!(text(&mut connection, watched).await, "");
    assert_eq!(count(&mut connection, TRIGGERS).await, 0);
}

#[tokio::test]
async fn the_refresh_of_a_materialized_view_is_logged() {
    let database = database().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "SET search_path = public; CREATE TABLE keyless (id int); \
         CREATE MATERIALIZED VIEW kept AS TABLE keyless; CREATE UNIQUE INDEX ON kept (id); \
         CREATE VIEW above AS TABLE kept; SELECT rowcast.watch('above')",
    )
    .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "REFRESH MATERIALIZED VIEW kept",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY kept",
    ] {
        reader.replica.notes.clear();
        execute(&mut connection, statement).await;
        reader.read().await;
        assert!(
            matches!(*reader.replica.notes, [(_, ChangeKind::Unknown)]),
            "{statement}: {:?}",
            reader.replica.notes
        );
    }
    execute(&mut connection, "ALTER EVENT TRIGGER rowcast_ddl DISABLE").await;
    let error = failure(&mut connection, "SELECT rowcast.watch('kept')").await;
    assert!(error.contains("event triggers"), "{error}");
    assert_eq!(
        text(
            &mut connection,
            "SELECT rowcast.is_live('kept'::regclass)::text"
        )
        .await,
        "false"
    );
}

async fn text(connection: &mut PgConnection, sql: &str) -> String {
    sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .unwrap()
        .unwrap_or_default()
}
