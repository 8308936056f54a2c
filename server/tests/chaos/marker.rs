//! A number that is counted up all the time, by which it is known how late somebody is.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::PgConnection;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{cluster::Database, writers::try_connect};

/// How often it is counted up, where the database keeps up.
const PACE: Duration = Duration::from_millis(25);

/// The marker, as those know it who wait for it.
#[derive(Default)]
pub struct Marker {
    /// When each number was committed, from 1 on.
    committed: Mutex<Vec<Instant>>,
    newest: watch::Sender<u64>,
    /// The longest time between two commits since it was last asked for, in milliseconds.
    slowest: AtomicU64,
}

impl Marker {
    /// How long somebody waited who knew this number and now learns of that one: since the first
    /// commit in between.
    pub fn wait(&self, known: u64, learned: u64) -> Duration {
        let committed = self.committed.lock().unwrap();
        match committed.get(known as usize) {
            Some(at) if learned > known => at.elapsed(),
            // It is told sooner than PostgreSQL answers its writer.
            _ => Duration::ZERO,
        }
    }

    /// The newest that is committed.
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Waits until so many more have been committed.
    pub async fn count(&self, more: u64) -> u64 {
        let mut newest = self.newest.subscribe();
        let number = *newest.borrow() + more;
        let is_there = newest.wait_for(|newest| *newest >= number);
        *is_there.await.expect("it is written as long as it is here")
    }

    /// The longest time between two commits since this was last asked.
    pub fn slowest(&self) -> Duration {
        Duration::from_millis(self.slowest.swap(0, Ordering::Relaxed))
    }

    /// Counts it up for as long as it is polled.
    pub async fn write(self: Arc<Self>, database: Database) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection: Option<PgConnection> = None;
        let mut before = Instant::now();
        loop {
            pace.tick().await;
            let Some(open) = &mut connection else {
                connection = try_connect(&database).await;
                continue;
            };
            // Said in full: whether one that failed was committed is not known.
            let number = self.newest() + 1;
            let written = sqlx::query("UPDATE marker SET number = $1 WHERE id = 1")
                .bind(number as i64)
                .execute(open)
                .await;
            if written.is_err() {
                connection = None;
                continue;
            }
            let slowest = before.elapsed().as_millis() as u64;
            self.slowest.fetch_max(slowest, Ordering::Relaxed);
            before = Instant::now();
            self.committed.lock().unwrap().push(before);
            self.newest.send_replace(number);
        }
    }
}
