//! What lists cost the database and the server.

use std::time::Duration;

use serde_json::json;

use crate::{begin, cluster::Cluster, metrics::metric, socket::Socket, start};

#[tokio::test]
async fn a_change_that_many_queries_ask_about_costs_few_statements() {
    let cluster = Cluster::start(&[("log_statement", "all"), ("log_line_prefix", "%a ")]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    // Beyond ASCII, which letters are the same in another case is PostgreSQL's to say.
    for id in 1..=60 {
        let query = format!("name=ilike.*\u{e9}{id}z*&order=id");
        let message = json!({"type": "subscribe", "id": id, "table": "t", "query": query});
        socket.send(&message.to_string()).await;
    }
    for _ in 1..=60 {
        assert_eq!(socket.next("snapshot").await["total"], 0);
    }
    let log = cluster.directory().join("log");
    let statements = || {
        let log = std::fs::read_to_string(&log).unwrap();
        let asked = |line: &&str| line.starts_with("rowcast ") && line.contains("~~*");
        log.lines().filter(asked).count()
    };
    let before = statements();
    database
        .execute("UPDATE t SET name = 'an \u{e9}47Z and an \u{e9}9z' WHERE id = 5")
        .await;
    let mut ids: Vec<u64> = Vec::new();
    while ids.len() < 2 {
        let patch = socket.next("patch").await;
        assert_eq!(patch["ops"][0]["op"], "insert", "{patch}");
        ids.push(patch["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, [9, 47]);
    let cost = statements() - before;
    assert!((1..=6).contains(&cost), "{cost} statements");
}

#[tokio::test]
async fn an_idle_system_costs_at_most_a_statement_a_second() {
    let cluster = Cluster::start(&[("log_statement", "all"), ("log_line_prefix", "%a ")]);
    let database = cluster.database().await;
    let server = begin(&database).await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    socket.next("patch").await;
    let log = cluster.directory().join("log");
    let statements = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines()
            .filter(|line| line.starts_with("rowcast ") && !line.contains("DETAIL:"))
            .count() as u64
    };
    let before = statements();
    assert!(before > 0, "the log tells nothing");
    let seconds = 12;
    let mut beat = tokio::time::interval(Duration::from_secs(seconds));
    beat.tick().await;
    beat.tick().await;
    let idle = statements() - before;
    assert!(idle <= seconds, "{idle} statements in {seconds} s");
}

#[tokio::test]
async fn lists_that_nobody_follows_any_more_stay_live_up_to_a_number() {
    let (_, server) = start().await;
    for connection in 0..2 {
        let mut socket = Socket::open(&server.address).await;
        for id in 1..=150 {
            let query = format!("id=gt.{}", connection * 1000 + id);
            socket.subscribe(id, "t", &query).await;
        }
    }
    // Their connections are gone; the server hears of it a little later.
    let (mut followed, mut windows) = (1, 0);
    while followed > 0 {
        followed = metric(&server.address, "rowcast_subscriptions").await;
        windows = metric(&server.address, "rowcast_live_windows").await;
    }
    assert_eq!(windows, 256);
}
