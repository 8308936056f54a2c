//! Those who write, at a pace, whatever happens.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
use tokio::{
    sync::{Mutex as Turn, watch},
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    cluster::Database,
    queries::{ACCOUNTS, ITEMS},
    random::Random,
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

async fn transact(
    connection: &mut PgConnection,
    random: &mut Random,
    pace: &mut Interval,
) -> Result<(), sqlx::Error> {
    if random.below(50) > 0 {
        // What is sent at once is one transaction.
        return run(connection, statements(random)).await;
    }
    // One that stays open while others that began later are committed.
    let mut open = connection.begin().await?;
    run(&mut open, statements(random)).await?;
    pace.tick().await;
    run(&mut open, transfer(random)).await?;
    open.commit().await
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

fn statements(random: &mut Random) -> String {
    let item = random.below(ITEMS);
    match random.below(100) {
        0..45 => transfer(random),
        45..67 => {
            let rank = random.below(1000);
            format!("UPDATE item SET rank = {rank} WHERE id = {item}")
        }
        67..77 => {
            let (kind, rank) = (random.below(6), random.below(1000));
            format!(
                "INSERT INTO item VALUES ({item}, {kind}, {rank}, substr(md5('{rank}'), 1, 6)) \
                 ON CONFLICT (id) DO UPDATE SET rank = excluded.rank, title = excluded.title"
            )
        }
        77..84 => format!("DELETE FROM item WHERE id = {item}"),
        84..91 => {
            let to = random.below(ITEMS);
            format!(
                "UPDATE item SET id = {to} WHERE id = {item} \
                    AND NOT EXISTS (SELECT FROM item WHERE id = {to})"
            )
        }
        91..95 => "DELETE FROM entry WHERE id < (SELECT max(id) - 500 FROM entry)".to_owned(),
        95..98 => format!(
            "UPDATE item SET rank = (rank + 7) % 1000 WHERE id BETWEEN {item} AND {item} + 20"
        ),
        // Nothing of it is to be seen but the transfer.
        _ => format!(
            "BEGIN; SAVEPOINT before; DELETE FROM item WHERE kind = 3; ROLLBACK TO before; {}; \
             COMMIT",
            transfer(random)
        ),
    }
}

/// Some of what one account holds goes to another one.
fn transfer(random: &mut Random) -> String {
    let from = 1 + random.below(ACCOUNTS);
    let to = 1 + (from + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    let amount = 1 + random.below(20);
    let mut updates = [(from, "-"), (to, "+")];
    // In one order, so that no two wait for each other.
    updates.sort_unstable();
    let updates = updates.map(|(account, sign)| {
        format!("UPDATE account SET balance = balance {sign} {amount} WHERE id = {account}; ")
    });
    format!(
        "{}INSERT INTO entry (account, amount) VALUES ({from}, -{amount}), ({to}, {amount})",
        updates.concat()
    )
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
