//! A primary, and a standby that has fallen behind.

use std::collections::BTreeSet;

use rowcast_protocol::Cell;
use tokio::task::block_in_place;

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    ports,
    server::Server,
};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text); \
    INSERT INTO t SELECT g, 'before' FROM generate_series(1, 5) g; SELECT rowcast.watch('t')";

/// All of it, in order.
pub const LIST: &str = "t?order=id&limit=1000";

pub struct World {
    pub primary: Cluster,
    pub standby: Cluster,
    pub database: Database,
}

impl World {
    /// A standby that has what is there now, and nothing that comes.
    pub async fn new() -> Self {
        let primary = block_in_place(|| Cluster::start(&[]));
        let database = primary.database().await;
        Server::start(&database.url).await.stop().await;
        database.execute(TABLE).await;
        let standby = block_in_place(|| primary.copy_at_rest(ports::free()));
        Self {
            primary,
            standby,
            database,
        }
    }

    /// Commits rows one by one, and says by which transactions.
    pub async fn commit(&self, ids: std::ops::Range<i32>, name: &str) -> BTreeSet<String> {
        let mut connection = self.database.connect().await;
        let mut transactions = BTreeSet::new();
        for id in ids {
            let transaction: String = sqlx::query_scalar(
                "INSERT INTO t VALUES ($1, $2) RETURNING pg_current_xact_id()::text",
            )
            .bind(id)
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .unwrap();
            transactions.insert(transaction);
        }
        transactions
    }

    /// The primary is lost, and the standby takes its place, at its address.
    pub fn fail_over(&mut self) {
        block_in_place(|| {
            self.primary.kill();
            self.standby.promote(self.primary.port);
        });
    }

    /// What the table holds.
    pub async fn rows(&self) -> Vec<Vec<Cell>> {
        let rows: Vec<(i32, String)> = sqlx::query_as("SELECT id, name FROM t ORDER BY id")
            .fetch_all(&mut self.database.connect().await)
            .await
            .unwrap();
        let cells =
            |(id, name): (i32, String)| vec![Cell::integer(i64::from(id)), Cell::Text(name.into())];
        rows.into_iter().map(cells).collect()
    }

    /// Waits until somebody's list is what the table holds.
    pub async fn until_equal(&self, follower: &Follower) {
        let rows = self.rows().await;
        follower
            .until("list that is the table", |seen| {
                let list = seen.list.as_ref();
                list.is_some_and(|list| {
                    let shown: Vec<&Vec<Cell>> = list.rows.iter().map(|row| &row.cells).collect();
                    shown.iter().copied().eq(rows.iter())
                })
            })
            .await;
    }
}
