//! Carries out a plan: a database with its tables, a server on it, and clients of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rowcast_protocol::PgSnapshot;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::block_in_place,
};

use super::{
    Tally,
    client::{Client, Fault, Wanted},
    cluster::{Cluster, Database},
    expected::{self, Expected},
    plan::{Plan, Source, Step, WRITERS},
    server::Server,
    statements::Statement,
    tables::PRELUDE,
};

/// How a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How long lists may take to become what the SQL says before they count as wrong.
    pub patience: Duration,
    /// After how long without an event such a list counts as wrong already.
    pub quiet: Duration,
    /// What every client does wrong.
    pub fault: Option<Fault>,
    /// No new round is begun after this.
    pub deadline: Option<Instant>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            quiet: Duration::from_secs(15),
            fault: None,
            deadline: None,
        }
    }
}

/// What was not as it has to be.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The step at which it showed.
    pub step: usize,
    pub subscription: Option<usize>,
    pub what: String,
}

/// Carries out a plan on a new database.
pub async fn run(
    cluster: &Cluster,
    plan: &Plan,
    manner: Manner,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut ground = None;
    let result = run_on(&mut ground, cluster, plan, manner, tally).await;
    if let Some(ground) = ground {
        ground.leave(cluster).await;
    }
    result
}

/// Carries out a plan where another one was, if it left things in order.
pub async fn run_on(
    ground: &mut Option<Ground>,
    cluster: &Cluster,
    plan: &Plan,
    manner: Manner,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let taken = match ground.take() {
        Some(ground) => ground,
        None => Ground::new(cluster, plan.source).await,
    };
    let mut world = World::new(taken, cluster, plan, manner).await;
    let result = world.run(tally).await;
    let is_in_order = world.server_runs
        && world.database_runs
        && plan.settings.is_empty()
        // What the server itself counts against it stays.
        && result.as_ref().err().is_none_or(|failure| failure.subscription.is_some());
    world.start_database();
    let left = world.into_ground();
    if is_in_order {
        left.clear(plan).await;
        *ground = Some(left);
    } else {
        left.remove(cluster).await;
    }
    result
}

/// A database and a server on it.
pub struct Ground {
    database: Database,
    server: Server,
}

impl Ground {
    async fn new(cluster: &Cluster, source: Source) -> Self {
        let database = cluster.database().await;
        let prelude: Vec<&str> = PRELUDE.iter().map(|(_, sql)| *sql).collect();
        database.execute(&prelude.join("; ")).await;
        let server = Server::with(&database.url, source.settings()).await;
        Self { database, server }
    }

    /// Removes what a plan made.
    async fn clear(&self, plan: &Plan) {
        for table in &plan.tables {
            let sql = format!(
                "DROP TABLE IF EXISTS {0} CASCADE; DROP FUNCTION IF EXISTS {0}_echo",
                table.name
            );
            self.database.execute(&sql).await;
        }
    }

    /// Ends the server as an operator does.
    pub async fn leave(mut self, cluster: &Cluster) {
        self.server.end().await;
        self.remove(cluster).await;
    }

    async fn remove(self, cluster: &Cluster) {
        let Self { database, server } = self;
        drop(server);
        let mut connection = cluster.named("postgres").connect().await;
        let name = database.name;
        // Whoever reads a slot of it may not have missed its server yet.
        let free = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots \
              WHERE database = '{name}' AND active"
        );
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        let removed = async {
            while execute(&mut connection, &drop).await.is_err() {
                let _ = execute(&mut connection, &free).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), removed)
            .await
            .expect("nobody keeps the database");
    }
}

struct World<'a> {
    cluster: &'a Cluster,
    plan: &'a Plan,
    manner: Manner,
    ground: Ground,
    server_runs: bool,
    database_runs: bool,
    clients: Vec<Client>,
    writers: [Writer; WRITERS],
    checker: Option<PgConnection>,
    followed: BTreeSet<usize>,
    witnesses: BTreeMap<usize, Vec<(PgSnapshot, Expected)>>,
}

