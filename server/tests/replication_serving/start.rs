//! What is said where changes can't come from the write-ahead log.

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    server::Server,
    world::{
        LIST, REPLICATION, cluster, ended, failure, replicated, traces, triggered, triggers, until,
        until_equal,
    },
};

/// What the start says, which the doctor says too.
async fn told(database: &Database, url: &str) -> String {
    let told = failure("serve", url, &[REPLICATION]).await;
    let doctor = ended("doctor", url, &[REPLICATION]).await;
    let found = String::from_utf8(doctor.stdout).unwrap();
    let lines: Vec<&str> = found.lines().collect();
    let wrong = lines
        .iter()
        .filter(|line| line.starts_with("WRONG") && line.contains("ROWCAST_SOURCE"));
    for line in wrong.clone() {
        let (_, what) = line.split_once("replication, but ").unwrap();
        let (what, _) = what.split_once(". To mend it").unwrap();
        assert!(told.contains(what), "{what} in {told}");
    }
    assert!(wrong.count() > 0, "{found}");
    // Nothing has been done.
    let mut connection = database.connect().await;
    assert_eq!(traces(&mut connection).await, (0, 0));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_server_lacks_is_told_and_how_to_mend_it() {
    let cluster = Cluster::start(&[("wal_level", "replica"), ("max_replication_slots", "1")]);
    let database = triggered(&cluster).await;
    let said = told(&database, &database.url).await;
    assert!(said.contains("wal_level is replica, not logical"), "{said}");
    assert!(
        said.contains("ALTER SYSTEM SET wal_level = logical"),
        "{said}"
    );
    let mut connection = database.connect().await;
    assert_eq!(triggers(&mut connection).await, 4);

    drop(connection);
    database
        .execute("ALTER SYSTEM SET wal_level = 'logical'")
        .await;
    cluster.stop();
    cluster.resume();
    let other = cluster.database().await;
    other
        .execute("SELECT pg_create_physical_replication_slot('somebody')")
        .await;
    let said = told(&database, &database.url).await;
    assert!(said.contains("no free replication slot"), "{said}");
    other
        .execute("SELECT pg_drop_replication_slot('somebody')")
        .await;
    let server = Server::with(&database.url, &[REPLICATION]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_can_not_be_published_are_named_and_stay_live() {
    let database = triggered(cluster()).await;
    database
        .execute("CREATE TABLE loose (id int NOT NULL UNIQUE); SELECT rowcast.watch('loose')")
        .await;
    let said = told(&database, &database.url).await;
    assert!(
        said.contains("loose, for it has no replica identity"),
        "{said}"
    );
    database
        .execute("ALTER TABLE loose REPLICA IDENTITY FULL")
        .await;
    let server = Server::with(&database.url, &[REPLICATION]).await;
    let watched: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_publication_tables WHERE tablename IN ('t', 'loose')",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(watched, 2);
    server.stop().await;
}

/// Replaces the rules by which the cluster lets somebody in.
async fn let_in(cluster: &Cluster, database: &Database, rules: &str) {
    let path = cluster.directory().join("data/pg_hba.conf");
    std::fs::write(path, rules).unwrap();
    database.execute("SELECT pg_reload_conf()").await;
}

/// The URL of a role whose password is asked for as the driver can answer, and the stream's client
/// can't.
async fn asked_as_md5(cluster: &Cluster, database: &Database) -> String {
    database
        .execute("CREATE ROLE old SUPERUSER LOGIN PASSWORD 'old'")
        .await;
    let rules = "local all all trust\nhost all postgres 127.0.0.1/32 trust\n\
                 host all old 127.0.0.1/32 md5\n";
    let_in(cluster, database, rules).await;
    database.url.replace("postgres@", "old:old@")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_where_no_replication_connection_can_be_opened() {
    let cluster = Cluster::start(&[("password_encryption", "md5")]);
    let database = triggered(&cluster).await;
    let mut connection = database.connect().await;
    let url = asked_as_md5(&cluster, &database).await;
    let said = told(&database, &url).await;
    assert!(
        said.contains("no replication connection can be opened"),
        "{said}"
    );
    assert!(
        said.contains("asked for as md5") && said.contains("scram-sha-256"),
        "{said}"
    );
    assert_eq!(triggers(&mut connection).await, 4);
    // Nor where there is no directory for the way to it.
    let nowhere = [REPLICATION, ("TMPDIR", "/nowhere/at/all")];
    let told = failure("serve", &database.url, &nowhere).await;
    assert!(told.contains("TMPDIR"), "{told}");
    assert_eq!(triggers(&mut connection).await, 4);
    assert_eq!(traces(&mut connection).await, (0, 0));
    Server::with(&database.url, &[]).await.stop().await;
}

/// It was there when the source was changed, and is gone since.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_no_slot_that_it_made() {
    let cluster = Cluster::start(&[("password_encryption", "md5")]);
    let database = replicated(&cluster).await;
    let mut connection = database.connect().await;
    crate::world::drop_slot(&mut connection).await;
    let url = asked_as_md5(&cluster, &database).await;
    let told = failure("serve", &url, &[REPLICATION]).await;
    assert!(told.contains("asked for as md5"), "{told}");
    assert_eq!(traces(&mut connection).await, (0, 1));
}

/// Much is decoded, or little fast enough, before anything can be told.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_as_long_as_somebody_copies() {
    use rustix::process::{Pid, Signal, kill_process};

    let database = replicated(cluster()).await;
    let mut connection = database.connect().await;
    let first = Server::with(&database.url, &[REPLICATION]).await;
    let sql = "SELECT active_pid FROM pg_replication_slots WHERE database = current_database()";
    let sender: i32 = sqlx::query_scalar(sql)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let sender = Pid::from_raw(sender).unwrap();
    kill_process(sender, Signal::STOP).unwrap();
    let url = database.url.clone();
    let mut starting = tokio::spawn(async move { Server::with(&url, &[REPLICATION]).await });
    let marks = "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND query LIKE '%FROM rowcast.copied%'";
    until("it waits", async || {
        let waiting: i64 = sqlx::query_scalar(marks)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        waiting > 0
    })
    .await;
    let waited = std::time::Duration::from_secs(50);
    let ended = tokio::time::timeout(waited, &mut starting).await;
    assert!(ended.is_err(), "the start neither ends nor fails");
    kill_process(sender, Signal::CONT).unwrap();
    let second = starting.await.unwrap();
    let follower = Follower::new(&second.address, LIST).await;
    database.execute("INSERT INTO t VALUES (1, 1)").await;
    until_equal(&follower, &mut connection).await;
    second.stop().await;
    first.stop().await;
}
