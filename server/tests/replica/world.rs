//! A primary, a standby that follows it, and a server that reads from both.

use rowcast::database::replica::{Follows, compare};
use rowcast_protocol::Cell;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::block_in_place,
};

use crate::{
    cluster::{Cluster, Database},
    follower::{Follower, PATIENCE},
    ports,
    server::Server,
};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); \
    INSERT INTO t SELECT g, 0 FROM generate_series(1, 20) g; SELECT rowcast.watch('t')";

/// All of it, in order.
pub const LIST: &str = "t?order=id&limit=1000";

pub struct World {
    pub server: Server,
    _primary: Cluster,
    pub standby: Cluster,
    pub database: Database,
    /// The same on the standby.
    pub copy: Database,
}

impl World {
    /// With these settings of the standby alone.
    pub async fn new(settings: &str) -> Self {
        let (primary, database) = primary().await;
        let standby = block_in_place(|| primary.standby(ports::free()));
        let copy = standby.named(&database.name);
        if !settings.is_empty() {
            set(&copy, settings).await;
        }
        until_it_follows(&copy, &database).await;
        let server = served(&database, &copy).await;
        Self {
            server,
            _primary: primary,
            standby,
            database,
            copy,
        }
    }

    /// What the server says to this.
    pub async fn get(&self, path: &str) -> String {
        let address = &self.server.address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        let reading = stream.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("an answer")
            .unwrap();
        text
    }

    /// The values of a table's second column, by the first, as a request gets them.
    pub async fn listed(&self, query: &str) -> Vec<i64> {
        let text = self.get(&format!("/api/rows/{query}")).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{text}");
        let list: Value = serde_json::from_str(body).unwrap();
        let rows = list["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["cells"][1].as_i64().unwrap())
            .collect()
    }

    /// What the database has, in the same form.
    pub async fn held(&self) -> Vec<i64> {
        let numbers: Vec<i32> = sqlx::query_scalar("SELECT n FROM t ORDER BY id")
            .fetch_all(&mut self.database.connect().await)
            .await
            .unwrap();
        numbers.into_iter().map(i64::from).collect()
    }

    /// How many reads the standby answered.
    pub async fn reads(&self) -> u64 {
        self.figure("rowcast_replica_reads_total").await
    }

    /// How many the primary answered for this reason.
    pub async fn fallbacks(&self, reason: &str) -> u64 {
        let name = format!("rowcast_replica_fallbacks_total{{reason=\"{reason}\"}}");
        self.figure(&name).await
    }

    /// How many it answered for whatever reason.
    pub async fn all_fallbacks(&self) -> u64 {
        let text = self.get("/metrics").await;
        let lines = text.lines();
        lines
            .filter(|line| line.starts_with("rowcast_replica_fallbacks_total{"))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    async fn figure(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Asks for the list until the standby has answered it once more.
    pub async fn until_read(&self) {
        let before = self.reads().await;
        let asking = async {
            while self.reads().await == before {
                assert_eq!(self.listed(LIST).await, self.held().await);
            }
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .expect("the standby is read from again");
    }

    /// Somebody whose list was read from the standby.
    pub async fn follower_of_the_standby(&self) -> Follower {
        self.until_read().await;
        for limit in 900..1000 {
            let before = self.reads().await;
            let query = format!("t?order=id&limit={limit}");
            let follower = Follower::new(&self.server.address, &query).await;
            if self.reads().await > before {
                return follower;
            }
        }
        panic!("no list is read from the standby");
    }

    /// The standby was read from, and the primary only where that took a machine long that has
    /// much else to do.
    pub async fn was_at_most_late(&self) {
        assert!(self.reads().await > 0);
        assert_eq!(self.all_fallbacks().await, self.fallbacks("behind").await);
    }

    /// Writes, and waits until somebody's list is what the table holds.
    pub async fn is_live(&self, follower: &Follower) {
        self.database.execute("UPDATE t SET n = n + 1").await;
        let held = self.held().await;
        follower
            .until("list that is the table", |seen| {
                seen.list.as_ref().is_some_and(|list| {
                    let rows = list.rows.iter();
                    let is_same = |(row, n): (_, &i64)| {
                        let row: &rowcast_protocol::message::Row = row;
                        row.cells[1] == Cell::integer(*n)
                    };
                    list.rows.len() == held.len() && rows.zip(&held).all(is_same)
                })
            })
            .await;
    }
}

/// A primary with the table.
pub async fn primary() -> (Cluster, Database) {
    let primary = block_in_place(|| Cluster::start(&[]));
    let database = primary.database().await;
    Server::start(&database.url).await.stop().await;
    database.execute(TABLE).await;
    (primary, database)
}

/// A server that may read from a copy.
pub async fn served(database: &Database, copy: &Database) -> Server {
    // A server takes its settings again when it restarts.
    let url: &'static str = copy.url.clone().leak();
    Server::with(&database.url, &[("ROWCAST_REPLICA_URL", url)]).await
}

/// Waits until a standby streams, and has all there is.
pub async fn until_it_follows(copy: &Database, primary: &Database) {
    let following = async {
        while compare(&copy.options, &primary.options).await.unwrap() != Follows::Closely {}
    };
    tokio::time::timeout(PATIENCE, following)
        .await
        .expect("the standby follows");
}

/// Changes settings of a cluster, as `name = value; …`.
pub async fn set(database: &Database, settings: &str) {
    let mut connection = database.connect().await;
    for setting in settings.split(';') {
        execute(&mut connection, &format!("ALTER SYSTEM SET {setting}")).await;
    }
    execute(&mut connection, "SELECT pg_reload_conf()").await;
    // Each process takes them when it comes to it: a new one has.
    for setting in settings.split(';') {
        let (name, value) = setting.split_once('=').unwrap();
        let wanted = value.trim().trim_matches('\'').to_owned();
        loop {
            let shown: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(name.trim())
                .fetch_one(&mut database.connect().await)
                .await
                .unwrap();
            if shown == wanted {
                break;
            }
        }
    }
}

/// Runs a statement.
pub async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}
