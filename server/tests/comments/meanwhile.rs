//! What changes while it is found out whether something may be sent.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::Executor;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    browser::bearer,
    stream::Stream,
    threads::{grant, world},
    world::World,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that follows what is written about these rows, which it has the lists of.
struct Device {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: String,
}

impl Device {
    async fn of(world: &World, token: &str, rows: &[(&str, i64)]) -> Self {
        let mut request = format!("ws://{}/api/ws", world.server.addr)
            .into_client_request()
            .unwrap();
        let bearer = bearer(token).parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
        let (socket, _) = connect_async(request).await.unwrap();
        let mut device = Self {
            socket,
            heard: String::new(),
        };
        for (id, (table, key)) in rows.iter().enumerate() {
            let query = format!("table=eq.{table}&key=eq.{key}&select=id,body");
            let message = json!({"type": "subscribe", "id": id + 1, "query": query,
                "table": "rowcast.comment"});
            let message = Message::text(message.to_string());
            device.socket.send(message).await.unwrap();
            while device.next().await.expect("a list")["type"] != "snapshot" {}
        }
        device
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await;
            match next.expect("a message")? {
                Ok(Message::Text(text)) => {
                    self.heard += &text;
                    return Some(serde_json::from_str(&text).unwrap());
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                _ => return None,
            }
        }
    }
}

fn put(table: &str, key: i64, body: &str) -> String {
    format!(
        "SELECT rowcast.put_comment(rowcast.comment_table('{table}'::regclass), '{key}', 0, 'eve', '{body}', \
         '{{}}', '{{}}', 'it', '/x');"
    )
}

#[tokio::test]
async fn what_is_written_while_another_row_is_asked_for_is_not_taken_as_asked_for() {
    let world = world().await;
    world
        .execute(
            "CREATE TABLE box (id int PRIMARY KEY); INSERT INTO box VALUES (1);
             SELECT rowcast.watch('box');",
        )
        .await;
    let rows = [("ticket", 3), ("box", 1), ("ticket", 1)];
    let mut bob = Device::of(&world, &world.bob, &rows).await;
    let path = "/api/live/rowcast.comment?table=eq.ticket&key=eq.3";
    let mut ann = Stream::open(&world.server, &world.ann, path).await;
    ann.next().await.unwrap();
    // As long as this holds it, nobody can say whether the box is seen.
    let mut holding = world.server.database.connect().await;
    holding
        .execute("BEGIN; LOCK TABLE box IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let first = rows.map(|(table, key)| put(table, key, "first")).concat();
    world.execute(&first).await;
    let mut looking = world.server.database.connect().await;
    let is_waited_for =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'box'::regclass";
    let mut waiting = 0_i64;
    while waiting == 0 {
        waiting = sqlx::query_scalar(is_waited_for)
            .fetch_one(&mut looking)
            .await
            .unwrap();
    }
    world
        .execute(&format!(
            "UPDATE ticket SET owner = 'eve' WHERE id IN (1, 3); {} {}",
            put("ticket", 1, "zanzibar"),
            put("ticket", 3, "zanzibar")
        ))
        .await;
    while !ann.heard.contains("zanzibar") {
        ann.next().await.unwrap();
    }
    holding.execute("COMMIT").await.unwrap();
    let mut ended = 0;
    while ended < 2 {
        let message = bob.next().await.expect("the connection stays");
        let is_ours = message["type"] == "error" && message["id"] != 2;
        ended += usize::from(is_ours);
    }
    assert_eq!(bob.heard.matches("unknown_row").count(), 2, "{}", bob.heard);
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    world.stop().await;
}

#[tokio::test]
async fn a_permission_that_is_taken_ends_what_is_asked_for_just_then() {
    let world = world().await;
    world
        .execute(
            "CREATE TABLE box (id int PRIMARY KEY); INSERT INTO box VALUES (1);
             SELECT rowcast.watch('box');",
        )
        .await;
    let mut bob = Device::of(&world, &world.bob, &[("box", 1)]).await;
    let mut holding = world.server.database.connect().await;
    holding
        .execute("BEGIN; LOCK TABLE box IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    world.execute(&put("box", 1, "zanzibar")).await;
    let mut looking = world.server.database.connect().await;
    let is_waited_for =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'box'::regclass";
    let mut waiting = 0_i64;
    while waiting == 0 {
        waiting = sqlx::query_scalar(is_waited_for)
            .fetch_one(&mut looking)
            .await
            .unwrap();
    }
    grant(&world, "ticket", r#"{"read":true}"#).await;
    // It ends while that is still not known: nothing says that it could not be found out.
    while bob.next().await.is_some() {}
    assert!(!bob.heard.contains("zanzibar"), "{}", bob.heard);
    assert!(!bob.heard.contains("error"), "{}", bob.heard);
    holding.execute("COMMIT").await.unwrap();
    world.stop().await;
}
