//! A WebSocket client.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// How long a message may take to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn open(address: &str) -> Self {
        Self::open_with(address, "").await
    }

    /// With a query of the address.
    pub async fn open_with(address: &str, query: &str) -> Self {
        let url = format!("ws://{address}/api/ws{query}");
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    pub async fn send(&mut self, message: &str) {
        // A server that has had enough may have closed already.
        let _ = self.0.send(Message::text(message)).await;
    }

    /// Subscribes and returns the snapshot.
    pub async fn subscribe(&mut self, id: u32, table: &str, query: &str) -> Value {
        let message = json!({"type": "subscribe", "id": id, "table": table, "query": query});
        self.send(&message.to_string()).await;
        self.next_of(id, "snapshot").await
    }

    /// The next message, which is of this type.
    pub async fn next(&mut self, name: &str) -> Value {
        let message = self.any().await;
        assert!(super::is(&message, name), "{name} expected: {message}");
        message
    }

    /// The next message of this subscription and type; others are passed over.
    pub async fn next_of(&mut self, id: u32, name: &str) -> Value {
        loop {
            let message = self.any().await;
            if message["id"] == id && super::is(&message, name) {
                return message;
            }
        }
    }

    pub async fn any(&mut self) -> Value {
        timeout(PATIENCE, self.text()).await.expect("a message")
    }

    async fn text(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("an open connection").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn is_closed(&mut self) -> bool {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("an end") {
                None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return true,
                Some(Ok(_)) => {}
            }
        }
    }

    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("an end") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                None | Some(Err(_)) => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
