//! The oracle: random tables, queries and transactions against a real PostgreSQL and a real
//! server; after each step every client's list and total are what the SQL says.
//!
//! `ORACLE_SECONDS` bounds the time (20 unless set). A run prints its seed; `ORACLE_SEED`
//! replays it. Timing is not part of a seed, so a failure that needs a certain interleaving
//! may take several replays.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "oracle/client.rs"]
mod client;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "oracle/queries.rs"]
mod queries;
#[path = "oracle/random.rs"]
mod random;
#[path = "support/server.rs"]
mod server;
#[path = "oracle/tables.rs"]
mod tables;
#[path = "oracle/writer.rs"]
mod writer;

use std::time::{Duration, Instant};

use client::Client;
use cluster::{Cluster, Database};
use random::Random;
use server::Server;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tables::Table;

/// How long a list may take to become what the SQL says before it counts as wrong.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_equals_its_sql() {
    let seconds = number("ORACLE_SECONDS").unwrap_or(20);
    let seed = number("ORACLE_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64)
    });
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut worlds = 0;
    let mut tally = Tally::default();
    while worlds == 0 || Instant::now() < deadline {
        let seed = seed.wrapping_add(worlds);
        println!("oracle: ORACLE_SEED={seed}");
        World::new(seed).await.run(deadline, &mut tally).await;
        worlds += 1;
    }
    println!("oracle: {worlds} worlds, {tally:?}");
    assert!(tally.lists > 0, "nothing was compared");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a run has seen.
#[derive(Debug, Default)]
struct Tally {
    steps: u64,
    lists: u64,
    patches: u64,
    resets: u64,
    resumed: u64,
    restarts: u64,
    lost_connections: u64,
    definitions: u64,
}

/// One database with its tables, a server on it, and clients of that.
struct World {
    random: Random,
    database: Database,
    tables: Vec<Table>,
    server: Server,
    clients: Vec<Client>,
    checker: PgConnection,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let database = Cluster::shared().database().await;
        database.execute(tables::PRELUDE).await;
        let server = Server::start(&database.url).await;
        let mut tables = Vec::new();
        for nth in 0..1 + random.below(3) {
            let table = Table::generate(&mut random, nth);
            database.execute(&table.create_sql()).await;
            for _ in 0..random.below(60) {
                let sql = writer::insert(&mut random, &table);
                // A key that exists already, mostly.
                let _ = sqlx::query(AssertSqlSafe(sql))
                    .execute(&mut database.connect().await)
                    .await;
            }
            database
                .execute(&format!("SELECT rowcast.watch('{}')", table.name))
                .await;
            tables.push(table);
        }
        let mut clients = Vec::new();
        for _ in 0..2 + random.below(4) {
            let mut subscriptions = Vec::new();
            for id in 0..1 + random.below(8) {
                let table = random.pick(&tables).clone();
                let query = queries::generate(&mut random, &table);
                subscriptions.push((id as u32, table, query));
            }
            clients.push(Client::start(server.address.clone(), subscriptions));
        }
        let checker = database.connect().await;
        Self {
            random,
            database,
            tables,
            server,
            clients,
            checker,
        }
    }

    async fn run(mut self, deadline: Instant, tally: &mut Tally) {
        self.check(tally).await;
        let steps = 10 + self.random.below(30);
        for _ in 0..steps {
            self.step(tally).await;
            self.check(tally).await;
            if Instant::now() > deadline {
                break;
            }
        }
        for client in &self.clients {
            tally.patches += client.patches();
            tally.resets += client.resets();
            tally.resumed += client.resumed();
        }
        self.server.stop().await;
    }

    async fn step(&mut self, tally: &mut Tally) {
        tally.steps += 1;
        let mut busy = writer::Writer::new(&self.database, self.random.fork()).await;
        match self.random.below(40) {
            0 => {
                tally.restarts += 1;
                busy.transactions(&self.tables, 3).await;
                self.server.kill().await;
                busy.transactions(&self.tables, 3).await;
                self.server.restart().await;
                for client in &self.clients {
                    client.server_is_back();
                }
            }
            1 | 2 => {
                tally.lost_connections += 1;
                self.database
                    .execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE application_name = 'rowcast' AND datname = current_database()",
                    )
                    .await;
                busy.transactions(&self.tables, 3).await;
            }
            3..=6 => {
                let at = self.random.below(self.clients.len() as u64) as usize;
                self.clients[at].disconnect();
                busy.transactions(&self.tables, 2).await;
            }
            7 | 8 => {
                let at = self.random.below(self.clients.len() as u64) as usize;
                self.clients[at].pause();
                busy.transactions(&self.tables, 10).await;
                self.clients[at].resume();
            }
            9 => {
                tally.definitions += 1;
                let at = self.random.below(self.tables.len() as u64) as usize;
                let sql = writer::definition(&mut self.random, &self.tables[at]);
                self.database.execute(&sql).await;
            }
            _ => {}
        }
        let count = 1 + self.random.below(6);
        busy.transactions(&self.tables, count).await;
    }

    /// Waits until every list is what its SQL says.
    async fn check(&mut self, tally: &mut Tally) {
        for client in &self.clients {
            for (id, table, query) in client.subscriptions() {
                let columns = columns(&mut self.checker, table).await;
                let expected = expected(&mut self.checker, table, query, &columns).await;
                let deadline = Instant::now() + PATIENCE;
                while !client.shows(*id, &expected) {
                    if let Some(fault) = client.fault() {
                        panic!("{fault}\n{}", query.text);
                    }
                    let changed = client.changed();
                    if client.shows(*id, &expected) {
                        break;
                    }
                    let left = deadline.saturating_duration_since(Instant::now());
                    assert!(
                        tokio::time::timeout(left, changed).await.is_ok(),
                        "a list is not what its SQL says\ntable {}\nquery {}\nsql {}\n{}",
                        table.create_sql(),
                        query.text,
                        query.rows_sql(table, &columns),
                        client.difference(*id, &expected),
                    );
                }
                tally.lists += 1;
            }
        }
    }
}

/// What a list has to be.
pub struct Expected {
    /// Key cells and cells of each row, as JSON text.
    pub rows: Vec<(Vec<String>, Vec<String>)>,
    pub total: u64,
}

async fn columns(connection: &mut PgConnection, table: &Table) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass \
         AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    )
    .bind(&table.name)
    .fetch_all(connection)
    .await
    .unwrap()
}

async fn expected(
    connection: &mut PgConnection,
    table: &Table,
    query: &queries::Query,
    columns: &[String],
) -> Expected {
    let sql = query.rows_sql(table, columns);
    let rows = sqlx::query(AssertSqlSafe(sql.clone()))
        .fetch_all(&mut *connection)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let json = |row: &sqlx::postgres::PgRow, at: usize| {
        row.get::<Option<String>, _>(at)
            .unwrap_or_else(|| "null".to_owned())
    };
    let keys = table.key.len();
    let rows = rows
        .iter()
        .map(|row| {
            (
                (0..keys).map(|at| json(row, at)).collect(),
                (keys..row.len()).map(|at| json(row, at)).collect(),
            )
        })
        .collect();
    let total: i64 = sqlx::query_scalar(AssertSqlSafe(query.total_sql(table)))
        .fetch_one(connection)
        .await
        .unwrap();
    Expected {
        rows,
        total: total as u64,
    }
}
