//! What others ask of a running tail.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sqlx::PgConnection;
use tokio::sync::{Notify, watch as state};

use super::news::News;
use crate::capture::bus::{LATE, clock::Clock, signature::Key, writer::Writer};

/// A running tail.
#[derive(Clone, Debug)]
pub struct TailHandle {
    pub(super) shared: Arc<Shared>,
}

/// What a tail shares with those who hold its handle.
#[derive(Debug)]
pub(super) struct Shared {
    pub nudge: Notify,
    pub awake: state::Sender<bool>,
    pub reads: AtomicU64,
    pub rows: AtomicU64,
    pub bells: AtomicU64,
    pub news: News,
    /// The history that is followed.
    pub epoch: AtomicU64,
    /// Whether its changes are copied from the write-ahead log.
    pub is_replicated: state::Sender<bool>,
    /// Whether it is not known yet how the log goes on.
    pub is_lost: AtomicBool,
    /// Whether somebody else reads the log for all, and this one waits until it is needed.
    pub is_spare: AtomicBool,
    /// Whether what another one has read is followed.
    pub is_led: AtomicBool,
    /// What writes to the bus, where there is one.
    pub writer: OnceLock<Writer>,
    /// The database's clock, since it was read.
    pub clock: Mutex<Option<Clock>>,
    /// What servers of the database sign with, where there is a bus.
    pub key: Mutex<Option<Key>>,
}

impl Shared {
    /// Of a tail that has read nothing.
    pub fn new() -> Self {
        Self {
            nudge: Notify::new(),
            awake: state::Sender::new(false),
            reads: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bells: AtomicU64::new(0),
            news: News::default(),
            epoch: AtomicU64::new(0),
            is_replicated: state::Sender::new(false),
            is_lost: AtomicBool::new(false),
            is_spare: AtomicBool::new(false),
            is_led: AtomicBool::new(false),
            writer: OnceLock::new(),
            clock: Mutex::new(None),
            key: Mutex::new(None),
        }
    }

    /// Finds out what servers of the database sign with.
    pub async fn read_key(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let read = Key::read(connection).await?;
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        *key = Some(read);
        Ok(())
    }

    /// What servers of the database sign with, once that is known.
    pub fn key(&self) -> Option<Key> {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }

    /// The database's clock has just shown this.
    pub fn set_clock(&self, shown: i64) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        *clock = Some(Clock::new(shown));
    }

    /// The database's clock, once it was read.
    pub fn clock(&self) -> Option<Clock> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody else has seen it show this, so it is not earlier.
    pub fn set_clock_forward(&self, shown: i64) {
        if self.clock().is_some_and(|clock| clock.now() < shown) {
            self.set_clock(shown);
        }
    }

    /// Whether something comes late that was so when the database's clock showed this; 0: nobody
    /// knows.
    pub fn is_late(&self, shown: i64) -> bool {
        shown != 0 && self.clock().is_some_and(|clock| clock.since(shown) > LATE)
    }
}

impl TailHandle {
    /// A handle to no tail.
    #[cfg(test)]
    pub(crate) fn of_none() -> Self {
        Self {
            shared: Arc::new(Shared::new()),
        }
    }

    /// Has the log read now, and the read told even if it is empty.
    pub fn nudge(&self) {
        self.shared.nudge.notify_one();
    }

    /// Whether the tail reads at a beat, so that writers skip the bell.
    pub fn awake(&self) -> state::Receiver<bool> {
        self.shared.awake.subscribe()
    }

    /// Whether changes are to be copied from the write-ahead log.
    pub fn is_replicated(&self) -> state::Receiver<bool> {
        self.shared.is_replicated.subscribe()
    }

    /// From now on it is kept what was found.
    pub fn hear(&self) {
        self.shared.news.hear();
    }

    /// Waits until something was found of a relation, or may have been, and says of which; `None`
    /// stands for any.
    pub async fn news(&self) -> Option<BTreeSet<u32>> {
        self.shared.news.wait().await
    }

    /// Whether the log can be read, so that it is known how it goes on, or need not be.
    pub fn follows(&self) -> bool {
        let is = |what: &AtomicBool| what.load(Ordering::Acquire);
        is(&self.shared.is_spare) || !is(&self.shared.is_lost)
    }

    /// Whether there is a bus that took nothing when it was last tried.
    pub fn is_mute(&self) -> bool {
        self.shared.writer.get().is_some_and(Writer::is_mute)
    }

    /// Whether what another server has read of the log is followed.
    pub fn is_led(&self) -> bool {
        self.shared.is_led.load(Ordering::Acquire)
    }

    /// Whether the log is read for other servers, and how many entries were written for them.
    pub fn leads(&self) -> (bool, u64) {
        let writer = self.shared.writer.get();
        writer.map_or((false, 0), |writer| (writer.leads(), writer.written()))
    }

    /// How often the log was read, how many rows it had, how often the bell rang.
    pub fn counts(&self) -> (u64, u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (
            get(&self.shared.reads),
            get(&self.shared.rows),
            get(&self.shared.bells),
        )
    }
}
