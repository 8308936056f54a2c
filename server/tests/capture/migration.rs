//! The schema is set up once, whoever starts first.

use rowcast::capture::migrate::{MigrateError, migrate};

use crate::{
    cluster::Cluster,
    replica::{connect, execute},
};

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
    let refused = migrate(&mut two).await;
    assert!(matches!(refused, Err(MigrateError::Newer(1000, _))));
}
