//! A way to a database or a bus that can be slow, held up or cut.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test without its way to what it needs has failed"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// How long somebody may take who comes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Proxy {
    pub port: u16,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

struct Way {
    state: watch::Sender<State>,
    /// How many have come.
    came: watch::Sender<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    /// What is answered comes so late.
    Slow(Duration),
    /// Nothing comes through.
    Held,
    /// Nothing comes through of those who read the log.
    HeldForReaders,
    /// Whoever is there is sent away, and whoever comes.
    Cut,
    /// Who comes after so many is sent away.
    Full(usize),
}

impl Proxy {
    /// One to this port of this machine.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(Way {
            state: watch::Sender::new(State::Open),
            came: watch::Sender::new(0),
        });
        let theirs = Arc::clone(&way);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                theirs.came.send_modify(|came| *came += 1);
                let (nth, way) = (*theirs.came.borrow(), Arc::clone(&theirs));
                connections.spawn(async move { way.carry(nth, client, to).await });
            }
        });
        Self { port, way, task }
    }

    /// An address by way of it.
    pub fn instead_of(&self, port: u16, url: &str) -> String {
        url.replace(&format!(":{port}"), &format!(":{}", self.port))
    }

    pub fn open(&self) {
        self.way.state.send_replace(State::Open);
    }

    pub fn slow(&self, by: Duration) {
        self.way.state.send_replace(State::Slow(by));
    }

    pub fn hold(&self) {
        self.way.state.send_replace(State::Held);
    }

    /// Holds up those connections that have read the log, and no others.
    pub fn hold_readers(&self) {
        self.way.state.send_replace(State::HeldForReaders);
    }

    pub fn cut(&self) {
        self.way.state.send_replace(State::Cut);
    }

    /// Sends away whoever comes once so many have come in all.
    pub fn take_no_more_than(&self, most: usize) {
        self.way.state.send_replace(State::Full(most));
    }

    /// Waits until so many have come in all.
    pub async fn until_come(&self, count: usize) {
        let mut came = self.way.came.subscribe();
        let are_there = came.wait_for(|came| *came >= count);
        let in_time = tokio::time::timeout(PATIENCE, are_there).await;
        in_time.expect("somebody comes").unwrap();
    }

    /// Waits until so many more have come.
    pub async fn until_more_come(&self, count: usize) {
        let target = *self.way.came.borrow() + count;
        self.until_come(target).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Way {
    async fn carry(&self, nth: usize, client: TcpStream, to: u16) {
        let mut state = self.state.subscribe();
        match *state.borrow() {
            State::Cut => return,
            State::Full(most) if nth > most => return,
            _ => {}
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let reads = AtomicBool::new(false);
        tokio::select! {
            () = self.pass(&mut from_client, &mut to_server, &reads, true) => {}
            () = self.pass(&mut from_server, &mut to_client, &reads, false) => {}
            _ = state.wait_for(|state| *state == State::Cut) => {}
        }
    }

    async fn pass(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        reads: &AtomicBool,
        is_asked: bool,
    ) {
        let mut state = self.state.subscribe();
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if is_asked && says(&bytes[..count], READS_THE_LOG) {
                reads.store(true, Ordering::Relaxed);
            }
            let passes = state.wait_for(|state| match state {
                State::Held => false,
                State::HeldForReaders => !reads.load(Ordering::Relaxed),
                _ => true,
            });
            let slow = match *passes.await.unwrap() {
                State::Slow(by) if !is_asked => Some(by),
                _ => None,
            };
            if let Some(by) = slow {
                tokio::time::sleep(by).await;
            }
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    }
}

/// What only who reads the log says.
const READS_THE_LOG: &str = "FROM rowcast.change_log c";

fn says(bytes: &[u8], what: &str) -> bool {
    bytes
        .windows(what.len())
        .any(|said| said == what.as_bytes())
}
