//! Some servers of one database on one bus, and what they show.

use rowcast_protocol::Cell;
use sqlx::{Connection, PgConnection};

use crate::{
    cluster::{Cluster, Database},
    follower::{Follower, PATIENCE},
    metrics::metric,
    proxy::Proxy,
    redis_server::RedisServer,
    roles,
    server::Server,
};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int); SELECT rowcast.watch('t')";

/// All of it, in order.
const LIST: &str = "t?order=id&limit=1000";

pub struct World {
    pub redis: RedisServer,
    pub database: Database,
    pub servers: Vec<Server>,
    pub followers: Vec<Follower>,
    connection: PgConnection,
    /// The next row's.
    next: i32,
}

impl World {
    /// So many servers, of which one reads the log.
    pub async fn new(servers: usize) -> Self {
        Self::on(Cluster::shared(), RedisServer::start().await, servers).await
    }

    pub async fn on(cluster: &Cluster, redis: RedisServer, servers: usize) -> Self {
        let url = redis.url();
        Self::with(cluster, redis, servers, &[("ROWCAST_BUS", &url)]).await
    }

    pub async fn with(
        cluster: &Cluster,
        redis: RedisServer,
        servers: usize,
        settings: &[(&'static str, &str)],
    ) -> Self {
        let mut world = Self::without_servers(cluster, redis).await;
        for _ in 0..servers {
            world.join(settings).await;
        }
        world.until_one_reads().await;
        world
    }

    /// A database and a bus alone.
    pub async fn without_servers(cluster: &Cluster, redis: RedisServer) -> Self {
        let database = cluster.database().await;
        Server::start(&database.url).await.stop().await;
        database.execute(TABLE).await;
        Self {
            redis,
            connection: database.connect().await,
            database,
            servers: Vec::new(),
            followers: Vec::new(),
            next: 0,
        }
    }

    /// One more server, and somebody who follows a list there.
    pub async fn join(&mut self, settings: &[(&'static str, &str)]) {
        let url = self.url_of(&format!("server-{}", self.servers.len())).await;
        self.join_by(&url, settings).await;
    }

    /// The same, with a proxy between it and the database.
    pub async fn join_behind_proxy(&mut self, settings: &[(&'static str, &str)]) -> Proxy {
        let port = self.database.options.get_port();
        let proxy = Proxy::start(port).await;
        let url = self.url_of(&format!("server-{}", self.servers.len())).await;
        self.join_by(&proxy.instead_of(port, &url), settings).await;
        proxy
    }

    /// A proxy to the bus.
    pub async fn bus_proxy(&self) -> Proxy {
        Proxy::start(self.redis.port).await
    }

    /// The same, with a proxy between it and the bus.
    pub async fn join_behind_bus_proxy(&mut self) -> Proxy {
        let proxy = self.bus_proxy().await;
        let bus = proxy.instead_of(self.redis.port, &self.redis.url());
        self.join(&[("ROWCAST_BUS", &bus)]).await;
        proxy
    }

    async fn join_by(&mut self, url: &str, settings: &[(&'static str, &str)]) {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, &*value.to_string().leak()))
            .collect();
        let server = Server::with(url, &settings).await;
        self.followers
            .push(Follower::new(&server.address, LIST).await);
        self.servers.push(server);
    }

    /// The database as a role of its own, by which it is told who is connected.
    pub async fn url_of(&self, name: &str) -> String {
        roles::url_of(&self.database, name).await
    }

    /// Commits rows, changes and deletions one by one, in transactions that overlap.
    pub async fn write(&mut self) {
        let mut late = self.database.connect().await;
        let mut open = late.begin().await.unwrap();
        insert(&mut open, self.next).await;
        self.next += 1;
        for _ in 0..15 {
            insert(&mut self.connection, self.next).await;
            self.next += 1;
        }
        for sql in [
            "UPDATE t SET n = n + 1 WHERE id % 3 = 0",
            "DELETE FROM t WHERE id % 7 = 6",
        ] {
            sqlx::query(sql)
                .execute(&mut self.connection)
                .await
                .unwrap();
        }
        open.commit().await.unwrap();
        late.close().await.unwrap();
    }

    /// Waits until all lists are what the table is, and checks that nobody saw a row come twice,
    /// or their list taken away.
    pub async fn check(&mut self) {
        let rows: Vec<(i32, i32)> = sqlx::query_as("SELECT id, n FROM t ORDER BY id")
            .fetch_all(&mut self.connection)
            .await
            .unwrap();
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|(id, n)| vec![Cell::integer(i64::from(*id)), Cell::integer(i64::from(*n))])
            .collect();
        for follower in &self.followers {
            let equals = |cells: &[Cell], row: &Vec<Cell>| cells == row.as_slice();
            let seen = follower
                .until(&format!("{} rows", rows.len()), |seen| {
                    seen.list.as_ref().is_some_and(|list| {
                        list.total == rows.len() as u64
                            && list.rows.len() == rows.len()
                            && list
                                .rows
                                .iter()
                                .zip(&rows)
                                .all(|(a, b)| equals(&a.cells, b))
                    })
                })
                .await;
            assert_eq!(seen.resets, Vec::<String>::new(), "{}", follower.address);
            let twice: Vec<_> = seen.inserted.iter().filter(|(_, n)| **n > 1).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", follower.address);
        }
    }

    pub async fn write_and_check(&mut self) {
        self.write().await;
        self.check().await;
    }

    /// How many follow the log: each listens for its bell.
    pub async fn readers(&mut self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 3 AND granted \
                AND classid = rowcast.awake_class()::int8::oid \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&mut self.connection)
        .await
        .unwrap()
    }

    /// What a server says of itself in `/metrics`.
    pub async fn metric(&self, server: usize, name: &str) -> u64 {
        metric(&self.servers[server].address, name).await
    }

    pub async fn until_readers(&mut self, count: i64) {
        let wait = async {
            while self.readers().await != count {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        if waited.is_err() {
            panic!("{} read the log, not {count}", self.readers().await);
        }
    }

    /// Waits until one reads the log, for all.
    pub async fn until_one_reads(&mut self) {
        self.until_readers(1).await;
    }

    /// The name of who holds the lock of who leads.
    pub async fn leader_name(&mut self) -> Option<String> {
        roles::leader_name(&mut self.connection).await.unwrap()
    }

    /// Which server leads.
    pub async fn leader(&mut self) -> usize {
        let name = self.leader_name().await.expect("somebody leads");
        name.strip_prefix("server-").unwrap().parse().unwrap()
    }

    /// Waits until somebody else leads than that server, and is the only one that reads.
    pub async fn until_another_leads(&mut self, than: &str) -> String {
        let wait = async {
            loop {
                match self.leader_name().await {
                    Some(name) if name != than => return name,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("somebody else leads")
    }
}

async fn insert(connection: &mut PgConnection, id: i32) {
    sqlx::query("INSERT INTO t VALUES ($1, 0)")
        .bind(id)
        .execute(connection)
        .await
        .unwrap();
}

/// Sends a process a signal.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
