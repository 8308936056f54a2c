//! Messages over a real socket: whoever sends nonsense gets errors or is shown out, and others
//! are served.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::{
    mutate::{broken, broken_text},
    server::Server,
    socket::Socket,
    trial::Trial,
};

const TABLES: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, title text, amount numeric);
    INSERT INTO orders SELECT n, 'order ' || n, n FROM generate_series(1, 50) n;
    SELECT rowcast.watch('orders');";

const MESSAGES: [&str; 8] = [
    r#"{"type":"subscribe","id":1,"table":"orders","query":"id=gt.1&order=amount.desc&limit=5"}"#,
    r#"{"type":"subscribe","id":2,"table":"public.orders","query":"","cursor":"1-2-3"}"#,
    r#"{"type":"subscribe","id":3,"table":"orders","query":"title=ilike.*a*&aggregate=sum(amount)"}"#,
    r#"{"type":"subscribe","id":4,"table":"nope","query":"q=1"}"#,
    r#"{"type":"subscribe","id":5,"table":"orders","query":"amount=in.(1,2,3)&or=(id.eq.1,id.eq.2)"}"#,
    r#"{"type":"unsubscribe","id":1}"#,
    r#"{"type":"unsubscribe","id":77}"#,
    r#"{"type":"ping"}"#,
];

#[tokio::test]
async fn messages_over_a_socket() {
    let server = Server::new(TABLES).await;
    let address = server.addr.to_string();
    let mut trial = Trial::new();
    let mut other = Socket::open(&address).await;
    other.subscribe(1, "orders", "order=id&limit=3").await;
    let mut changed = 0;
    while trial.goes_on() {
        let url = format!("ws://{address}/api/ws");
        let (mut socket, _) = connect_async(url).await.unwrap();
        let mut sent = Vec::new();
        for _ in 0..=trial.random.below(12) {
            let message = if trial.random.chance(90) {
                Message::text(broken_text(&mut trial.random, &MESSAGES))
            } else {
                let corpus: Vec<&[u8]> = MESSAGES.iter().map(|text| text.as_bytes()).collect();
                Message::binary(broken(&mut trial.random, &corpus))
            };
            sent.extend_from_slice(&message.clone().into_data());
            sent.push(b'\n');
            if socket.send(message).await.is_err() {
                break;
            }
        }
        // It was read to its end: its ping is answered, or the connection is closed.
        let _ = socket.send(Message::Ping(b"end"[..].to_vec().into())).await;
        let heard = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Pong(_))) | None | Some(Err(_)) => return,
                    Some(Ok(_)) => {}
                }
            }
        };
        if timeout(Duration::from_secs(20), heard).await.is_err() {
            trial.fail(&sent, "neither an answer nor an end");
        }
        trial.expect_no_panic(&sent);
        // Whoever behaves goes on getting what is committed.
        changed += 1;
        let sql = format!("UPDATE orders SET title = 'now {changed}' WHERE id = 1");
        server.database.execute(&sql).await;
        let patch = other.next_of(1, "patch").await;
        assert!(
            patch.to_string().contains(&format!("now {changed}")),
            "{patch}"
        );
    }
    drop(other);
    server.stop().await;
}
