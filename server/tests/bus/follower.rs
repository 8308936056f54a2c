//! Somebody who follows a list and counts what comes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rowcast_protocol::{
    RowKey,
    json::{Heading, read_event},
    list::List,
    message::{Event, Op},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};

/// How long something that has to come may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Follower {
    pub address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Seen>,
    changed: Notify,
}

#[derive(Clone, Default)]
pub struct Seen {
    pub list: Option<List>,
    heading: Heading,
    pub columns: Vec<String>,
    pub resets: Vec<String>,
    /// How often each row was inserted by a patch.
    pub inserted: HashMap<RowKey, u32>,
    pub is_over: bool,
}

impl Follower {
    pub async fn new(address: &str, path: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET /api/live/{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let theirs = Arc::clone(&shared);
        let task = tokio::spawn(async move { theirs.follow(stream).await });
        let follower = Self {
            address: address.to_owned(),
            shared,
            task,
        };
        follower.until("a list", |seen| seen.list.is_some()).await;
        follower
    }

    /// What was seen, once this holds of it.
    pub async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) -> Seen {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                let seen = self.seen();
                if holds(&seen) {
                    return seen;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(seen) => seen,
            Err(_) => {
                let seen = self.seen();
                panic!(
                    "{}: no {what}: {:?}, {:?}, over: {}",
                    self.address, seen.list, seen.resets, seen.is_over
                )
            }
        }
    }

    pub fn seen(&self) -> Seen {
        self.shared.state.lock().unwrap().clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn follow(&self, stream: TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        let mut name = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                self.take(&name, data);
            }
        }
        self.state.lock().unwrap().is_over = true;
        self.changed.notify_waiters();
    }

    fn take(&self, name: &str, data: &str) {
        let mut state = self.state.lock().unwrap();
        let seen = &mut *state;
        match read_event(name, data, &mut seen.heading).unwrap() {
            Event::Snapshot(snapshot) => {
                let names = snapshot.columns.iter();
                seen.columns = names.map(|column| column.name.clone()).collect();
                seen.list = Some(List::new(snapshot));
            }
            Event::Patch(patch) => {
                for op in &patch.ops {
                    if let Op::Insert { row, .. } = op {
                        *seen.inserted.entry(row.key.clone()).or_default() += 1;
                    }
                }
                let list = seen.list.as_mut().expect("a list that is patched");
                list.apply(&patch).expect("a patch that fits");
            }
            Event::Reset { reason } => {
                seen.list = None;
                seen.resets.push(reason);
            }
            Event::Error(error) => panic!("{error:?}"),
        }
        self.changed.notify_waiters();
    }
}
