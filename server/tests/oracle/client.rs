//! A client that knows the public interface alone.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use rowcast_protocol::{
    Cell, Column,
    json::read_event,
    list::List,
    message::{ClientMessage, Event},
};
use tokio::{net::TcpStream, sync::Notify};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::{Expected, queries::Query, tables::Table};

pub struct Client {
    subscriptions: Vec<(u32, Table, Query)>,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    lists: Mutex<HashMap<u32, Held>>,
    changed: Notify,
    disconnect: Notify,
    server_is_back: Notify,
    paused: AtomicBool,
    resumed_reading: Notify,
    fault: Mutex<Option<String>>,
    patches: AtomicU64,
    resets: AtomicU64,
    resumed: AtomicU64,
}

#[derive(Default)]
struct Held {
    columns: Vec<Column>,
    list: Option<List>,
    cursor: Option<String>,
}

impl Client {
    pub fn start(address: String, subscriptions: Vec<(u32, Table, Query)>) -> Self {
        let state = Arc::new(State::default());
        let wanted = subscriptions
            .iter()
            .map(|(id, table, query)| (*id, table.name.clone(), query.text.clone()))
            .collect();
        let task = tokio::spawn(run(address, wanted, Arc::clone(&state)));
        Self {
            subscriptions,
            state,
            task,
        }
    }

    pub fn subscriptions(&self) -> &[(u32, Table, Query)] {
        &self.subscriptions
    }

    /// Breaks the connection; it is made again, with cursors.
    pub fn disconnect(&self) {
        self.state.disconnect.notify_one();
    }

    /// The server can be connected to again.
    pub fn server_is_back(&self) {
        self.state.server_is_back.notify_one();
    }

    /// Stops to read from the connection.
    pub fn pause(&self) {
        self.state.paused.store(true, Ordering::SeqCst);
    }

    pub fn resume(&self) {
        self.state.paused.store(false, Ordering::SeqCst);
        self.state.resumed_reading.notify_one();
    }

    pub fn changed(&self) -> impl Future<Output = ()> + '_ {
        let notified = self.state.changed.notified();
        async move {
            let mut notified = Box::pin(notified);
            notified.as_mut().enable();
            // What happened just before is seen at the next look.
            let _ = tokio::time::timeout(Duration::from_millis(100), notified).await;
        }
    }

    pub fn fault(&self) -> Option<String> {
        self.state.fault.lock().unwrap().clone()
    }

    pub fn patches(&self) -> u64 {
        self.state.patches.load(Ordering::Relaxed)
    }

    pub fn resets(&self) -> u64 {
        self.state.resets.load(Ordering::Relaxed)
    }

    pub fn resumed(&self) -> u64 {
        self.state.resumed.load(Ordering::Relaxed)
    }

    pub fn shows(&self, id: u32, expected: &Expected) -> bool {
        let lists = self.state.lists.lock().unwrap();
        let Some(list) = lists.get(&id).and_then(|held| held.list.as_ref()) else {
            return false;
        };
        let same = |cells: &[Cell], texts: &[String]| {
            cells.len() == texts.len()
                && cells
                    .iter()
                    .zip(texts)
                    .all(|(cell, text)| *cell == Cell::from_json(text).unwrap())
        };
        list.total == expected.total
            && list.rows.len() == expected.rows.len()
            && list
                .rows
                .iter()
                .zip(&expected.rows)
                .all(|(row, (key, cells))| same(&row.key.0, key) && same(&row.cells, cells))
    }

    pub fn difference(&self, id: u32, expected: &Expected) -> String {
        let lists = self.state.lists.lock().unwrap();
        let Some(list) = lists.get(&id).and_then(|held| held.list.as_ref()) else {
            return "there is no list".to_owned();
        };
        let mut text = format!(
            "total {} (expected {}), {} rows (expected {}), at {}\n",
            list.total,
            expected.total,
            list.rows.len(),
            expected.rows.len(),
            list.cursor
        );
        for at in 0..list.rows.len().max(expected.rows.len()) {
            let row = list.rows.get(at).map(|row| {
                let json: Vec<String> = row.cells.iter().map(Cell::to_json).collect();
                json
            });
            let wanted = expected.rows.get(at).map(|(_, cells)| cells.clone());
            if row != wanted {
                text += &format!("row {at}: {row:?}\n   not {wanted:?}\n");
            }
        }
        text
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(address: String, wanted: Vec<(u32, String, String)>, state: Arc<State>) {
    loop {
        match tokio_tungstenite::connect_async(format!("ws://{address}/api/ws")).await {
            // However the connection ends, the next one resumes.
            Ok((socket, _)) => drop(follow(socket, &wanted, &state).await),
            // The server was killed: it says when it is back.
            Err(_) => state.server_is_back.notified().await,
        }
    }
}

async fn follow(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    wanted: &[(u32, String, String)],
    state: &State,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut fresh: HashMap<u32, bool> = HashMap::new();
    for (id, table, query) in wanted {
        let cursor = state
            .lists
            .lock()
            .unwrap()
            .get(id)
            .and_then(|held| held.cursor.clone());
        fresh.insert(*id, cursor.is_some());
        let message = ClientMessage::Subscribe {
            id: *id,
            table: table.clone(),
            query: query.clone(),
            cursor,
        };
        socket.send(Message::text(message.to_json())).await?;
    }
    loop {
        while state.paused.load(Ordering::SeqCst) {
            state.resumed_reading.notified().await;
        }
        let message = tokio::select! {
            message = socket.next() => message,
            () = state.disconnect.notified() => return Ok(()),
        };
        let Some(message) = message.transpose()? else {
            return Ok(());
        };
        if let Message::Text(text) = message
            && let Err(fault) = take(state, &text, &mut fresh)
        {
            *state.fault.lock().unwrap() = Some(fault);
        }
        state.changed.notify_waiters();
    }
}

fn take(state: &State, text: &str, resuming: &mut HashMap<u32, bool>) -> Result<(), String> {
    let message: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let id = message["id"].as_u64().ok_or("a message without an id")? as u32;
    let name = message["type"].as_str().ok_or("a message without a type")?;
    let mut lists = state.lists.lock().unwrap();
    let held = lists.entry(id).or_default();
    let event = read_event(name, text, &mut held.columns).map_err(|e| format!("{e}: {text}"))?;
    match event {
        Event::Snapshot(snapshot) => {
            resuming.insert(id, false);
            held.cursor = Some(snapshot.cursor.clone());
            held.list = Some(List::new(snapshot));
        }
        Event::Patch(patch) => {
            state.patches.fetch_add(1, Ordering::Relaxed);
            if resuming.insert(id, false) == Some(true) {
                state.resumed.fetch_add(1, Ordering::Relaxed);
            }
            held.cursor = Some(patch.cursor.clone());
            held.list
                .as_mut()
                .ok_or("a patch without a list")?
                .apply(&patch)
                .map_err(|e| format!("{e}: {text}"))?;
        }
        Event::Reset { .. } => {
            state.resets.fetch_add(1, Ordering::Relaxed);
            held.list = None;
            held.cursor = None;
        }
        // While the database can't be reached a subscription can't begin.
        Event::Error(error) if error.code == "database_unavailable" => {
            state.disconnect.notify_one();
        }
        Event::Error(error) => return Err(format!("{error:?}")),
    }
    Ok(())
}
