//! What the live part counts, for `/metrics` and `/readyz`.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rowcast_engine::engine;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Figures {
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
    held: Mutex<Held>,
    clock_offset: AtomicI64,
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

impl Figures {
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
    pub fn clock(&self, now: i64) {
        self.clock_offset
            .store(now - own_clock(), Ordering::Relaxed);
    }

    /// What the database's clock shows now, as far as is known.
    pub fn database_now(&self) -> i64 {
        own_clock() + self.clock_offset.load(Ordering::Relaxed)
    }
}

fn own_clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
