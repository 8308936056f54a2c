//! Those who write, at a pace, whatever happens.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::{
    sync::{Mutex as Turn, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    cluster::Database,
    random::Random,
    statements::{run, transact},
};

/// Commits a second that they aim at, all together.
const RATE: u32 = 500;
const WRITERS: u32 = 8;

pub struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    database: Database,
    commits: AtomicU64,
    committed: watch::Sender<()>,
    /// Held by each while it is in a transaction.
    turns: Vec<Turn<()>>,
    failure: Mutex<Option<String>>,
}

impl Writers {
    pub fn start(database: &Database, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            database: database.clone(),
            commits: AtomicU64::new(0),
            committed: watch::Sender::new(()),
            turns: (0..WRITERS).map(|_| Turn::new(())).collect(),
            failure: Mutex::new(None),
        });
        let mut tasks = JoinSet::new();
        for nth in 0..WRITERS {
            let random = Random::new(seed ^ (u64::from(nth) << 32));
            tasks.spawn(Arc::clone(&shared).write(nth as usize, random));
        }
        Self { shared, tasks }
    }

    /// How many transactions have been committed.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Waits until so many more have been.
    pub async fn count(&self, more: u64) {
        let mut committed = self.shared.committed.subscribe();
        let number = self.commits() + more;
        let is_there = committed.wait_for(|()| self.commits() >= number);
        is_there.await.expect("it lives as long as this");
    }

    /// Nobody is in a transaction, and nobody begins one, until what is returned is dropped.
    pub async fn pause(&self) -> impl Sized {
        let mut turns = Vec::new();
        for turn in &self.shared.turns {
            turns.push(turn.lock().await);
        }
        turns
    }

    /// What should not have been refused.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.lock().unwrap().clone()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

impl Shared {
    async fn write(self: Arc<Self>, nth: usize, mut random: Random) {
        let mut pace = interval(Duration::from_secs(1) * WRITERS / RATE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection: Option<PgConnection> = None;
        loop {
            pace.tick().await;
            let _turn = self.turns[nth].lock().await;
            let Some(open) = &mut connection else {
                connection = try_connect(&self.database).await;
                continue;
            };
            match transact(open, &mut random, &mut pace).await {
                Ok(()) => {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                    self.committed.send_replace(());
                }
                Err(error) if is_gone(&error) => connection = None,
                Err(error) if is_conflict(&error) => {
                    if run(open, "ROLLBACK".to_owned()).await.is_err() {
                        connection = None;
                    }
                }
                Err(error) => {
                    self.failure
                        .lock()
                        .unwrap()
                        .get_or_insert(error.to_string());
                    return;
                }
            }
        }
    }
}

/// A connection, if there is one to be had now.
pub async fn try_connect(database: &Database) -> Option<PgConnection> {
    PgConnection::connect_with(&database.options).await.ok()
}

/// Whether the database has ended the connection, or is away.
fn is_gone(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            code.starts_with("57P") || code.starts_with("08") || code == "25P03"
        }
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether somebody else was quicker.
fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["23505", "40P01", "40001"].contains(&&*code))
}
