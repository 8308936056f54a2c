//! A client that keeps its lists and waits until they are what SQL says.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use rowcast_protocol::{
    Cell,
    json::{Heading, read_event},
    list::List,
    message::{ClientMessage, Event},
};
use sqlx::{AssertSqlSafe, Row};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::Database;

/// How long a list may take to become what SQL says. No measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Follower {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    lists: HashMap<u32, Held>,
}

#[derive(Default)]
struct Held {
    heading: Heading,
    list: Option<List>,
    error: Option<String>,
    patches: u64,
}

impl Follower {
    pub async fn open(address: &str) -> Self {
        let url = format!("ws://{address}/api/ws");
        let socket = tokio_tungstenite::connect_async(url).await.unwrap().0;
        Self {
            socket,
            lists: HashMap::new(),
        }
    }

    pub async fn subscribe(&mut self, id: u32, table: &str, query: &str) {
        let message = ClientMessage::Subscribe {
            id,
            table: table.to_owned(),
            query: query.to_owned(),
            cursor: None,
        };
        self.socket
            .send(Message::text(message.to_json()))
            .await
            .unwrap();
        self.lists.insert(id, Held::default());
    }

    /// Reads on until the list is there.
    pub async fn list(&mut self, id: u32) -> &List {
        while self.lists[&id].list.is_none() {
            self.read().await;
        }
        self.lists[&id].list.as_ref().unwrap()
    }

    /// Reads on until the subscription has ended; the error's code.
    pub async fn error(&mut self, id: u32) -> &str {
        while self.lists[&id].error.is_none() {
            self.read().await;
        }
        self.lists[&id].error.as_deref().unwrap()
    }

    /// How many patches have come for a list.
    pub fn patches(&self, id: u32) -> u64 {
        self.lists[&id].patches
    }

    /// Reads on until the first cell of the list's first row is this.
    pub async fn until_first_is(&mut self, id: u32, cell: &str) {
        let wanted = Cell::from_json(cell).unwrap();
        while self.list(id).await.rows[0].cells[0] != wanted {
            self.read().await;
        }
    }

    /// Reads on until the list is what the statement returns, whose first column is the total
    /// and whose others are the cells.
    pub async fn until_equal(&mut self, id: u32, database: &Database, sql: &str) {
        let mut connection = database.connect().await;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let total = rows.first().map(|row| row.get::<i64, _>(0) as u64);
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| {
                let cells: Vec<Option<String>> = row.get(1);
                let cell = |text: &Option<String>| {
                    Cell::from_json(text.as_deref().unwrap_or("null")).unwrap()
                };
                cells.iter().map(cell).collect()
            })
            .collect();
        let begun = Instant::now();
        loop {
            let list = self.list(id).await;
            let held = list.rows.iter().map(|row| &row.cells);
            if list.total == total.unwrap_or(0) && held.eq(&rows) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "list {id} has {} rows of {}, SQL {} of {total:?}",
                list.rows.len(),
                list.total,
                rows.len(),
            );
            self.read().await;
        }
    }

    /// Takes one event in.
    async fn read(&mut self) {
        let message = timeout(PATIENCE, self.socket.next())
            .await
            .expect("an event")
            .expect("an open connection")
            .unwrap();
        let Message::Text(text) = message else { return };
        // The longest message is a list: its head is enough to see whose it is.
        let (name, id) = head(&text);
        let Some(held) = self.lists.get_mut(&id) else {
            return;
        };
        match read_event(name, &text, &mut held.heading).unwrap() {
            Event::Snapshot(snapshot) => held.list = Some(List::new(snapshot)),
            Event::Patch(patch) => {
                held.patches += 1;
                held.list.as_mut().unwrap().apply(&patch).unwrap();
            }
            Event::Reset { .. } => held.list = None,
            Event::Error(error) => held.error = Some(error.code),
        }
    }
}

/// The type and the subscription of a message, which stand in front.
fn head(text: &str) -> (&str, u32) {
    let rest = text.strip_prefix("{\"type\":\"").expect("a type");
    let (name, rest) = rest.split_once("\",\"id\":").expect("an id");
    let digits = rest.find(|c: char| !c.is_ascii_digit()).expect("an end");
    (name, rest[..digits].parse().expect("a number"))
}
