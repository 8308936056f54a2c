//! A copy of tables that is kept by the change log alone, to be compared with the tables.

use std::{collections::HashMap, time::Duration};

use rowcast::{
    capture::{
        ChangeKind, Read, TailEvent, TailOptions, change_log, migrate,
        tail::{self, Started},
    },
    database::pool::session,
};
use rowcast_protocol::PgSnapshot;
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::types::Oid};

use crate::cluster::{Cluster, Database};

/// Longer than anything waited for takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A database of the shared cluster with our schema in it.
pub async fn database() -> Database {
    prepared(Cluster::shared()).await
}

/// The same, of another cluster.
pub async fn prepared(cluster: &Cluster) -> Database {
    let database = cluster.database().await;
    let mut connection = connect(&database).await;
    migrate::migrate(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    database
}

/// A connection with the settings of all of ours.
pub async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect_with(&session(database.options.clone()))
        .await
        .unwrap()
}

/// A tail, from the present on.
pub async fn follow(database: &Database) -> Started {
    tail::start(options(database)).await.unwrap()
}

/// How one follows.
pub fn options(database: &Database) -> TailOptions {
    TailOptions {
        database: session(database.options.clone()),
        read_bound: 64 << 20,
        bus: None,
        traces: Default::default(),
    }
}

/// What a tail tells next.
pub async fn next(tail: &mut Started) -> TailEvent {
    tokio::time::timeout(PATIENCE, tail.events.recv())
        .await
        .expect("the tail tells something")
        .expect("the tail runs")
}

/// The version that a statement after this one at least shows.
pub async fn version(connection: &mut PgConnection) -> PgSnapshot {
    change_log::present(connection).await.unwrap()
}

/// Rows of a watched table by their images, each with how often it is there.
#[derive(Default)]
pub struct Replica {
    rows: HashMap<u32, HashMap<Vec<u8>, i64>>,
    /// What was told other than images.
    pub notes: Vec<(u32, ChangeKind)>,
}

impl Replica {
    pub fn apply(&mut self, read: &Read) {
        assert_eq!(read.overflow, Vec::<u32>::new());
        for row in &read.rows {
            if row.kind != ChangeKind::Images {
                self.notes.push((row.relation, row.kind));
                continue;
            }
            let rows = self.rows.entry(row.relation).or_default();
            for (images, by) in [(&row.old, -1), (&row.new, 1)] {
                for image in split(images) {
                    *rows.entry(image).or_default() += by;
                }
            }
        }
        for rows in self.rows.values_mut() {
            rows.retain(|_, count| *count != 0);
        }
    }

    /// Takes the table as it is, as a reset does.
    pub async fn load(&mut self, connection: &mut PgConnection, table: &str) {
        let (relation, rows) = images(connection, table).await;
        self.rows.insert(relation, rows);
    }

    /// Compares with the table as it is.
    pub async fn check(&self, connection: &mut PgConnection, table: &str, what: &str) {
        let (relation, rows) = images(connection, table).await;
        let ours = self.rows.get(&relation).cloned().unwrap_or_default();
        assert!(
            ours == rows,
            "{what}: the log makes {} rows, the table has {}",
            ours.len(),
            rows.len()
        );
    }
}

/// A replica that reads the log by itself.
pub struct Reader {
    pub connection: PgConnection,
    pub cursor: PgSnapshot,
    pub replica: Replica,
}

impl Reader {
    pub async fn new(database: &Database) -> Self {
        let mut connection = connect(database).await;
        Self {
            cursor: version(&mut connection).await,
            connection,
            replica: Replica::default(),
        }
    }

    pub async fn read(&mut self) -> Read {
        let read = change_log::read(&mut self.connection, &self.cursor, 64 << 20)
            .await
            .unwrap();
        self.cursor = read.to.clone();
        self.replica.apply(&read);
        read
    }

    /// Reads the log and the table in one version of the database and compares them.
    pub async fn check(&mut self, table: &str, what: &str) -> Read {
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await;
        let read = self.read().await;
        self.replica.check(&mut self.connection, table, what).await;
        self.execute("COMMIT").await;
        read
    }

    pub async fn execute(&mut self, sql: &str) {
        execute(&mut self.connection, sql).await;
    }
}

pub async fn execute(connection: &mut PgConnection, sql: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await {
        panic!("{error}: {sql}");
    }
}

/// The error that a statement ends in.
pub async fn failure(connection: &mut PgConnection, sql: &str) -> String {
    match sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await {
        Ok(_) => panic!("no error: {sql}"),
        Err(error) => error.to_string(),
    }
}

/// The table's oid and its rows, imaged as a reader of the table does it.
async fn images(connection: &mut PgConnection, table: &str) -> (u32, HashMap<Vec<u8>, i64>) {
    let sql = format!(
        "SELECT '{table}'::regclass::oid, string_agg(rowcast.image_of(c.codec, \
         format('t.%I', c.name)), ', ' ORDER BY c.place) FROM rowcast.columns('{table}') c"
    );
    let (relation, expressions): (Oid, String) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let sql = format!("SELECT record_send(ROW({expressions})) FROM {table} t");
    let all: Vec<Vec<u8>> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .unwrap();
    let mut rows = HashMap::new();
    for image in all {
        *rows.entry(image).or_default() += 1;
    }
    (relation.0, rows)
}

/// Images stand one after another, each saying how long its values are.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut images = Vec::new();
    while !bytes.is_empty() {
        let number = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut end = 4;
        for _ in 0..number(0) {
            end += 8 + usize::try_from(number(end + 4)).unwrap_or(0);
        }
        images.push(bytes[..end].to_vec());
        bytes = &bytes[end..];
    }
    images
}

/// Numbers that look random and are the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
