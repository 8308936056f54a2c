//! What one client can cost the server and the others.

use serde_json::json;

use super::{Cluster, begin_on, frames::frame, memory, start};
use crate::{frames::Frames, socket::Socket};

#[tokio::test]
async fn a_name_of_many_dots_costs_what_another_does() {
    let (_, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "id=eq.1").await;
    memory::forget_peak(server.pid());
    let before = memory::of(server.pid()).0;
    for (id, name) in [(2, ".".repeat(10_000)), (3, ".a".repeat(30_000))] {
        let message = json!({"type": "subscribe", "id": id, "table": name, "query": ""});
        socket.send(&message.to_string()).await;
        let answer = socket.next("error").await;
        assert_eq!(answer["error"]["code"], "unknown_table");
        assert!(answer.to_string().len() < 1000);
    }
    let grown = memory::of(server.pid()).1.saturating_sub(before) >> 20;
    assert!(grown < 10, "{grown} MiB");
}

#[tokio::test]
async fn pings_of_a_client_that_does_not_read_are_not_kept() {
    let (_, server) = start().await;
    let mut client = Frames::open(&server.address, &[]).await;
    memory::forget_peak(server.pid());
    let before = memory::of(server.pid()).0;
    let pings: Vec<u8> = (0..1000).flat_map(|_| frame(0x89, &[b'x'; 125])).collect();
    for _ in 0..300 {
        client.send(&pings).await;
    }
    client.send(&frame(0x89, b"the last")).await;
    let grown = memory::of(server.pid()).1.saturating_sub(before) >> 20;
    // The last one is answered all the same, once what the network holds has been read.
    loop {
        let pong = client.next().await;
        assert_eq!(pong.opcode, 10);
        if &*pong.payload == b"the last" {
            break;
        }
    }
    assert!(grown < 8, "{grown} MiB");
}

#[tokio::test]
async fn queries_that_nobody_waits_for_any_more_keep_nobody_waiting() {
    let database = Cluster::shared().database().await;
    let server = begin_on(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); \
         SELECT rowcast.watch('t'); \
         CREATE VIEW slow AS SELECT id FROM t WHERE pg_sleep(1) IS NOT NULL",
    )
    .await;
    let mut socket = Socket::open(&server.address).await;
    // From here on its queries are read as soon as they come.
    socket.subscribe(400, "slow", "id=gt.0").await;
    // What somebody types who looks for something.
    for id in 1..=300 {
        for message in [
            json!({"type": "subscribe", "id": id, "table": "slow", "query": format!("id=gt.-{id}")}),
            json!({"type": "unsubscribe", "id": id}),
        ] {
            socket.send(&message.to_string()).await;
        }
    }
    // Sooner than three hundred reads of a second, five at a time.
    socket.subscribe(1000, "slow", "id=gt.-1000").await;
}
