//! What is told of a database that others have a part in.

use crate::{
    cluster::Cluster,
    server::Server,
    world::{REPLICATION, cluster, ended, failure, replicated, traces, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_can_not_be_published_any_more_keeps_no_server_from_starting() {
    let database = replicated(cluster()).await;
    database
        .execute(
            "CREATE TABLE other (id int PRIMARY KEY, n int); SELECT rowcast.watch('other'); \
             INSERT INTO other VALUES (1, 1); ALTER EVENT TRIGGER rowcast_ddl DISABLE; \
             ALTER TABLE other REPLICA IDENTITY NOTHING",
        )
        .await;
    let server = Server::with(&database.url, &[REPLICATION]).await;
    let mut connection = database.connect().await;
    until("one table is not live", async || {
        let live = "SELECT string_agg(relation::text, ',') FROM rowcast.watched \
                     WHERE relation IN ('t'::regclass, 'other'::regclass)";
        let live: Option<String> = sqlx::query_scalar(live)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        live.as_deref() == Some("t")
    })
    .await;
    database.execute("UPDATE other SET n = 2").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_of_somebody_else_is_told() {
    let database = cluster().database().await;
    Server::with(&database.url, &[]).await.stop().await;
    database.execute("CREATE PUBLICATION rowcast").await;
    let said = failure("serve", &database.url, &[REPLICATION]).await;
    let doctor = ended("doctor", &database.url, &[REPLICATION]).await;
    let found = String::from_utf8(doctor.stdout).unwrap();
    for told in [said, found] {
        assert!(told.contains("that Rowcast did not make"), "{told}");
        assert!(told.contains("ALTER PUBLICATION rowcast RENAME"), "{told}");
    }
    let mut connection = database.connect().await;
    assert_eq!(traces(&mut connection).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_warns_where_commits_wait_for_the_copying_server() {
    let cluster = Cluster::start(&[
        ("synchronous_standby_names", "*"),
        ("synchronous_commit", "local"),
    ]);
    let database = replicated(&cluster).await;
    for (names, is_met) in [
        ("*", true),
        ("ANY 1 (a, rowcast)", true),
        ("FIRST 1 (\"Rowcast\")", true),
        ("2 (rowcaster, my_rowcast, a)", false),
        ("", false),
    ] {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        database.execute(&set).await;
        database.execute("SELECT pg_reload_conf()").await;
        let mut connection = database.connect().await;
        until("it is set", async || {
            let set = "SELECT current_setting('synchronous_standby_names')";
            let set: String = sqlx::query_scalar(set)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            set == names
        })
        .await;
        let doctor = ended("doctor", &database.url, &[REPLICATION]).await;
        let found = String::from_utf8(doctor.stdout).unwrap();
        let warned = found.contains("synchronous_standby_names is met");
        assert_eq!(warned, is_met, "{names}: {found}");
    }
}
