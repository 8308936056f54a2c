//! A throw-away PostgreSQL cluster for tests and benchmarks.
//!
//! ```ignore
//! #[path = "support/cluster.rs"]
//! mod cluster;
//!
//! #[tokio::test]
//! async fn a_row_can_be_read() {
//!     let database = cluster::Cluster::shared().database().await;
//!     database.execute("CREATE TABLE t (id int PRIMARY KEY)").await;
//!     let mut connection = database.connect().await; // or database.options, database.url
//! }
//! ```
//!
//! [`Cluster::shared`] is one cluster per test binary, with a database of its own for each
//! test. A test that stops or kills its server takes one of its own with
//! [`Cluster::start`]. Either way the cluster lives no longer than the process that started
//! it, however that ends: a guard process holds the read end of a pipe, and when the pipe
//! closes it stops the server and deletes its files.
//!
//! The programs are those in `ROWCAST_PG_BIN`, else the newest in `/usr/lib/postgresql`,
//! else those in `PATH`; a client program that is not beside the server's is the newest that is
//! installed. As root, which PostgreSQL refuses, they run as `postgres` or `nobody`. `fsync` is off unless it is asked for: what is committed outlives the server,
//! killed or not, but not the machine.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

/// A running cluster; stopped and deleted when dropped.
pub struct Cluster {
    /// Where `postgres`, `initdb` and `pg_ctl` are.
    pub bin: PathBuf,
    /// The loopback port that it listens on.
    pub port: u16,
    directory: PathBuf,
    owner: Option<(u32, u32)>,
    guard: Child,
    databases: AtomicU32,
}

/// A database of one test.
#[derive(Clone)]
pub struct Database {
    pub options: PgConnectOptions,
    /// `postgres://postgres@127.0.0.1:PORT/NAME`
    pub url: String,
    pub name: String,
}

impl Cluster {
    /// The cluster that all tests of this binary share; never stop or kill it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// PostgreSQL's major version.
    pub fn major(&self) -> u32 {
        let output = Command::new(self.bin.join("postgres"))
            .arg("--version")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let version = text.split(' ').nth(2).unwrap();
        version.split(['.', '\n']).next().unwrap().parse().unwrap()
    }

    /// Whether the server has what came with that version; where it has not, what is left out for
    /// it is said.
    pub fn has(&self, major: u32, what: &str) -> bool {
        let has = self.major() >= major;
        if !has {
            println!("left out: {what}, which PostgreSQL has from {major} on");
        }
        has
    }

