//! The demo tables and their writer, against a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

#[path = "support/cluster.rs"]
mod cluster;

use rowcast::{
    capture::migrate::migrate,
    demo::{self, DemoError},
};
use sqlx::PgConnection;

async fn number(connection: &mut PgConnection, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_tables_are_made_once_filled_and_live() {
    let database = cluster::Cluster::shared().database().await;
    let mut connection = database.connect().await;
    migrate(&mut connection).await.unwrap();
    demo::create(&mut connection).await.unwrap();
    demo::create(&mut connection).await.unwrap();
    let connection = &mut connection;
    let items = number(connection, "SELECT count(*) FROM public.todo_items").await;
    let people = number(connection, "SELECT count(*) FROM public.people").await;
    assert_eq!((items, people), (400, 20));
    assert_eq!(
        number(
            connection,
            "SELECT count(*) FROM rowcast.watched WHERE NOT rowcast.is_followed(relation)"
        )
        .await,
        2
    );
    let assigned = "SELECT count(DISTINCT assignee) FROM public.todo_items";
    assert_eq!(number(connection, assigned).await, 20);
}

#[tokio::test]
async fn a_table_of_the_users_is_left_alone() {
    let database = cluster::Cluster::shared().database().await;
    let mut connection = database.connect().await;
    migrate(&mut connection).await.unwrap();
    database
        .execute("CREATE TABLE people (id int PRIMARY KEY, salary numeric)")
        .await;
    let refused = demo::create(&mut connection).await;
    assert!(matches!(refused, Err(DemoError::Taken(name)) if name == "people"));
}

#[tokio::test]
async fn the_writer_writes_until_it_is_told_to_stop_and_the_list_keeps_its_length() {
    let database = cluster::Cluster::shared().database().await;
    let mut connection = database.connect().await;
    migrate(&mut connection).await.unwrap();
    demo::create(&mut connection).await.unwrap();
    let before = number(
        &mut connection,
        "SELECT max(xid)::text::int8 FROM rowcast.change_log",
    )
    .await;
    let watching = async {
        let mut seen = database.connect().await;
        let statement = "SELECT max(xid)::text::int8 FROM rowcast.change_log";
        while number(&mut seen, statement).await < before + 600 {}
    };
    demo::write(database.pool(4).await, 2000.0, watching).await;
    let items = number(&mut connection, "SELECT count(*) FROM public.todo_items").await;
    assert!((390..=460).contains(&items), "{items}");
}
