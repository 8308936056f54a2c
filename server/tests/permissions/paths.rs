//! What is said of a table is said of that one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rowcast::{
    auth::Identity,
    database::catalog::Catalog,
    permission::{Grant, Rights, Seen},
    serve,
};
use serde_json::json;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::{cluster::Cluster, world::World};

#[tokio::test]
async fn two_tables_whose_names_run_together_are_two() {
    let world = World::open().await;
    let sql = r#"CREATE SCHEMA a; CREATE SCHEMA "a.b";
        CREATE TABLE a."b.c" (id int PRIMARY KEY, outer_word text);
        CREATE TABLE "a.b".c (id int PRIMARY KEY, inner_word text);"#;
    world.server.database.execute(sql).await;
    world.grant("member", "*", "{}").await;
    let columns = async || {
        let tables = world.bobs("/api/tables").await;
        let tables = tables["tables"].as_array().unwrap().clone();
        let mut columns: Vec<String> = tables
            .iter()
            .map(|table| table["columns"][1]["name"].as_str().unwrap().to_owned())
            .collect();
        columns.sort();
        columns
    };
    assert!(columns().await.is_empty());
    world
        .grant("member", "%22a.b%22.c", r#"{"read":true,"hidden":[]}"#)
        .await;
    assert_eq!(columns().await, ["inner_word"]);
    // By the name that means the other one.
    assert_eq!(world.bob("GET", "/api/rows/a.b.c", "").await.status, 404);
    world
        .grant(
            "member",
            "a.b.c",
            r#"{"read":true,"hidden":["outer_word"]}"#,
        )
        .await;
    let tables = world.bobs("/api/tables").await;
    assert_eq!(tables["tables"].as_array().unwrap().len(), 2, "{tables}");
    assert!(!tables.to_string().contains("outer_word"), "{tables}");
    let list = world.admin("GET", "/api/permissions", "").await.json().1;
    let paths: Vec<_> = list["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["table"].clone())
        .collect();
    assert_eq!(paths, [json!("\"a.b\".c"), json!("*"), json!("a.\"b.c\"")]);
    let removed = world
        .admin("DELETE", "/api/permissions/member/a.%22b.c%22", "")
        .await;
    assert_eq!(removed.status, 204);
    assert_eq!(columns().await, ["inner_word"]);
    world.server.stop().await;
}

/// Counts the statements that are sent.
struct Statements(Arc<AtomicU32>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_tables_references_are_asked_for_at_once_however_many_they_are() {
    let database = Cluster::shared().database().await;
    serve::prepare(&database.options).await.unwrap();
    let tables: String = (0..8)
        .map(|n| format!("CREATE TABLE to_{n} (id int PRIMARY KEY);"))
        .collect();
    let columns: Vec<String> = (0..8)
        .map(|n| format!("r_{n} int REFERENCES to_{n}"))
        .collect();
    let sql = format!(
        "{tables} CREATE TABLE one (id int PRIMARY KEY, {});
         CREATE TABLE many (id int PRIMARY KEY, {});",
        columns[0],
        columns.join(", ")
    );
    database.execute(&sql).await;
    // Its statements are logged, unlike the server's.
    let options: PgConnectOptions = database.url.parse().unwrap();
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let catalog = Catalog::new(pool);
    let grant = Grant {
        read: true,
        ..Grant::default()
    };
    let said = BTreeMap::from([("*".to_owned(), grant)]);
    let identity = Identity::nobody(Rights::Of(vec![Arc::new(said)]));
    let count = Arc::new(AtomicU32::new(0));
    let subscriber = tracing_subscriber::registry().with(Statements(Arc::clone(&count)));
    let _guard = tracing::subscriber::set_default(subscriber);
    let asked = async |name: &str| {
        let seen = Seen::new(&catalog, &identity);
        // What it read once it remembers.
        seen.table(name).await.unwrap();
        let before = count.load(Ordering::Relaxed);
        let table = seen.table(name).await.unwrap();
        let keys = table.foreign_keys.len();
        (keys, count.load(Ordering::Relaxed) - before)
    };
    let (one, many) = (asked("one").await, asked("many").await);
    assert_eq!((one.0, many.0), (1, 8));
    assert!(one.1 > 0, "statements are counted");
    assert_eq!(one.1, many.1);
}
