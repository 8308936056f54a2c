//! What the live part counts, for `/metrics` and `/readyz`.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rowcast_engine::engine;
use tokio::sync::watch;

use super::outbox::Waiting;
use crate::{capture::Read, metrics::histogram::Histogram};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Everything that is counted.
#[derive(Debug)]
pub struct Figures {
    /// From when a row was written until its change was handed to a client's connection, for
    /// each client. It includes the time until the writer committed.
    pub delivery: Histogram,
    /// Of each read of the log that found something, from when the oldest row was written until
    /// it was read.
    pub lag: Histogram,
    /// How many rows such a read found.
    pub found: Histogram,
    /// What waits to be sent.
    pub outgoing: Arc<Outgoing>,
    /// Patches made.
    pub patches: Counter,
    /// Patches handed to clients: a patch counts once for each.
    pub sent: Counter,
    /// Clients that came back and were told what they had missed.
    pub resumed: Counter,
    /// Clients whose list was void.
    pub resets: Resets,
    /// WebSocket and event-stream connections opened.
    pub connections: Counter,
    /// Connections that have ended.
    pub disconnections: Counter,
    /// How many windows there are of the tables that tell what servers are at.
    pub looking: watch::Sender<usize>,
    /// The worst that was seen since that was last asked.
    worst: Worst,
    held: Mutex<Held>,
    clock_offset: AtomicI64,
}

/// Of the reads of the log that found something, the most: microseconds and rows.
#[derive(Debug, Default)]
struct Worst {
    lag: AtomicU64,
    found: AtomicU64,
}

/// Resets, by reason.
#[derive(Debug, Default)]
pub struct Resets {
    shape: Counter,
    slow: Counter,
    cursor: Counter,
}

/// What is held at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// What the engine holds and did.
    pub engine: engine::Figures,
    /// Subscriptions.
    pub subscriptions: usize,
}

impl Counter {
    /// Adds.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Resets {
    /// Because a table's definition or the database's history changed.
    pub fn shape(&self, clients: usize) {
        self.shape.add(clients as u64);
    }

    /// Because a client could not keep up.
    pub fn slow(&self, clients: u64) {
        self.slow.add(clients);
    }

    /// Because a client's cursor could not be resumed from.
    pub fn cursor(&self, clients: u64) {
        self.cursor.add(clients);
    }

    /// Each reason with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 3] {
        [
            ("definition", self.shape.get()),
            ("slow", self.slow.get()),
            ("cursor", self.cursor.get()),
        ]
    }
}

/// What waits in the outboxes of all clients.
#[derive(Debug, Default)]
pub struct Outgoing {
    events: AtomicI64,
    bytes: AtomicI64,
    slow: AtomicI64,
}

impl Outgoing {
    /// So many more clients that can't keep up; fewer, if negative.
    pub fn slow(&self, clients: i64) {
        self.slow.fetch_add(clients, Ordering::Relaxed);
    }

    /// How many clients can't keep up now.
    pub fn slow_clients(&self) -> i64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// So many more events, of so many bytes; fewer, if negative.
    pub fn add(&self, events: i64, bytes: i64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many events wait, and how many bytes they have.
    pub fn get(&self) -> (i64, i64) {
        let get = |of: &AtomicI64| of.load(Ordering::Relaxed);
        (get(&self.events), get(&self.bytes))
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            delivery: Histogram::of_seconds(),
            lag: Histogram::of_seconds(),
            found: Histogram::of_numbers(),
            outgoing: Arc::default(),
            patches: Counter::default(),
            sent: Counter::default(),
            resumed: Counter::default(),
            resets: Resets::default(),
            connections: Counter::default(),
            disconnections: Counter::default(),
            looking: watch::Sender::new(0),
            worst: Worst::default(),
            held: Mutex::default(),
            clock_offset: AtomicI64::new(0),
        }
    }
}

impl Figures {
    /// Notes a read of the log.
    pub fn read(&self, read: &Read) {
        self.clock(read.clock);
        if let Some(oldest) = read.rows.iter().map(|row| row.at).min() {
            let (lag, found) = (since(oldest, read.clock), read.rows.len() as u64);
            self.lag.took(lag);
            self.found.number(found);
            let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
            self.worst.lag.fetch_max(micros, Ordering::Relaxed);
            self.worst.found.fetch_max(found, Ordering::Relaxed);
        }
    }

    /// Of the reads that found something since this was last asked, how long the oldest row of any
    /// had waited, and how many rows one found; `None` if there was none.
    pub fn take_worst(&self) -> Option<(Duration, u64)> {
        let lag = self.worst.lag.swap(0, Ordering::Relaxed);
        let found = self.worst.found.swap(0, Ordering::Relaxed);
        (found > 0).then(|| (Duration::from_micros(lag), found))
    }

    /// Notes that an event has been handed to a client's connection.
    pub fn delivered(&self, waiting: &Waiting) {
        if let Some(written) = waiting.event.written().filter(|_| waiting.is_news) {
            self.delivery.took(since(written, self.database_now()));
        }
    }

    /// Notes what is held.
    pub fn hold(&self, engine: engine::Figures, subscriptions: usize) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held {
            engine,
            subscriptions,
        };
    }

    /// What is held.
    pub fn held(&self) -> Held {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the database's clock shows now, in microseconds since 1970.
    fn clock(&self, now: i64) {
        self.clock_offset
            .store(now - own_clock(), Ordering::Relaxed);
    }

    /// What the database's clock shows now, as far as is known.
    pub fn database_now(&self) -> i64 {
        own_clock() + self.clock_offset.load(Ordering::Relaxed)
    }
}

/// From then to now, in microseconds: nothing, where a clock was set back.
fn since(then: i64, now: i64) -> Duration {
    Duration::from_micros(u64::try_from(now.saturating_sub(then)).unwrap_or(0))
}

fn own_clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
