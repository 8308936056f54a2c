//! Which tables are published: none whose writers that would stop.

use sqlx::PgConnection;

use crate::{
    copier::{cluster, replicated},
    replica::{connect, execute, failure},
};

async fn is_live(connection: &mut PgConnection, table: &str) -> bool {
    let asked = "SELECT EXISTS (SELECT FROM rowcast.watched WHERE relation = $1::text::regclass)";
    let is_live = sqlx::query_scalar(asked).bind(table).fetch_one(connection);
    is_live.await.unwrap()
}

#[tokio::test]
async fn a_partitioned_table_needs_a_primary_key_for_partitions_to_come() {
    let database = replicated().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "CREATE TABLE public.whole (id int NOT NULL UNIQUE, n int) PARTITION BY RANGE (id); \
         CREATE TABLE public.leaf PARTITION OF public.whole FOR VALUES FROM (0) TO (10); \
         ALTER TABLE public.leaf REPLICA IDENTITY FULL",
    )
    .await;
    let told = failure(&mut connection, "SELECT rowcast.watch('public.whole')").await;
    assert!(told.contains("it needs a PRIMARY KEY"), "{told}");
    execute(
        &mut connection,
        "ALTER TABLE public.whole ADD PRIMARY KEY (id); SELECT rowcast.watch('public.whole')",
    )
    .await;
    assert!(is_live(&mut connection, "public.whole").await);
    // Without it once more: it is the only one that is not live then, and nobody fails.
    execute(
        &mut connection,
        "CREATE TABLE public.other (id int PRIMARY KEY); SELECT rowcast.watch('public.other'); \
         ALTER TABLE public.whole DROP CONSTRAINT whole_pkey",
    )
    .await;
    assert!(!is_live(&mut connection, "public.whole").await);
    assert!(is_live(&mut connection, "public.other").await);
    execute(
        &mut connection,
        "CREATE TABLE public.more PARTITION OF public.whole FOR VALUES FROM (10) TO (20); \
         INSERT INTO public.whole VALUES (1, 1), (11, 1); \
         UPDATE public.whole SET n = 2; DELETE FROM public.whole",
    )
    .await;
}

#[tokio::test]
async fn a_table_whose_replica_identity_is_gone_is_not_live_any_more() {
    let database = replicated().await;
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "CREATE TABLE public.item (id int PRIMARY KEY, other int NOT NULL); \
         CREATE UNIQUE INDEX item_other ON public.item (other); \
         ALTER TABLE public.item REPLICA IDENTITY USING INDEX item_other; \
         SELECT rowcast.watch('public.item'); DROP INDEX public.item_other",
    )
    .await;
    assert!(!is_live(&mut connection, "public.item").await);
    execute(
        &mut connection,
        "INSERT INTO public.item VALUES (1, 1); UPDATE public.item SET other = 2; DELETE FROM public.item",
    )
    .await;
}

/// PostgreSQL 18 refuses writes where it would have to name rows by a generated column.
#[tokio::test]
async fn generated_columns_stop_no_writer() {
    let database = replicated().await;
    let mut connection = connect(&database).await;
    let is_refused = cluster().major() >= 18;
    let mut cases = vec![
        ("n int, g int GENERATED ALWAYS AS (n * 2) STORED", "FULL"),
        (
            "n int, g int NOT NULL GENERATED ALWAYS AS (id * 2) STORED UNIQUE",
            "USING INDEX item_g_key",
        ),
    ];
    if is_refused {
        cases.push(("n int, g int GENERATED ALWAYS AS (n * 2) VIRTUAL", "FULL"));
    }
    for (columns, identity) in cases {
        let table = format!(
            "CREATE TABLE public.item (id int PRIMARY KEY, {columns}); \
             ALTER TABLE public.item REPLICA IDENTITY {identity}"
        );
        execute(&mut connection, &table).await;
        let watch = "SELECT rowcast.watch('public.item')";
        if is_refused {
            let told = failure(&mut connection, watch).await;
            assert!(told.contains("generated column"), "{columns}: {told}");
            let default = "ALTER TABLE public.item REPLICA IDENTITY DEFAULT";
            execute(&mut connection, default).await;
        }
        execute(&mut connection, watch).await;
        writes(&mut connection).await;
        // Or while it is live.
        let identity = format!("ALTER TABLE public.item REPLICA IDENTITY {identity}");
        execute(&mut connection, &identity).await;
        assert_eq!(is_live(&mut connection, "public.item").await, !is_refused);
        writes(&mut connection).await;
        execute(&mut connection, "DROP TABLE public.item").await;
    }
    execute(
        &mut connection,
        "CREATE TABLE public.item (id int PRIMARY KEY, n int); \
         ALTER TABLE public.item REPLICA IDENTITY FULL; SELECT rowcast.watch('public.item'); \
         ALTER TABLE public.item ADD COLUMN g int GENERATED ALWAYS AS (n * 2) STORED",
    )
    .await;
    assert_eq!(is_live(&mut connection, "public.item").await, !is_refused);
    writes(&mut connection).await;
}

async fn writes(connection: &mut PgConnection) {
    execute(
        connection,
        "INSERT INTO public.item (id, n) VALUES (1, 1); UPDATE public.item SET n = 2; \
         DELETE FROM public.item",
    )
    .await;
}