#[derive(Default)]
struct Writer {
    connection: Option<PgConnection>,
    has_savepoint: bool,
}

impl<'a> World<'a> {
    async fn new(ground: Ground, cluster: &'a Cluster, plan: &'a Plan, manner: Manner) -> Self {
        let mut sql = Vec::new();
        for (name, value) in &plan.settings {
            sql.push(format!(
                "UPDATE rowcast.setting SET value = {value} WHERE name = '{name}'"
            ));
        }
        for table in plan.needed_tables() {
            let table = &plan.tables[table];
            sql.push(plan.create_sql(table));
            sql.push(format!("SELECT rowcast.watch('{}')", table.name));
        }
        if !sql.is_empty() {
            ground.database.execute(&sql.join(";\n")).await;
        }
        let clients = plan
            .clients
            .iter()
            .map(|transport| Client::new(*transport, ground.server.address.clone(), manner.fault))
            .collect();
        Self {
            cluster,
            plan,
            manner,
            ground,
            server_runs: true,
            database_runs: true,
            clients,
            writers: Default::default(),
            checker: None,
            followed: BTreeSet::new(),
            witnesses: BTreeMap::new(),
        }
    }

    /// Ends clients and transactions, and leaves the rest.
    fn into_ground(self) -> Ground {
        self.ground
    }

    async fn run(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        for (at, step) in self.plan.steps.iter().enumerate() {
            tally.steps += 1;
            let done = match step {
                Step::Check => self.check(tally).await,
                step => {
                    self.step(step, tally).await;
                    Ok(())
                }
            };
            done.map_err(|failure| Failure {
                step: at,
                ..failure
            })?;
            let is_late = self.manner.deadline.is_some_and(|at| Instant::now() > at);
            if *step == Step::Check && is_late {
                break;
            }
        }
        let last = self.plan.steps.len().saturating_sub(1);
        let done = self.check(tally).await;
        for client in &self.clients {
            let [patches, resets, fell_behind, resumed] = client.counts();
            tally.patches += patches;
            tally.resets += resets;
            tally.fell_behind += fell_behind;
            tally.resumed += resumed;
        }
        done.map_err(|failure| Failure {
            step: last,
            ..failure
        })
    }

