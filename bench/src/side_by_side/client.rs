//! A client of each system: just enough of its protocol to follow the fifty rows.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, sync::Notify, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

use super::commits::{Commits, Seen};

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Rowcast,
    SocketIo,
    GraphQl,
    Zero,
}

/// As much as a client reads at once, in bytes.
const READ_BUFFER: usize = 8 << 10;

/// The GraphQL that PostGraphile makes of the table.
const GRAPHQL: &str = "subscription { allOrders(condition: {status: \"open\"}, \
     orderBy: [AMOUNT_DESC, ID_ASC], first: 50) { nodes { id title status amount seq } } }";

/// All clients of one system.
pub struct Clients {
    commits: Arc<Commits>,
    seen: Vec<Arc<Mutex<Seen>>>,
    tasks: Vec<JoinHandle<()>>,
    news: Arc<News>,
}

/// What the clients have received together.
#[derive(Default)]
struct News {
    arrived: Notify,
    messages: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicU64,
}

impl Clients {
    /// Nobody yet.
    pub fn of(commits: &Arc<Commits>) -> Self {
        Self {
            commits: Arc::clone(commits),
            seen: Vec::new(),
            tasks: Vec::new(),
            news: Arc::default(),
        }
    }

    /// One client more follows.
    pub async fn connect(&mut self, protocol: Protocol, port: u16) -> anyhow::Result<()> {
        let mut socket = protocol.open(port, self.tasks.len()).await?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        self.seen.push(Arc::clone(&seen));
        let (news, commits) = (Arc::clone(&self.news), Arc::clone(&self.commits));
        self.tasks.push(tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let at = Instant::now();
                if let Some(answer) = protocol.answer(&message)
                    && socket.send(answer).await.is_err()
                {
                    break;
                }
                let bytes = match &message {
                    Message::Text(text) => text.as_bytes(),
                    Message::Binary(bytes) => bytes,
                    _ => continue,
                };
                commits.see(&mut lock(&seen), bytes, at);
                news.messages.fetch_add(1, Relaxed);
                news.bytes.fetch_add(bytes.len() as u64, Relaxed);
                news.arrived.notify_one();
            }
            news.ended.fetch_add(1, Relaxed);
            news.arrived.notify_one();
        }));
        Ok(())
    }

    /// Waits until each has all that was committed; returns when that was so.
    pub async fn up_to_date(&self, patience: Duration) -> anyhow::Result<Instant> {
        let begun = Instant::now();
        loop {
            let missing = self
                .seen
                .iter()
                .filter(|seen| !self.commits.is_up_to_date(&lock(seen)))
                .count();
            if missing == 0 {
                return Ok(Instant::now());
            }
            let ended = self.news.ended.load(Relaxed);
            if ended > 0 {
                bail!("{ended} connections have ended");
            }
            if begun.elapsed() > patience {
                bail!("{missing} clients are not up to date after {patience:?}");
            }
            // A message may come to nobody any more.
            let _ =
                tokio::time::timeout(Duration::from_millis(20), self.news.arrived.notified()).await;
        }
    }

    /// The delays since this was called last, ascending.
    pub fn delays(&self) -> Vec<Duration> {
        let mut all: Vec<Duration> = self
            .seen
            .iter()
            .flat_map(|seen| std::mem::take(&mut lock(seen).delays))
            .collect();
        all.sort_unstable();
        all
    }

    /// Messages and bytes so far.
    pub fn received(&self) -> (u64, u64) {
        (
            self.news.messages.load(Relaxed),
            self.news.bytes.load(Relaxed),
        )
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Protocol {
    async fn open(self, port: u16, nth: usize) -> anyhow::Result<Socket> {
        let address = format!("ws://127.0.0.1:{port}");
        match self {
            Self::Rowcast => {
                let mut socket = connect(&format!("{address}/api/ws"), None).await?;
                let subscribe = json!({
                    "type": "subscribe", "id": 1, "table": "orders",
                    "query": "status=eq.open&order=amount.desc,id&limit=50",
                });
                socket.send(Message::text(subscribe.to_string())).await?;
                Ok(socket)
            }
            Self::SocketIo => {
                let url = format!("{address}/socket.io/?EIO=4&transport=websocket");
                let mut socket = connect(&url, None).await?;
                socket.send(Message::text("40")).await?;
                Ok(socket)
            }
            Self::GraphQl => {
                let url = format!("{address}/graphql");
                let mut socket = connect(&url, Some("graphql-transport-ws")).await?;
                let init = json!({"type": "connection_init"});
                socket.send(Message::text(init.to_string())).await?;
                let acknowledged = socket.next().await.context("no answer")??;
                anyhow::ensure!(
                    acknowledged.to_text()?.contains("connection_ack"),
                    "not acknowledged: {acknowledged}"
                );
                let subscribe = json!({
                    "id": "1", "type": "subscribe", "payload": {"query": GRAPHQL},
                });
                socket.send(Message::text(subscribe.to_string())).await?;
                Ok(socket)
            }
            Self::Zero => {
                let url = format!(
                    "{address}/sync/v51/connect?clientID=c{nth}&clientGroupID=g{nth}&baseCookie=\
                     &ts=0&lmid=0&wsid=w{nth}&profileID=p{nth}"
                );
                connect(&url, Some(&zero_protocol())).await
            }
        }
    }

    /// What has to be said to a message.
    fn answer(self, message: &Message) -> Option<Message> {
        let text = message.to_text().ok()?;
        match self {
            Self::SocketIo if text == "2" => Some(Message::text("3")),
            Self::GraphQl if text.contains("\"type\":\"ping\"") => {
                Some(Message::text(json!({"type": "pong"}).to_string()))
            }
            _ => None,
        }
    }
}

/// What a Zero client says when it connects; it stands in a header.
fn zero_protocol() -> String {
    let hello = json!({"initConnectionMessage": ["initConnection", {
        "desiredQueriesPatch": [
            {"op": "put", "hash": "open", "name": "orders.open", "args": [], "ttl": 300_000},
        ],
        "clientSchema": {"tables": {"orders": {
            "columns": {
                "id": {"type": "number"},
                "title": {"type": "string"},
                "status": {"type": "string"},
                "amount": {"type": "number"},
                "seq": {"type": "number"},
            },
            "primaryKey": ["id"],
        }}},
    }]});
    BASE64_STANDARD
        .encode(hello.to_string())
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

async fn connect(url: &str, protocol: Option<&str>) -> anyhow::Result<Socket> {
    let mut request = url.into_client_request()?;
    if let Some(protocol) = protocol {
        let value = HeaderValue::from_str(protocol)?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", value);
    }
    // The buffer is cleared for each read: with the usual one that costs more than all else.
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (socket, _) = connect_async_with_config(request, Some(config), true).await?;
    Ok(socket)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
