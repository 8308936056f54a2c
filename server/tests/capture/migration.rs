//! The schema is set up once, whoever starts first.

use rowcast::capture::migrate::{MigrateError, migrate};
use sqlx::PgConnection;

use crate::{
    cluster::Cluster,
    replica::{PATIENCE, connect, execute},
};

/// The migrations before the first one that alters the log.
const EARLIER: [&str; 3] = [
    include_str!("../../../migrations/0001_capture.sql"),
    include_str!("../../../migrations/0002_fingerprint.sql"),
    include_str!("../../../migrations/0003_views.sql"),
];

#[tokio::test]
async fn servers_that_start_at_once_set_it_up_once() {
    let database = Cluster::shared().database().await;
    let (mut one, mut two) = (connect(&database).await, connect(&database).await);
    let (first, second) = tokio::join!(migrate(&mut one), migrate(&mut two));
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.migration")
        .fetch_one(&mut one)
        .await
        .unwrap();
    assert_eq!((first.unwrap() + second.unwrap()) as i64, all);
    assert_eq!(migrate(&mut one).await.unwrap(), 0);
    execute(
        &mut one,
        "INSERT INTO rowcast.migration (version, name) VALUES (1000, 'later')",
    )
    .await;
    // One of the version before goes on beside those of the next, also if it is started again.
    assert_eq!(migrate(&mut two).await.unwrap(), 0);
    execute(&mut one, "UPDATE rowcast.state SET works_from = 1000").await;
    let refused = migrate(&mut two).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Newer(1000, _, 1000)));
    assert!(
        refused.to_string().contains("know 1000 or later"),
        "{refused}"
    );
}

#[tokio::test]
async fn one_that_alters_the_log_waits_for_writers_without_stopping_others() {
    // As an earlier version left it, with a table that is live.
    let database = Cluster::shared().database().await;
    let mut earlier = connect(&database).await;
    let set_up = "CREATE SCHEMA rowcast; CREATE TABLE rowcast.migration (version int4 PRIMARY KEY, \
        name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
    execute(&mut earlier, set_up).await;
    for (at, sql) in EARLIER.into_iter().enumerate() {
        let version = at + 1;
        let sql = format!("{sql}; INSERT INTO rowcast.migration VALUES ({version}, '')");
        execute(&mut earlier, &sql).await;
    }
    database
        .execute("CREATE TABLE t (id int PRIMARY KEY); SELECT rowcast.watch('t')")
        .await;
    let mut writer = connect(&database).await;
    execute(&mut writer, "BEGIN; INSERT INTO public.t VALUES (1)").await;
    let migrated = tokio::spawn({
        let database = database.clone();
        async move { migrate(&mut connect(&database).await).await }
    });
    let mut other = connect(&database).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted \
        AND relation = 'rowcast.change_log'::regclass AND mode = 'AccessExclusiveLock'";
    let waiting = async {
        while count(&mut other, waits).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("the migration waits for the writer");
    // Whoever writes meanwhile is held up for a moment, not until the first writer's end.
    execute(&mut other, "INSERT INTO public.t VALUES (2)").await;
    execute(&mut writer, "COMMIT").await;
    tokio::time::timeout(PATIENCE, migrated)
        .await
        .expect("the migration is tried again")
        .unwrap()
        .unwrap();
    let authors = "SELECT count(author) FROM rowcast.change_log \
        WHERE relation = 'public.t'::regclass";
    assert_eq!(count(&mut other, authors).await, 0, "nobody is made up");
    execute(&mut other, "INSERT INTO public.t VALUES (3)").await;
    assert_eq!(count(&mut other, authors).await, 1);
}

async fn count(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}
