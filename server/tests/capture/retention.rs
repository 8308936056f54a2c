//! Old changes are removed, and a cursor that misses them is known by it.

use std::time::Duration;

use rowcast::capture::{history, retention::purge};
use tokio::time::timeout;

use crate::replica::{Reader, database};

#[tokio::test]
async fn old_changes_are_removed_in_batches_and_remembered() {
    let database = database().await;
    database
        .execute(
            "CREATE TABLE item (id int PRIMARY KEY); SELECT rowcast.watch('item'); \
             UPDATE rowcast.state SET settled_at = now() - interval '1 hour'",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    for n in 0..10 {
        database
            .execute(&format!("INSERT INTO item VALUES ({n})"))
            .await;
    }
    let oldest = reader.cursor.clone();
    reader.check("public.item", "before").await;
    let pool = database.pool(1).await;
    assert_eq!(purge(&pool, Duration::from_secs(3600)).await.unwrap(), 0);
    let count = "SELECT count(*) FROM rowcast.change_log";
    let all: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
    // The rows, the table made live, and what migrations altered of our own: saved views twice,
    // presence once.
    assert_eq!(all, 14);
    // What nobody can have had the time to read stays: it had not ended half a minute ago.
    assert_eq!(purge(&pool, Duration::ZERO).await.unwrap(), 0);
    // Whatever still runs in the cluster, other tests' transactions too, keeps what it may not
    // have seen.
    let mut removed = 0;
    let all_removed = async {
        while removed < all {
            database
                .execute("UPDATE rowcast.state SET settled_at = now() - interval '1 minute'")
                .await;
            assert_eq!(purge(&pool, Duration::from_secs(3600)).await.unwrap(), 0);
            removed += purge(&pool, Duration::ZERO).await.unwrap();
        }
    };
    timeout(Duration::from_secs(60), all_removed)
        .await
        .expect("what nobody needs is removed");
    assert_eq!(removed, all);
    let left: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
    // A reader goes on reading, and leaves behind what ran elsewhere in the cluster.
    reader.check("public.item", "after").await;
    let mut purged = async |xid| {
        history::is_purged(&mut reader.connection, xid)
            .await
            .unwrap()
    };
    assert!(purged(oldest.xmin).await);
}

#[tokio::test]
async fn old_changes_are_removed_where_every_table_is_published() {
    let database = database().await;
    database
        .execute(
            "CREATE PUBLICATION everything FOR ALL TABLES; \
             CREATE TABLE item (id int PRIMARY KEY); SELECT rowcast.watch('item'); \
             INSERT INTO item VALUES (1)",
        )
        .await;
    let pool = database.pool(1).await;
    let all_removed = async {
        let mut removed = 0;
        while removed < 2 {
            database
                .execute("UPDATE rowcast.state SET settled_at = now() - interval '1 minute'")
                .await;
            removed += purge(&pool, Duration::ZERO).await.unwrap();
        }
    };
    timeout(Duration::from_secs(60), all_removed)
        .await
        .expect("what nobody needs is removed");
}
