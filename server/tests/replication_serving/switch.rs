//! One source in place of the other.

use crate::{
    follower::Follower,
    server::Server,
    world::{
        LIST, REPLICATION, TABLE, TRIGGERS, cluster, ended, failure, traces, triggered, triggers,
        until, until_equal,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_from_where_the_servers_say_and_leave_nothing_behind() {
    let database = cluster().database().await;
    let mut connection = database.connect().await;
    Server::with(&database.url, &[]).await.stop().await;
    database.execute(TABLE).await;
    let mut n = 0;
    for (settings, triggered) in [
        (vec![], 4),
        (vec![REPLICATION], 0),
        (vec![REPLICATION], 0),
        (vec![TRIGGERS], 4),
        (vec![REPLICATION], 0),
        // Nothing is said: it stays what it is.
        (vec![], 0),
        (vec![TRIGGERS], 4),
        (vec![], 4),
    ] {
        // While nobody runs.
        n += 1;
        database
            .execute(&format!("INSERT INTO t VALUES ({n}, 0)"))
            .await;
        let server = Server::with(&database.url, &settings).await;
        assert_eq!(triggers(&mut connection).await, triggered);
        let made = i64::from(triggered == 0);
        assert_eq!(traces(&mut connection).await, (made, made));
        let follower = Follower::new(&server.address, LIST).await;
        until_equal(&follower, &mut connection).await;
        n += 1;
        let write = format!("INSERT INTO t VALUES ({n}, 0); UPDATE t SET n = n + 1");
        database.execute(&write).await;
        let seen = until_equal(&follower, &mut connection).await;
        assert_eq!(seen.resets, Vec::<String>::new());
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_mind_is_refused_while_others_run() {
    let database = cluster().database().await;
    let mut connection = database.connect().await;
    let server = Server::with(&database.url, &[REPLICATION]).await;
    database.execute(TABLE).await;
    let follower = Follower::new(&server.address, LIST).await;
    let told = failure("serve", &database.url, &[TRIGGERS]).await;
    assert!(
        told.contains(
            "ROWCAST_SOURCE is triggers, but servers run whose changes come from replication"
        ),
        "{told}"
    );
    // One of the same mind is not, nor one that has none, and it is none of migrate's business if
    // nothing is said.
    for settings in [&[REPLICATION][..], &[]] {
        Server::with(&database.url, settings).await.stop().await;
    }
    assert!(ended("migrate", &database.url, &[]).await.status.success());
    database.execute("INSERT INTO t VALUES (1, 1)").await;
    let seen = until_equal(&follower, &mut connection).await;
    assert_eq!(seen.resets, Vec::<String>::new());
    server.stop().await;
    let moved = ended("migrate", &database.url, &[TRIGGERS]).await;
    let said = String::from_utf8(moved.stdout).unwrap();
    assert!(said.contains("Changes come from triggers now"), "{said}");
    assert_eq!(triggers(&mut connection).await, 4);
    assert_eq!(traces(&mut connection).await, (0, 0));
}

/// Another program may change it, or a server of which nobody knew.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_source_is_changed_under_it_finds_out_and_goes_on() {
    let database = cluster().database().await;
    let mut connection = database.connect().await;
    let server = Server::with(&database.url, &[]).await;
    database.execute(TABLE).await;
    let follower = Follower::new(&server.address, LIST).await;
    for (n, source, made) in [
        (1, "replication", 1),
        (2, "triggers", 0),
        (3, "replication", 1),
    ] {
        database
            .execute(&format!("SELECT rowcast.set_source('{source}')"))
            .await;
        database
            .execute(&format!("INSERT INTO t VALUES ({n}, {n})"))
            .await;
        until_equal(&follower, &mut connection).await;
        until("the slot is as it should be", async || {
            traces(&mut connection).await == (made, made)
        })
        .await;
        database.execute("UPDATE t SET n = n + 1").await;
        until_equal(&follower, &mut connection).await;
    }
    server.stop().await;
}

/// One that starts is seen before it follows anything, and its turn is not waited for without an end.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_the_same_time_see_each_other() {
    let database = triggered(cluster()).await;
    let mut starting = database.connect().await;
    // What one holds who has settled it, and who is at it.
    let lock = |what: &str| {
        format!(
            "SELECT {what}(1919907683, {})",
            if what.ends_with("shared") { 8 } else { 7 }
        )
    };
    let mut hold = async |what: &str| {
        sqlx::query(sqlx::AssertSqlSafe(lock(what)))
            .execute(&mut starting)
            .await
            .unwrap();
    };
    hold("pg_advisory_lock_shared").await;
    let told = failure("serve", &database.url, &[REPLICATION]).await;
    assert!(
        told.contains("but servers run whose changes come from triggers"),
        "{told}"
    );
    hold("pg_advisory_unlock_shared").await;
    hold("pg_advisory_lock").await;
    let told = failure("serve", &database.url, &[]).await;
    assert!(
        told.contains("changing where changes come from for 30 s"),
        "{told}"
    );
    let mut connection = database.connect().await;
    assert_eq!(triggers(&mut connection).await, 4);
}

/// A terminal follows by itself, also where no server runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_copies_where_nobody_else_does() {
    use std::process::Stdio;
    use tokio::io::{AsyncBufReadExt, BufReader};

    let database = crate::world::replicated(cluster()).await;
    let mut tail = tokio::process::Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .args(["tail", "t"])
        .env("DATABASE_URL", &database.url)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let snapshot = lines.next_line().await.unwrap().unwrap();
    assert!(snapshot.contains("\"rows\":[]"), "{snapshot}");
    database.execute("INSERT INTO t VALUES (77777777, 1)").await;
    let patch = lines.next_line().await.unwrap().unwrap();
    assert!(patch.contains("77777777"), "{patch}");
}