    async fn step(&mut self, step: &Step, tally: &mut Tally) {
        match step {
            Step::Write(by, statement) => {
                tally.definitions += u64::from(matches!(statement, Statement::Define { .. }));
                if let Some(sql) = statement.sql(&self.plan.tables)
                    && self.database_runs
                {
                    let is_control = matches!(statement, Statement::Control(_));
                    self.writers[*by]
                        .write(&self.ground.database, &sql, is_control)
                        .await;
                }
            }
            Step::Follow(nth) => {
                let subscription = &self.plan.subscriptions[*nth];
                let table = &self.plan.tables[subscription.query.table];
                self.clients[subscription.client].follow(Wanted {
                    nth: *nth,
                    table: subscription.query.relation(table),
                    query: subscription.query.text(&self.plan.tables),
                });
                if self.followed.insert(*nth) {
                    tally.queries += 1;
                }
            }
            Step::Leave(nth) => {
                if self.followed.remove(nth) {
                    self.clients[self.plan.subscriptions[*nth].client].leave(*nth);
                }
            }
            Step::Disconnect(client) => self.clients[*client].disconnect(),
            Step::Pause(client) => self.clients[*client].pause(true),
            Step::Resume(client) => self.clients[*client].pause(false),
            Step::LoseConnections if self.database_runs => {
                tally.lost_connections += 1;
                self.ground
                    .database
                    .execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE application_name = 'rowcast' AND datname = current_database()",
                    )
                    .await;
            }
            Step::KillServer if self.server_runs => {
                tally.server_restarts += 1;
                self.server_runs = false;
                self.ground.server.kill().await;
            }
            Step::StopServer if self.server_runs && self.database_runs => {
                tally.server_restarts += 1;
                self.server_runs = false;
                self.ground.server.end().await;
            }
            Step::StartServer => self.start_server().await,
            Step::CrashDatabase | Step::StopDatabase if self.database_runs => {
                tally.database_restarts += 1;
                self.database_runs = false;
                self.writers = Default::default();
                self.checker = None;
                if *step == Step::CrashDatabase {
                    block_in_place(|| self.cluster.kill());
                    self.witnesses.clear();
                    self.clients.iter().for_each(Client::forget_history);
                } else {
                    block_in_place(|| self.cluster.stop());
                }
            }
            Step::StartDatabase => self.start_database(),
            Step::Witness(sample) if self.database_runs => self.witness(sample).await,
            Step::LoseConnections
            | Step::KillServer
            | Step::StopServer
            | Step::CrashDatabase
            | Step::StopDatabase
            | Step::Witness(_)
            | Step::Check => {}
        }
    }

    async fn start_server(&mut self) {
        if !self.server_runs {
            // It would not start without.
            self.start_database();
            self.ground.server.restart().await;
            self.server_runs = true;
        }
    }

    fn start_database(&mut self) {
        if !self.database_runs {
            block_in_place(|| self.cluster.resume());
            self.database_runs = true;
        }
    }

    async fn witness(&mut self, sample: &[usize]) {
        let sample: Vec<usize> = sample
            .iter()
            .copied()
            .filter(|nth| self.followed.contains(nth))
            // A version says nothing of the moment.
            .filter(|nth| !self.plan.subscriptions[*nth].query.moves())
            .collect();
        let database = &self.ground.database;
        let checker = match &mut self.checker {
            Some(checker) => checker,
            none => none.insert(database.connect().await),
        };
        // While a transaction holds a lock on the definition there is no witness.
        if let Ok((snapshot, expected)) = expected::at(checker, self.plan, &sample).await {
            for (nth, expected) in sample.into_iter().zip(expected) {
                let witnesses = self.witnesses.entry(nth).or_default();
                witnesses.push((snapshot.clone(), expected));
            }
        }
    }

    /// Waits until every list is what its SQL says.
    async fn check(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        self.start_database();
        self.start_server().await;
        for client in &self.clients {
            client.pause(false);
        }
        for writer in &mut self.writers {
            writer.write(&self.ground.database, "COMMIT", true).await;
        }
        let followed: Vec<usize> = self.followed.iter().copied().collect();
        let database = &self.ground.database;
        let checker = match &mut self.checker {
            Some(checker) => checker,
            none => none.insert(database.connect().await),
        };
        let expected = expected::now(checker, self.plan, &followed)
            .await
            .map_err(|what| Failure::of(None, what))?;
        let begun = Instant::now();
        for (&nth, expected) in followed.iter().zip(expected) {
            let subscription = &self.plan.subscriptions[nth];
            let client = &self.clients[subscription.client];
            let mut expected = expected;
            loop {
                if let Some((nth, fault)) = client.failure() {
                    return Err(Failure::of(Some(nth), fault));
                }
                let changed = client.changed();
                // Such a list is never still: it has to be what the SQL says at some time.
                if subscription.query.moves() {
                    let now = expected::now(checker, self.plan, &[nth]).await;
                    let now = now.map_err(|what| Failure::of(Some(nth), what))?;
                    expected = now.into_iter().next().unwrap_or_default();
                }
                let Some(difference) = client.difference(nth, &expected) else {
                    break;
                };
                let Manner {
                    patience, quiet, ..
                } = self.manner;
                let waited = begun.elapsed();
                if waited > patience || waited > quiet && client.is_quiet_for(quiet) {
                    return Err(Failure::of(Some(nth), difference));
                }
                changed.await;
            }
            tally.lists += 1;
        }
        let database = &self.ground.database;
        let told = match self.plan.source {
            Source::Triggers => None,
            Source::Replication => Some(told(&mut database.connect().await).await),
        };
        self.compare_witnesses(told.as_deref(), tally)?;
        self.look_for_contradictions().await
    }

    /// What clients held at a version of which it was noted what SQL says. With the transactions that
    /// changed something, two versions are one if both show the same of these.
    fn compare_witnesses(
        &mut self,
        told: Option<&[u64]>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        for (nth, witnesses) in std::mem::take(&mut self.witnesses) {
            let client = &self.clients[self.plan.subscriptions[nth].client];
            for (cursor, list) in client.history(nth) {
                let held = cursor.snapshot;
                for (snapshot, expected) in &witnesses {
                    let is_same = match told {
                        None => held.covers(snapshot) && snapshot.covers(&held),
                        Some(told) => told
                            .iter()
                            .all(|xid| held.sees(*xid) == snapshot.sees(*xid)),
                    };
                    if !is_same {
                        continue;
                    }
                    tally.witnessed += 1;
                    if let Some(difference) = expected.difference(&list) {
                        let what = format!("at a version in between: {difference}");
                        return Err(Failure::of(Some(nth), what));
                    }
                }
            }
        }
        Ok(())
    }

    /// The server counts changes that contradict the rows that it holds.
    async fn look_for_contradictions(&self) -> Result<(), Failure> {
        let metrics = get(&self.ground.server.address, "/metrics")
            .await
            .map_err(|error| Failure::of(None, format!("no metrics: {error}")))?;
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("rowcast_contradictions_total "));
        match count {
            Some("0") => Ok(()),
            count => Err(Failure::of(
                None,
                format!("changes contradicted the rows held: {count:?}"),
            )),
        }
    }
}

