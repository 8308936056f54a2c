//! One server copies; it is killed, and another one goes on.

use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::{
    cluster::Database,
    follower::Follower,
    metrics::metric,
    server::Server,
    socket::Socket,
    world::{
        LIST, REPLICATION, cluster, replicated, triggers, until, until_equal,
        until_equal_without_a_reset,
    },
};

/// How often each of them writes.
const TURNS: i32 = 150;

/// Three who write, in transactions that overlap.
fn writers(database: &Database) -> Vec<JoinHandle<()>> {
    let start = |nth| tokio::spawn(write(database.clone(), nth));
    (0..3).map(start).collect()
}

async fn write(database: Database, writer: i32) {
    let mut late = database.connect().await;
    let mut connection = database.connect().await;
    for turn in 0..TURNS {
        let mut open = late.begin().await.unwrap();
        // Each row comes once, whatever is done to it then.
        let id = writer * 300 + 2 * turn % 300;
        if turn < 100 {
            insert(&mut open, id).await;
            insert(&mut connection, id + 1).await;
        }
        sqlx::query("UPDATE t SET n = n + 1 WHERE id % 30 = $1 AND id / 300 = $2")
            .bind(turn % 30)
            .bind(writer)
            .execute(&mut *open)
            .await
            .unwrap();
        match turn % 4 {
            0 => open.rollback().await.unwrap(),
            _ => open.commit().await.unwrap(),
        }
    }
}

async fn insert(connection: &mut PgConnection, id: i32) {
    sqlx::query("INSERT INTO t VALUES ($1, 0)")
        .bind(id)
        .execute(connection)
        .await
        .unwrap();
}

/// The number of a row that no other is like.
const LAST: i32 = 77_777_777;

/// Over a WebSocket nothing but patches comes, up to that row.
async fn until_the_last_row(mut socket: Socket) {
    loop {
        let message = socket.any().await;
        assert!(crate::is(&message, "patch"), "{message}");
        if message.to_string().contains(&LAST.to_string()) {
            return;
        }
    }
}

async fn copies(server: &Server) -> bool {
    metric(&server.address, "rowcast_slot_copies").await == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_copies_is_killed_and_nothing_is_lost_or_comes_twice() {
    let database = replicated(cluster()).await;
    let mut connection = database.connect().await;
    assert_eq!(triggers(&mut connection).await, 0);
    let mut first = Server::with(&database.url, &[REPLICATION]).await;
    let second = Server::with(&database.url, &[REPLICATION]).await;
    assert!(copies(&first).await && !copies(&second).await);
    let theirs = Follower::new(&first.address, LIST).await;
    let follower = Follower::new(&second.address, LIST).await;
    let mut socket = Socket::open(&second.address).await;
    socket.subscribe(1, "t", "order=id&limit=1000").await;
    let socket = tokio::spawn(until_the_last_row(socket));

    let writers = writers(&database);
    theirs
        .until("rows of all", |seen| {
            seen.list.as_ref().is_some_and(|list| list.total > 30)
        })
        .await;
    first.kill().await;
    until("another one copies", async || copies(&second).await).await;
    let before = follower.seen().list.unwrap().total;
    database
        .execute("INSERT INTO t SELECT 1000 + g, 0 FROM generate_series(1, 100) g")
        .await;
    follower
        .until("rows that came since", |seen| {
            let list = seen.list.as_ref();
            list.is_some_and(|list| list.total >= before + 100)
        })
        .await;
    first.restart().await;
    let back = Follower::new(&first.address, LIST).await;
    for writer in writers {
        writer.await.unwrap();
    }
    until_equal_without_a_reset(&follower, &mut connection).await;
    until_equal_without_a_reset(&back, &mut connection).await;
    assert!(!copies(&first).await && copies(&second).await);

    let last = format!("INSERT INTO t VALUES ({LAST}, 0)");
    database.execute(&last).await;
    socket.await.unwrap();
    // It ends as one that is told to, and the other has its place.
    second.stop().await;
    until("the first one copies", async || copies(&first).await).await;
    database.execute("UPDATE t SET n = -1").await;
    until_equal_without_a_reset(&back, &mut connection).await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_while_it_copies_does_not_keep_others_from_it() {
    let database = replicated(cluster()).await;
    let mut connection = database.connect().await;
    let first = Server::with(&database.url, &[REPLICATION]).await;
    let second = Server::with(&database.url, &[REPLICATION]).await;
    let follower = Follower::new(&second.address, LIST).await;
    first.signal(Signal::STOP);
    database
        .execute("INSERT INTO t SELECT g, g FROM generate_series(1, 20) g")
        .await;
    until_equal_without_a_reset(&follower, &mut connection).await;
    // It finds out that it was overtaken, and has copied nothing meanwhile.
    first.signal(Signal::CONT);
    database.execute("UPDATE t SET n = n + 1").await;
    until_equal_without_a_reset(&follower, &mut connection).await;
    let theirs = Follower::new(&first.address, LIST).await;
    until_equal(&theirs, &mut connection).await;
    first.stop().await;
    second.stop().await;
}
