//! The test cluster itself: it starts, it survives a crash, it leaves nothing behind.

#[path = "support/cluster.rs"]
mod cluster;

use cluster::Cluster;
use sqlx::Connection;

#[tokio::test]
async fn databases_are_separate() {
    let one = Cluster::shared().database().await;
    let two = Cluster::shared().database().await;
    one.execute("CREATE TABLE t ()").await;
    two.execute("CREATE TABLE t ()").await;
}

#[tokio::test]
async fn a_killed_cluster_comes_back_and_a_dropped_one_is_gone() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    database.execute("CREATE TABLE t ()").await;
    cluster.kill();
    cluster.resume();
    database.execute("TABLE t").await;
    database.connect().await.close().await.expect("closes");
    let directory = cluster.directory().to_owned();
    drop(cluster);
    assert!(!directory.exists());
}