impl Failure {
    fn of(subscription: Option<usize>, what: String) -> Self {
        Self {
            step: 0,
            subscription,
            what,
        }
    }
}

impl Writer {
    /// Runs a statement. What PostgreSQL refuses (a key that exists, a row that is locked)
    /// takes its transaction back, to the savepoint if there is one.
    async fn write(&mut self, database: &Database, sql: &str, is_control: bool) {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connection = none.insert(database.connect().await);
                let _ = execute(connection, "SET lock_timeout = '100ms'").await;
                connection
            }
        };
        if is_control {
            self.has_savepoint = sql.starts_with("SAVEPOINT");
        }
        match execute(connection, sql).await {
            Err(sqlx::Error::Database(_)) if self.has_savepoint => {
                let _ = execute(connection, "ROLLBACK TO s").await;
            }
            Ok(()) | Err(sqlx::Error::Database(_)) => {}
            Err(_) => self.connection = None,
        }
    }
}

/// The transactions that changed something, once all are copied. Copying takes numbers, too, but
/// changes nothing.
async fn told(connection: &mut PgConnection) -> Vec<u64> {
    let mut snapshot = async |sql: &'static str| -> Option<PgSnapshot> {
        let text: Option<String> = sqlx::query_scalar(sql)
            .fetch_one(&mut *connection)
            .await
            .expect("it can be asked how far it is");
        text.map(|text| text.parse().expect("a snapshot"))
    };
    let seen = snapshot("SELECT rowcast.mark()").await.unwrap_or_default();
    let reached = "SELECT version::text FROM rowcast.copied";
    while !snapshot(reached)
        .await
        .is_some_and(|version| version.covers(&seen))
    {
        tokio::task::yield_now().await;
    }
    let xids: Vec<String> = sqlx::query_scalar("SELECT DISTINCT xid::text FROM rowcast.change_log")
        .fetch_all(connection)
        .await
        .expect("the log can be read");
    let number = |xid: &String| xid.parse().expect("a number");
    xids.iter().map(number).collect()
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(drop)
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
