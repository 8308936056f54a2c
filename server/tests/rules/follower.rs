//! Somebody who follows a list, comes back when it ends for a reason that passes, and remembers
//! every byte.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rowcast_protocol::{
    Cell,
    json::{Heading, read_event},
    list::List,
    message::Event,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};

use crate::{browser::bearer, server::Server};

/// How long something that has to come may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Follower {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Default)]
struct State {
    /// All that came.
    heard: String,
    list: Option<List>,
    heading: Heading,
    patches: u64,
    /// Why lists ended, and what their answers were that did not begin.
    ends: Vec<String>,
}

impl Follower {
    pub fn new(server: &Server, token: &str, path: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
            server.addr,
            bearer(token)
        );
        let (address, theirs) = (server.addr, Arc::clone(&shared));
        let task = tokio::spawn(async move {
            loop {
                let Ok(mut stream) = TcpStream::connect(address).await else {
                    return;
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                theirs.follow(stream).await;
                tokio::task::yield_now().await;
            }
        });
        Self { shared, task }
    }

    /// The list, once this holds of it.
    pub async fn until(&self, what: &str, holds: impl Fn(&List) -> bool) -> List {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                let list = self.state().list;
                if let Some(list) = list.filter(&holds) {
                    return list;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(list) => list,
            Err(_) => panic!("{what}: {:?}, after {}", self.state().list, self.heard()),
        }
    }

    /// The first cells of the list's rows, once they are these.
    pub async fn until_keys(&self, keys: &[i64]) -> List {
        let is = |list: &List| {
            let keys: Vec<Cell> = keys.iter().copied().map(Cell::integer).collect();
            list.rows.iter().map(|row| &row.cells[0]).eq(&keys)
        };
        self.until(&format!("{keys:?}"), is).await
    }

    /// Waits until it has ended, or was refused, for a reason in which this stands.
    pub async fn until_end(&self, why: &str) {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                if self.state().ends.iter().any(|end| end.contains(why)) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("it did not end with {why}: {}", self.heard());
        }
    }

    pub fn heard(&self) -> String {
        self.state().heard
    }

    pub fn patches(&self) -> u64 {
        self.state().patches
    }

    fn state(&self) -> State {
        self.shared.state.lock().unwrap().clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn follow(&self, mut stream: TcpStream) {
        let mut text = String::new();
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let count = stream.read(&mut bytes).await.unwrap_or_default();
            let read = String::from_utf8_lossy(&bytes[..count]).into_owned();
            text += &read;
            self.state.lock().unwrap().heard += &read;
            let is_refused = text.starts_with("HTTP/1.1 ") && !text.starts_with("HTTP/1.1 200");
            let has_ended =
                count == 0 || text.ends_with("\r\n0\r\n\r\n") || is_refused && text.ends_with('}');
            while let Some((event, rest)) = next_event(&text) {
                self.take(&event);
                text = rest;
            }
            if has_ended {
                if is_refused {
                    self.ended(text);
                    // Not as fast as it can: what refuses it may last.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                return;
            }
        }
    }

    fn take(&self, event: &str) {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let (name, data) = (line("event: ").unwrap(), line("data: ").unwrap_or("null"));
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        match read_event(name, data, &mut state.heading).unwrap() {
            Event::Snapshot(snapshot) => state.list = Some(List::new(snapshot)),
            Event::Patch(patch) => {
                state.patches += 1;
                let list = state.list.as_mut().expect("a list that is patched");
                list.apply(&patch).expect("a patch that fits");
            }
            Event::Reset { .. } => state.list = None,
            Event::Error(error) => {
                state.list = None;
                state.ends.push(error.code);
            }
        }
        self.changed.notify_waiters();
    }

    fn ended(&self, why: String) {
        let mut state = self.state.lock().unwrap();
        state.list = None;
        state.ends.push(why);
        self.changed.notify_waiters();
    }
}

/// The first whole event of a text, and what follows it.
fn next_event(text: &str) -> Option<(String, String)> {
    let begin = text.find("event: ")?;
    let end = begin + text[begin..].find("\n\n")?;
    Some((text[begin..end].to_owned(), text[end..].to_owned()))
}
