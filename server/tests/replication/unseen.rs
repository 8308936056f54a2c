//! Transactions that are told before others see what they did.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    copier::{Copier, catch_up, follow},
    replica::{Replica, connect, execute, prepared},
};

#[tokio::test]
async fn rows_of_a_partition_that_nobody_sees_yet_are_told() {
    // Commits of those who ask for it wait for a standby that never comes.
    let cluster = Cluster::start(&[
        ("synchronous_standby_names", "nobody"),
        ("synchronous_commit", "local"),
    ]);
    let database = prepared(&cluster).await;
    database
        .execute(
            "SELECT rowcast.set_source('replication'); \
             CREATE TABLE public.whole (id int PRIMARY KEY) PARTITION BY RANGE (id); \
             SELECT rowcast.watch('public.whole')",
        )
        .await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "SET synchronous_commit = on").await;
    let begun: String = sqlx::query_scalar("SELECT clock_timestamp()::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let written = tokio::spawn(async move {
        execute(
            &mut writer,
            "CREATE TABLE public.part PARTITION OF public.whole FOR VALUES FROM (0) TO (10); \
             INSERT INTO public.whole VALUES (1)",
        )
        .await;
    });
    let asked = "SELECT count(*) > 0 FROM pg_stat_activity \
                  WHERE datname = current_database() AND query ~ 'copied_shape|rowcast.append' \
                    AND pid <> pg_backend_pid() AND query_start > $1::text::timestamptz \
                    AND EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')";
    let asking = async {
        loop {
            let has_asked = sqlx::query_scalar(asked).bind(&begun);
            if has_asked.fetch_one(&mut connection).await.unwrap() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect("somebody copies what is not seen");
    // It is seen from now on, without any standby.
    execute(
        &mut connection,
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    )
    .await;
    written.await.unwrap();
    catch_up(&mut tail, &mut Replica::default(), &mut connection).await;
    let told: Option<String> = sqlx::query_scalar(
        "SELECT string_agg(l.kind::text, '') FROM rowcast.change_log l \
          WHERE l.relation = 'public.whole'::regclass::oid AND l.kind <> 'd'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(told.as_deref(), Some("i"));
}
