//! Numbers of transactions beyond 32 bits, of which the write-ahead log says the low ones.

use sqlx::PgConnection;

use crate::{
    cluster::Cluster,
    replica::{connect, execute, prepared},
};

#[tokio::test]
async fn a_number_is_whole_where_its_transaction_is_not_visible_yet_as_it_is_copied() {
    let cluster = Cluster::start(&[("autovacuum", "off")]);
    cluster.stop();
    if !cluster.begin_epoch(1) {
        // A package of the server alone has no program for that.
        return;
    }
    cluster.resume();
    let database = prepared(&cluster).await;
    let mut copier = connect(&database).await;
    execute(
        &mut copier,
        "SELECT rowcast.set_source('replication'); \
         UPDATE rowcast.copied SET lsn = '0/10', version = pg_current_snapshot(), at = now()",
    )
    .await;
    // As those are whose commits are written and wait for a standby.
    let mut earlier = connect(&database).await;
    let mut writer = connect(&database).await;
    let begin = "BEGIN; SELECT pg_current_xact_id()";
    execute(&mut earlier, begin).await;
    execute(&mut writer, begin).await;
    let number: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
        .fetch_one(&mut writer)
        .await
        .unwrap();
    let number: u64 = number.parse().unwrap();
    assert!(number > 1 << 32);
    let low = i64::try_from(number % (1 << 32)).unwrap();
    assert_eq!(seen(&mut copier, low).await, Some(false));
    let appended: bool = sqlx::query_scalar(
        "SELECT rowcast.append('0/10', '0/20', pg_current_snapshot(), 0, ARRAY[$1], \
             '{0}', '{1}', '{r}', '{0}', '{NULL}', '{NULL}', '{}', '{}', '{}', '{}')",
    )
    .bind(low)
    .fetch_one(&mut copier)
    .await
    .unwrap();
    assert!(appended);
    let logged: String =
        sqlx::query_scalar("SELECT xid::text FROM rowcast.change_log WHERE relation = 1")
            .fetch_one(&mut copier)
            .await
            .unwrap();
    assert_eq!(logged, number.to_string());
    execute(&mut writer, "COMMIT").await;
    assert_eq!(seen(&mut copier, low).await, Some(true));
    // Of before the numbers began anew.
    assert_eq!(seen(&mut copier, (1 << 32) - 1).await, Some(true));
}

/// Whether what the transaction of this number did is seen.
async fn seen(connection: &mut PgConnection, number: i64) -> Option<bool> {
    sqlx::query_scalar("SELECT rowcast.is_seen($1)")
        .bind(number)
        .fetch_one(connection)
        .await
        .unwrap()
}
