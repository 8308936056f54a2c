//! Somebody's device, which follows what they have not read.

use std::{collections::BTreeMap, time::Duration};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::browser::bearer;

/// How long a message may take to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What is followed.
const QUERY: &str = "read_at=is.null&order=id&select=id,title&limit=1000";

pub struct Follower {
    address: String,
    token: String,
    table: &'static str,
    query: String,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    cursor: Option<Value>,
    /// What is in the list, and its title.
    pub held: BTreeMap<i64, String>,
    /// What came that had not been in the list, in the order in which it came.
    pub arrived: Vec<i64>,
    /// What left the list by a patch.
    pub left: Vec<i64>,
    pub total: i64,
    /// How often the list began anew.
    pub resets: usize,
    /// Every byte that came.
    pub heard: String,
}

impl Follower {
    /// One that has its first list.
    pub async fn new(address: impl ToString, token: &str) -> Self {
        let mut follower = Self::without_list(&address.to_string(), token);
        assert!(follower.connect().await);
        while follower.cursor.is_none() {
            assert!(follower.step().await, "a first list");
        }
        follower
    }

    /// One that follows a table's numbers and something else of it, and has its first list.
    #[allow(dead_code, reason = "not every test does")]
    pub async fn of(address: impl ToString, token: &str, table: &'static str, query: &str) -> Self {
        let mut follower = Self {
            table,
            query: query.to_owned(),
            ..Self::without_list(&address.to_string(), token)
        };
        assert!(follower.connect().await);
        while follower.cursor.is_none() {
            assert!(follower.step().await, "a first list: {}", follower.heard);
        }
        follower
    }

    fn without_list(address: &str, token: &str) -> Self {
        Self {
            address: address.to_owned(),
            token: token.to_owned(),
            table: "rowcast.notification",
            query: QUERY.to_owned(),
            socket: None,
            cursor: None,
            held: BTreeMap::new(),
            arrived: Vec::new(),
            left: Vec::new(),
            total: 0,
            resets: 0,
            heard: String::new(),
        }
    }

    /// Whether a server is there that shows somebody what they were told.
    pub async fn answers(address: &str, token: &str) -> bool {
        let mut follower = Self::without_list(address, token);
        while follower.cursor.is_none() {
            if follower.socket.is_none() && !follower.connect().await || !follower.step().await {
                return false;
            }
        }
        true
    }

    /// Goes on from its cursor; whether somebody answers.
    pub async fn connect(&mut self) -> bool {
        let mut request = format!("ws://{}/api/ws", self.address)
            .into_client_request()
            .unwrap();
        let bearer = bearer(&self.token).parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
        let Ok((mut socket, _)) = connect_async(request).await else {
            return false;
        };
        let mut message = json!({"type": "subscribe", "id": 1, "query": self.query,
            "table": self.table});
        if let Some(cursor) = &self.cursor {
            message["cursor"] = cursor.clone();
        }
        if socket
            .send(Message::text(message.to_string()))
            .await
            .is_err()
        {
            return false;
        }
        self.socket = Some(socket);
        true
    }

    /// Its network is gone.
    pub fn drop_connection(&mut self) {
        self.socket = None;
    }

    /// Takes one message; false if the connection has ended.
    pub async fn step(&mut self) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        let message = timeout(PATIENCE, socket.next()).await.expect("a message");
        match message {
            Some(Ok(Message::Text(text))) => {
                self.heard += &text;
                self.take(&serde_json::from_str(&text).unwrap())
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
            _ => {
                self.socket = None;
                false
            }
        }
    }

    /// Until it holds this.
    pub async fn until(&mut self, is_there: impl Fn(&Self) -> bool) {
        while !is_there(self) {
            assert!(self.step().await, "the connection stays");
        }
    }

    fn take(&mut self, message: &Value) -> bool {
        match message["type"].as_str().unwrap() {
            "snapshot" => {
                let rows = message["rows"].as_array().unwrap();
                let rows = rows.iter().map(|row| row_of(&row["cells"]));
                let rows: BTreeMap<i64, String> = rows.collect();
                for id in rows.keys().filter(|id| !self.held.contains_key(id)) {
                    self.arrived.push(*id);
                }
                self.held = rows;
            }
            "patch" => {
                for op in message["ops"].as_array().unwrap() {
                    let id = op["key"][0].as_i64().unwrap();
                    match op["op"].as_str().unwrap() {
                        "insert" => {
                            let (_, title) = row_of(&op["cells"]);
                            let before = self.held.insert(id, title);
                            assert_eq!(before, None, "{id} came twice");
                            self.arrived.push(id);
                        }
                        "remove" => {
                            assert!(self.held.remove(&id).is_some(), "{id} was not there");
                            self.left.push(id);
                        }
                        _ => {}
                    }
                }
            }
            "reset" => {
                self.resets += 1;
                return true;
            }
            // The server's state passes: as a page does, it is asked again.
            "error" | "end" => {
                self.socket = None;
                return false;
            }
            _ => return true,
        }
        self.cursor = Some(message["cursor"].clone());
        self.total = message["total"].as_i64().unwrap();
        true
    }
}

fn row_of(cells: &Value) -> (i64, String) {
    let title = cells[1].as_str().unwrap();
    (cells[0].as_i64().unwrap(), title.to_owned())
}
