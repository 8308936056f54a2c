//! A database whose changes are copied, and who copies them.

use std::{sync::OnceLock, time::Duration};

use rowcast::{
    capture::{
        TailEvent,
        copier::{self, CopierOptions},
        tail::{self, Started},
    },
    database::pool::session,
};
use sqlx::PgConnection;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    cluster::{Cluster, Database},
    replica::{Replica, connect, next, options, prepared, version},
};

/// One who copies until it is dropped or killed.
pub struct Copier {
    task: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Copier {
    pub fn start(database: &Database) -> Self {
        Self::bounded(database, 10 << 30)
    }

    /// With the most bytes that may be kept for it.
    pub fn bounded(database: &Database, slot_max: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let options = CopierOptions {
            database: session(database.options.clone()),
            slot_max,
        };
        Self {
            task: tokio::spawn(copier::run(options, stopped)),
            _stop: stop,
        }
    }

    /// Ends it wherever it is.
    pub fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A cluster with room for a slot of each test.
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        Cluster::start(&[("max_replication_slots", "50"), ("max_wal_senders", "50")])
    })
}

/// A database whose tables have no triggers of ours.
pub async fn replicated() -> Database {
    let database = prepared(cluster()).await;
    database
        .execute("SELECT rowcast.set_source('replication')")
        .await;
    database
}

/// A tail, once somebody copies: that takes as long as what runs elsewhere in the cluster.
pub async fn follow(database: &Database) -> Started {
    let copied = async {
        let mut connection = connect(database).await;
        let asked = "SELECT version IS NOT NULL FROM rowcast.copied";
        loop {
            let is_copied = sqlx::query_scalar(asked).fetch_one(&mut connection);
            if is_copied.await.unwrap()
                && let Ok(tail) = tail::start(options(database)).await
            {
                return tail;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), copied)
        .await
        .expect("changes are copied")
}

/// Takes in what a tail tells until that is all that was committed before.
pub async fn catch_up(tail: &mut Started, replica: &mut Replica, connection: &mut PgConnection) {
    let end = version(connection).await;
    tail.handle.nudge();
    loop {
        match next(tail).await {
            TailEvent::Read(read) => {
                replica.apply(&read);
                if read.to.covers(&end) {
                    return;
                }
            }
            TailEvent::Lost | TailEvent::Recovered => {}
            TailEvent::HistoryChanged { .. } => panic!("another history began"),
        }
    }
}

/// How many triggers of ours a table has.
pub async fn triggers(database: &Database, table: &str) -> i64 {
    let mut connection = connect(database).await;
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal",
    )
    .bind(table)
    .fetch_one(&mut connection)
    .await
    .unwrap()
}