    /// A cluster of the caller's own, `settings` overriding those for tests.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::at(None, settings)
    }

    /// The same, at a port at which nobody else listens.
    pub fn at(port: Option<u16>, settings: &[(&str, &str)]) -> Self {
        let mut cluster = Self::nothing();
        let data = cluster.data();
        cluster.run("initdb", |initdb| {
            initdb
                .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"])
                .args(["--locale", "C", "-D"])
                .arg(&data)
        });
        let mut conf = String::from(
            "fsync = off\nfull_page_writes = off\n\
             wal_level = logical\nmax_connections = 200\n\
             shared_buffers = 128MB\nmax_wal_size = 4GB\nlisten_addresses = '127.0.0.1'\n\
             log_min_messages = warning\nautovacuum_naptime = 10s\n",
        );
        for (name, value) in settings {
            conf += &format!("{name} = '{}'\n", value.replace('\'', "''"));
        }
        let path = data.join("postgresql.conf");
        let whole = fs::read_to_string(&path).unwrap() + &conf;
        fs::write(&path, whole).unwrap();
        // A free port may be taken by the time that the server binds it, so it is tried again.
        let started = (0..5).any(|_| {
            let free = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).unwrap();
            cluster.port = free.local_addr().unwrap().port();
            drop(free);
            cluster.try_resume()
        });
        assert!(started, "PostgreSQL does not start: {}", cluster.log());
        cluster
    }

    /// A copy that follows this one, at a port at which nobody else listens.
    pub fn standby(&self, port: u16) -> Self {
        let mut copy = Self::nothing();
        // Whoever calls may be within a runtime, which must not be waited in.
        std::thread::scope(|threads| {
            let copied = threads.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(self.back_up(&copy));
            });
            copied.join().unwrap();
        });
        let conninfo = format!("host=127.0.0.1 port={} user=postgres", self.port);
        copy.write(
            "data/postgresql.auto.conf",
            &format!("primary_conninfo = '{conninfo}'\n"),
        );
        copy.write("data/standby.signal", "");
        copy.port = port;
        copy.resume();
        copy
    }

    /// Copies the files of this server, which runs, as PostgreSQL has it be done: packages of its
    /// server alone have no `pg_basebackup`.
    async fn back_up(&self, copy: &Self) {
        let (begin, end) = match self.major() {
            14 => (
                "pg_start_backup('copy', true, false)",
                "pg_stop_backup(false, false)",
            ),
            _ => ("pg_backup_start('copy', true)", "pg_backup_stop(false)"),
        };
        let mut connection = self.admin().await;
        sqlx::raw_sql(AssertSqlSafe(format!("SELECT {begin}")))
            .execute(&mut connection)
            .await
            .unwrap();
        self.copy_files("data", copy);
        let label = format!("SELECT labelfile FROM {end}");
        let label: String = sqlx::query_scalar(AssertSqlSafe(label))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        copy.write("data/backup_label", &label);
        // All of the log that the copy needs to be of one moment is there now.
        fs::remove_dir_all(copy.data().join("pg_wal")).unwrap();
        self.copy_files("data/pg_wal", copy);
        for slot in fs::read_dir(copy.data().join("pg_replslot")).unwrap() {
            fs::remove_dir_all(slot.unwrap().path()).unwrap();
        }
        for own in ["postmaster.pid", "postmaster.opts"] {
            fs::remove_file(copy.data().join(own)).unwrap();
        }
    }

    /// Copies a directory, whose files may come and go meanwhile.
    fn copy_files(&self, directory: &str, copy: &Self) {
        let mut cp = self.command("/bin/cp");
        cp.env("LC_ALL", "C").arg("-a");
        cp.arg(self.directory.join(directory));
        cp.arg(copy.directory.join(directory));
        let complaints = String::from_utf8(cp.output().unwrap().stderr).unwrap();
        let mut others = complaints
            .lines()
            .filter(|line| !line.ends_with("No such file or directory"));
        assert_eq!(others.next(), None);
    }

    /// Writes a file that the server may alter.
    fn write(&self, file: &str, content: &str) {
        let path = self.directory.join(file);
        fs::write(&path, content).unwrap();
        if let Some((uid, gid)) = self.owner {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// A copy that is alike in all that the server counts, since it is one of its files at rest,
    /// and that follows nobody: it stays at what there was, as one that has fallen behind does.
    pub fn copy_at_rest(&self, port: u16) -> Self {
        let mut copy = Self::nothing();
        let data = copy.data();
        self.stop();
        copy.run("/bin/cp", |cp| cp.arg("-a").arg(self.data()).arg(&data));
        copy.run("/usr/bin/touch", |touch| {
            touch.arg(data.join("standby.signal"))
        });
        self.resume();
        copy.port = port;
        copy.resume();
        copy
    }

    /// Has a copy be written to, at the port of the one that it followed, which was killed.
    pub fn promote(&mut self, port: u16) {
        self.control(&["promote", "-w"]);
        self.stop();
        self.port = port;
        self.resume();
    }

    /// A new, empty database.
    pub async fn database(&self) -> Database {
        let n = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{n}");
        let mut connection = self.admin().await;
        let sql = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        self.named(&name)
    }

    /// A database of that name, whether or not there is one.
    pub fn named(&self, name: &str) -> Database {
        Database {
            options: PgConnectOptions::new_without_pgpass()
                .host("127.0.0.1")
                .port(self.port)
                .username("postgres")
                .database(name)
                .ssl_mode(PgSslMode::Disable)
                .disable_statement_logging(),
            url: format!("postgres://postgres@127.0.0.1:{}/{name}", self.port),
            name: name.to_owned(),
        }
    }

    /// Stops the server as a crash does; [`Cluster::resume`] starts it again.
    pub fn kill(&self) {
        self.control(&["stop", "-m", "immediate", "-w"]);
    }

    /// Stops the server cleanly; [`Cluster::resume`] starts it again.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "fast", "-w"]);
    }

    /// Has a stopped server's next transactions be numbered as after so many wraparounds. Says whether
    /// there is the program for that, which has to be of the server's own version.
    pub fn begin_epoch(&self, epoch: u32) -> bool {
        let is_there = self.bin.join("pg_resetwal").exists();
        if is_there {
            let data = self.data();
            let epoch = epoch.to_string();
            self.run("pg_resetwal", |reset| {
                reset.args(["-e", &epoch, "-D"]).arg(data)
            });
        }
        is_there
    }

    /// Starts the server again, on the same port.
    pub fn resume(&self) {
        assert!(
            self.try_resume(),
            "PostgreSQL does not start: {}",
            self.log()
        );
    }

    /// The process that lets sessions in.
    pub fn process(&self) -> i32 {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// Runs one of PostgreSQL's programs, as the cluster's owner, connected to `database`.
    pub fn program(&self, name: &str, database: &Database) -> Command {
        let mut command = self.command(name);
        command
            .env("PGHOST", &self.directory)
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", &database.name);
        command
    }

    /// Where a program that runs as the cluster's owner may write.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    async fn admin(&self) -> PgConnection {
        self.named("postgres").connect().await
    }

    /// A directory, and what ends a server in it.
    fn nothing() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let bin = programs();
        let owner = unprivileged_owner();
        let directory = std::env::temp_dir().join(format!(
            "rowcast-{}-{}",
            std::process::id(),
            STARTED.fetch_add(1, Ordering::Relaxed)
        ));
        // What is there under this name belonged to a process that has ended.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        if let Some((uid, gid)) = owner {
            chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        Self {
            guard: guard(&directory),
            bin,
            port: 0,
            directory,
            owner,
            databases: AtomicU32::new(0),
        }
    }

    fn try_resume(&self) -> bool {
        let mut command = self.command("pg_ctl");
        command
            .args(["start", "-w", "-t", "30", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(self.directory.join("log"))
            .args([
                "-o",
                &format!("-p {} -k '{}'", self.port, self.directory.display()),
            ])
            // The server inherits what pg_ctl has open: a pipe would never close.
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().unwrap().success()
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.data();
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.args(arguments).arg("-D").arg(&data)
        });
    }

    fn run(&self, program: &str, with: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.command(program);
        let Output { status, stderr, .. } = with(&mut command).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{program}: {stderr}");
    }

    fn command(&self, program: &str) -> Command {
        let beside = self.bin.join(program);
        let program = match beside.exists() {
            true => beside,
            false => client(program),
        };
        as_owner(&program, &self.directory, self.owner)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Database {
    /// A connection with PostgreSQL's own default settings.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.unwrap()
    }

    /// Connections with PostgreSQL's own default settings.
    pub async fn pool(&self, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .connect_with(self.options.clone())
            .await
            .unwrap()
    }

    /// Runs statements on a connection of their own.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
        {
            panic!("{error}: {sql}");
        }
        connection.close().await.unwrap();
    }
}

