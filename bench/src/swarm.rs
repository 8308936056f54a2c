//! Many WebSocket clients in one thread.
//!
//! The clients must cost little beside the server that is measured, so this speaks just enough
//! of the protocol: it reads a server's frames, answers pings, and looks at a message's first
//! bytes alone. Whoever wants more of it is given the text.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Snapshot,
    Patch,
    Reset,
    Error,
}

/// What has been received by all clients together.
#[derive(Debug, Default)]
pub struct Seen {
    pub snapshots: AtomicU64,
    pub patches: AtomicU64,
    pub resets: AtomicU64,
    pub errors: AtomicU64,
    /// Connections that have ended.
    pub ended: AtomicU64,
    /// Bytes of all of it.
    pub bytes: AtomicU64,
    /// When the last message came: nanoseconds since the swarm began.
    last: AtomicU64,
    stop: AtomicBool,
}

/// Connected clients, read by a thread of their own.
pub struct Swarm {
    /// What they have received.
    pub seen: Arc<Seen>,
    began: Instant,
    writers: Vec<Arc<TcpStream>>,
    reader: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Swarm {
    /// Connects clients. `receive` is given each message: whose, what, and its text.
    pub fn connect(
        address: &str,
        clients: usize,
        receive: impl FnMut(usize, Kind, &[u8]) + Send + 'static,
    ) -> anyhow::Result<Self> {
        Self::connect_with(address, None, clients, receive)
    }

    /// Connects clients that have this token.
    pub fn connect_with(
        address: &str,
        token: Option<&str>,
        clients: usize,
        mut receive: impl FnMut(usize, Kind, &[u8]) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut writers = Vec::with_capacity(clients);
        let mut readers = Vec::with_capacity(clients);
        for client in 0..clients {
            let stream = open(address, token).with_context(|| format!("client {client}"))?;
            let data = epoll::EventData::new_u64(client as u64);
            epoll::add(&poll, &stream, data, epoll::EventFlags::IN)?;
            writers.push(Arc::clone(&stream));
            readers.push(stream);
        }
        let seen = Arc::new(Seen::default());
        let began = Instant::now();
        let noted = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut clients: Vec<Client> = readers
                .into_iter()
                .map(|stream| Client {
                    stream,
                    rest: Vec::new(),
                })
                .collect();
            let mut buffer = vec![0; 256 << 10];
            let mut events = Vec::with_capacity(1024);
            let patience = Timespec {
                tv_sec: 0,
                tv_nsec: 50_000_000,
            };
            while !noted.stop.load(Relaxed) {
                match epoll::wait(&poll, spare_capacity(&mut events), Some(&patience)) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                for event in events.drain(..) {
                    let which = event.data.u64() as usize;
                    let client = &mut clients[which];
                    let mut is_message = false;
                    let is_open = client.read(&mut buffer, &noted, |kind, text| {
                        is_message = true;
                        receive(which, kind, text);
                    })?;
                    if is_message {
                        noted.last.store(began.elapsed().as_nanos() as u64, Relaxed);
                    }
                    if !is_open {
                        noted.ended.fetch_add(1, Relaxed);
                        epoll::delete(&poll, &client.stream)?;
                    }
                }
            }
            Ok(())
        });
        Ok(Self {
            seen,
            began,
            writers,
            reader: Some(reader),
        })
    }

    /// Has every client follow its query.
    pub fn subscribe(&self, table: &str, query: impl Fn(usize) -> String) -> anyhow::Result<()> {
        for client in 0..self.writers.len() {
            self.subscribe_one(client, table, &query(client))?;
        }
        Ok(())
    }

    /// Has one client follow a query.
    pub fn subscribe_one(&self, client: usize, table: &str, query: &str) -> anyhow::Result<()> {
        let message = serde_json::json!({
            "type": "subscribe", "id": 1, "table": table, "query": query,
        });
        (&*self.writers[client]).write_all(&frame(0x81, message.to_string().as_bytes()))?;
        Ok(())
    }

    /// Waits until so many have come of what `count` picks, and returns when the last came.
    pub fn wait(
        &self,
        number: u64,
        patience: Duration,
        count: impl Fn(&Seen) -> &AtomicU64,
    ) -> anyhow::Result<Instant> {
        let begun = Instant::now();
        loop {
            let seen = count(&self.seen).load(Relaxed);
            if seen >= number {
                return Ok(self.last());
            }
            ensure!(self.seen.ended.load(Relaxed) == 0, "a connection has ended");
            if begun.elapsed() > patience {
                bail!("{seen} of {number} messages came in {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// When the last message came.
    pub fn last(&self) -> Instant {
        self.began + Duration::from_nanos(self.seen.last.load(Relaxed))
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.seen.stop.store(true, Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

struct Client {
    stream: Arc<TcpStream>,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

impl Client {
    /// Takes in what has come. Returns `false` at the end of the connection.
    fn read(
        &mut self,
        buffer: &mut [u8],
        seen: &Seen,
        mut receive: impl FnMut(Kind, &[u8]),
    ) -> anyhow::Result<bool> {
        let length = match (&*self.stream).read(buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(_) => return Ok(false),
        };
        seen.bytes.fetch_add(length as u64, Relaxed);
        let joined;
        let mut bytes: &[u8] = if self.rest.is_empty() {
            &buffer[..length]
        } else {
            self.rest.extend_from_slice(&buffer[..length]);
            joined = std::mem::take(&mut self.rest);
            &joined
        };
        while let Some((opcode, payload, rest)) = split(bytes) {
            bytes = rest;
            match opcode {
                1 => note(payload, seen, &mut receive),
                8 => return Ok(false),
                9 => (&*self.stream).write_all(&frame(0x8a, payload))?,
                _ => {}
            }
        }
        self.rest = bytes.to_vec();
        Ok(true)
    }
}

fn note(payload: &[u8], seen: &Seen, receive: &mut impl FnMut(Kind, &[u8])) {
    let (kind, counter) = match payload.get(9) {
        Some(b's') => (Kind::Snapshot, &seen.snapshots),
        Some(b'p') => (Kind::Patch, &seen.patches),
        Some(b'r') => (Kind::Reset, &seen.resets),
        _ => (Kind::Error, &seen.errors),
    };
    receive(kind, payload);
    counter.fetch_add(1, Relaxed);
}

/// The first frame's kind and payload, and what follows it; `None` if it is not whole.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*length) as usize, rest)
        }
        length => (usize::from(length), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((head[0] & 0x0f, payload, rest))
}

/// A client's frame. Its mask is zero, which masks nothing.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn open(address: &str, token: Option<&str>) -> anyhow::Result<Arc<TcpStream>> {
    let authorization = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         {authorization}\r\n"
    )?;
    // One byte at a time: what follows the answer is the first frame.
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    ensure!(
        answer.starts_with(b"HTTP/1.1 101"),
        "no WebSocket: {}",
        String::from_utf8_lossy(&answer)
    );
    stream.set_nonblocking(true)?;
    Ok(Arc::new(stream))
}
