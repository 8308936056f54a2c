//! Lists that change because time passes.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Database},
    metrics::metric,
    server::Server,
    socket::Socket,
};

/// A server, and then these statements: their times count from there.
async fn start(statements: &str) -> (Database, Server) {
    let database = Cluster::shared().database().await;
    Server::start(&database.url).await.stop().await;
    database
        .execute("CREATE TABLE e (id int PRIMARY KEY, at timestamptz); SELECT rowcast.watch('e')")
        .await;
    let server = Server::start(&database.url).await;
    database.execute(statements).await;
    (database, server)
}

fn keys(list: &Value) -> Value {
    let rows = list["rows"].as_array().unwrap();
    rows.iter().map(|row| row["key"][0].clone()).collect()
}

/// How often the server has read a window again.
pub async fn rereads(server: &Server) -> u64 {
    metric(&server.address, "rowcast_rereads_total").await
}

#[tokio::test]
async fn rows_leave_as_their_time_passes_and_nothing_is_read_in_between() {
    let (_database, server) = start(
        "INSERT INTO e VALUES (1, now() - interval '1 s'), (2, now() - interval '0.3 s'), (3, now() - interval '1 h'), \
         (4, now() + interval '1 h')",
    )
    .await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "e", "at=gte.now-4s&order=at").await;
    assert_eq!((keys(&list), &list["total"]), (json!([1, 2, 4]), &json!(3)));
    let before = rereads(&server).await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [1]}]));
    assert_eq!(patch["total"], 2);
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [2]}]));
    assert!(patch["changed_at"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(
        rereads(&server).await - before,
        2,
        "one for each row that left"
    );
}

#[tokio::test]
async fn a_row_enters_when_its_time_comes() {
    let (_database, server) = start("INSERT INTO e VALUES (1, now() + interval '3 s')").await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "e", "at=lte.now").await;
    assert_eq!(list["total"], 0);
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["op"], "insert");
    assert_eq!(patch["total"], 1);
}

#[tokio::test]
async fn a_row_that_came_later_and_leaves_sooner_does_so() {
    let (database, server) = start("INSERT INTO e VALUES (1, now() + interval '1 h')").await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "e", "at=gt.now").await;
    let before = rereads(&server).await;
    database
        .execute("INSERT INTO e VALUES (2, clock_timestamp() + interval '2 s')")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["op"], "insert");
    assert_eq!(
        rereads(&server).await,
        before,
        "a change is told without a read"
    );
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([{"op": "remove", "key": [2]}]));
    assert_eq!(patch["total"], 1);
    assert_eq!(rereads(&server).await, before + 1);
    // What never matched is no patch: the next one is of the row after it.
    database
        .execute("INSERT INTO e VALUES (3, now() - interval '1 h')")
        .await;
    database
        .execute("INSERT INTO e VALUES (4, now() + interval '1 h')")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"][0]["key"], json!([4]));
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_time_did_once() {
    let (database, server) =
        start("INSERT INTO e VALUES (1, now() - interval '1 s'), (2, now() - interval '0.3 s'), (3, now() + interval '1 h')")
            .await;
    let query = "at=gt.now-4s&order=id";
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "e", query).await;
    let mut late = Socket::open(&server.address).await;
    let come_back = |cursor: &Value| {
        json!({"type": "subscribe", "id": 1, "table": "e", "query": query, "cursor": cursor})
            .to_string()
    };
    let first = socket.next("patch").await;
    let second = socket.next("patch").await;
    late.send(&come_back(&list["cursor"])).await;
    assert_eq!(late.next("patch").await, first);
    assert_eq!(late.next("patch").await, second);
    let mut later = Socket::open(&server.address).await;
    later.send(&come_back(&first["cursor"])).await;
    assert_eq!(later.next("patch").await, second);
    let mut last = Socket::open(&server.address).await;
    last.send(&come_back(&second["cursor"])).await;
    database.execute("DELETE FROM e WHERE id = 3").await;
    let third = socket.next("patch").await;
    for socket in [&mut late, &mut later, &mut last] {
        assert_eq!(socket.next("patch").await, third);
    }
    // A list that was read without a live query is one that can be gone on from, too.
    let mut read = Socket::open(&server.address).await;
    read.send(&come_back(&third["cursor"])).await;
    database
        .execute("INSERT INTO e VALUES (5, now() + interval '1 h')")
        .await;
    assert_eq!(read.next("patch").await, socket.next("patch").await);
}

#[tokio::test]
async fn a_view_by_time_follows_both() {
    let (database, server) = start(
        "INSERT INTO e VALUES (1, now() + interval '4 s'), (2, now() + interval '1 h'); \
         CREATE VIEW v AS SELECT id % 2 AS odd, at FROM e",
    )
    .await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket
        .subscribe(1, "v", "at=gt.now&order=at&select=odd")
        .await;
    assert_eq!(list["total"], 2);
    let patch = socket.next("patch").await;
    assert_eq!(
        (&patch["ops"][0]["op"], &patch["total"]),
        (&json!("remove"), &json!(1))
    );
    database.execute("DELETE FROM e WHERE id = 2").await;
    assert_eq!(socket.next("patch").await["total"], 0);
}

#[tokio::test]
async fn what_turns_tomorrow_is_not_looked_at_today() {
    let (database, server) = start("INSERT INTO e VALUES (1, now() + interval '2 s')").await;
    database
        .execute(
            "CREATE TABLE d (id int PRIMARY KEY, day date); SELECT rowcast.watch('d'); \
             INSERT INTO d SELECT g, timezone('UTC', now())::date + g FROM generate_series(-3, 3) g",
        )
        .await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "d", "day=gte.now-1d&order=id").await;
    assert_eq!(keys(&list), json!([-1, 0, 1, 2, 3]));
    socket.subscribe(2, "e", "at=gt.now").await;
    let before = rereads(&server).await;
    assert_eq!(socket.next_of(2, "patch").await["total"], 0);
    assert_eq!(rereads(&server).await, before + 1, "that of the other list");
}