/// Ends the cluster when this process has ended or dropped it. It runs as this process does,
/// for a test may have left files of its own in the directory.
fn guard(directory: &Path) -> Child {
    let script = r#"
        read -r _
        server=$(head -n 1 "$1/data/postmaster.pid")
        # To a server this says: stop at once.
        [ -n "$server" ] && kill -QUIT "$server"
        while [ -n "$server" ] && kill -0 "$server"; do sleep 0.05; done
        rm -rf "$1"
    "#;
    Command::new("/bin/sh")
        .args(["-c", script, "guard"])
        .arg(directory)
        .current_dir("/")
        // A group of its own: an interrupt from the terminal must not end it first.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn as_owner(program: &Path, directory: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .env("HOME", directory)
        .stdin(Stdio::null());
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// Whom the cluster runs as where this process runs as root.
fn unprivileged_owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then_some(())?;
            let mut id = || fields.next()?.parse::<u32>().ok();
            id();
            Some((id()?, id()?))
        })
    };
    Some(
        ids("postgres")
            .or_else(|| ids("nobody"))
            .unwrap_or((65534, 65534)),
    )
}

/// The directory of PostgreSQL's programs.
fn programs() -> PathBuf {
    if let Some(bin) = std::env::var_os("ROWCAST_PG_BIN") {
        return bin.into();
    }
    let newest = installed().find(|bin| bin.join("initdb").exists());
    let in_path = || {
        std::env::split_paths(&std::env::var_os("PATH")?).find(|bin| bin.join("initdb").exists())
    };
    newest
        .or_else(in_path)
        .expect("PostgreSQL's programs: not in ROWCAST_PG_BIN, /usr/lib/postgresql or PATH")
}

/// The newest of a client's program that is installed: it speaks with older servers, and with
/// newer ones about what both know.
fn client(name: &str) -> PathBuf {
    installed()
        .map(|bin| bin.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| name.into())
}

/// The distribution's directories, the newest version first.
fn installed() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, bin)| bin)
}
