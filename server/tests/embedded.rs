//! The embedded PostgreSQL, with real processes that are really killed.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't have its database has failed"
)]

use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rowcast::database::embedded::{Embedded, start_kept_by};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{ConnectOptions, Connection, PgConnection};

const ROWCAST: &str = env!("CARGO_BIN_EXE_rowcast");

/// A data directory that is removed with its cluster at the end of a test.
struct DataDirectory(PathBuf);

impl DataDirectory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rowcast-{name}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    fn cluster(&self) -> PathBuf {
        fs::canonicalize(self.0.join("postgres/cluster")).unwrap()
    }

    fn runs(&self) -> bool {
        self.cluster().join("postmaster.pid").exists()
    }

    fn postmaster(&self) -> Pid {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap();
        Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
    }

    /// Returns when the keeper has ended: nobody uses the cluster, and it is stopped.
    fn wait_for_keeper(&self) {
        let lock = File::open(self.0.join("postgres/keeper.lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.0.join("postgres/keeper.lock").exists() {
            self.wait_for_keeper();
        }
        if let Ok(elsewhere) = fs::read_link(self.0.join("postgres/cluster")) {
            let _ = fs::remove_dir_all(elsewhere.with_extension("socket"));
            let _ = fs::remove_dir_all(elsewhere);
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start(data: &DataDirectory) -> Embedded {
    start_kept_by(&data.0, Path::new(ROWCAST)).await.unwrap()
}

async fn connect(embedded: &Embedded) -> PgConnection {
    embedded.options().connect().await.unwrap()
}

/// A server that uses the cluster until it is dropped: then it is killed.
struct User(Child);

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn user(data: &DataDirectory) -> User {
    let mut child = Command::new(ROWCAST)
        .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(&data.0)
        .env_remove("DATABASE_URL")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let user = User(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert!(line.contains("http://"), "the server did not start");
    user
}

#[tokio::test]
async fn what_was_written_is_there_at_the_next_start() {
    let data = DataDirectory::new("kept");
    let embedded = start(&data).await;
    let mut connection = connect(&embedded).await;
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 'żółw' AS word")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    drop(embedded);
    data.wait_for_keeper();
    assert!(!data.runs());

    let embedded = start(&data).await;
    let mut connection = connect(&embedded).await;
    let (word, encoding): (String, String) =
        sqlx::query_as("SELECT word, current_setting('server_encoding') FROM kept")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!((word.as_str(), encoding.as_str()), ("żółw", "UTF8"));
}

#[tokio::test]
async fn it_runs_until_the_last_of_its_processes_is_killed() {
    let data = DataDirectory::new("shared");
    let (first, second) = (user(&data), user(&data));
    let cluster = data.postmaster();
    // The first is the one that started it.
    drop(first);
    let third = user(&data);
    assert_eq!(data.postmaster(), cluster, "it was not started again");
    drop(second);
    drop(third);
    data.wait_for_keeper();
    assert!(!data.runs());
}

#[tokio::test]
async fn a_start_while_it_is_being_stopped_works() {
    let data = DataDirectory::new("race");
    for _ in 0..6 {
        drop(user(&data));
        // Its keeper stops the cluster now, or will in a moment.
        let embedded = start(&data).await;
        connect(&embedded).await.ping().await.unwrap();
    }
}

#[tokio::test]
async fn many_may_start_at_once() {
    let data = DataDirectory::new("crowd");
    let (first, second, third) = tokio::join!(start(&data), start(&data), start(&data));
    for embedded in [&first, &second, &third] {
        connect(embedded).await.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_cluster_comes_back() {
    let data = DataDirectory::new("revived");
    let embedded = start(&data).await;
    let mut connection = connect(&embedded).await;
    let killed = data.postmaster();
    kill_process(killed, Signal::KILL).unwrap();
    while connection.ping().await.is_ok() {}
    let mut connection = loop {
        match embedded.options().connect().await {
            Ok(connection) => break connection,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    connection.ping().await.unwrap();
    assert_ne!(data.postmaster(), killed);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let outer = DataDirectory::new("long");
    let path = outer.0.join("long/".repeat(30));
    DirBuilder::new().recursive(true).create(&path).unwrap();
    let data = DataDirectory(path);
    let embedded = start(&data).await;
    connect(&embedded).await.ping().await.unwrap();
}

#[tokio::test]
async fn a_strange_path_is_no_obstacle() {
    let outer = DataDirectory::new("odd");
    let path = outer.0.join("it's \"1, 2\" %41");
    DirBuilder::new().create(&path).unwrap();
    let data = DataDirectory(path);
    let embedded = start(&data).await;
    connect(&embedded).await.ping().await.unwrap();
    let mut by_url = PgConnection::connect(embedded.url()).await.unwrap();
    by_url.ping().await.unwrap();
}

#[tokio::test]
async fn root_may_keep_its_data_where_only_root_can_look() {
    let outer = DataDirectory::new("private");
    let path = outer.0.join("data");
    DirBuilder::new().create(&path).unwrap();
    fs::set_permissions(&outer.0, fs::Permissions::from_mode(0o700)).unwrap();
    let data = DataDirectory(path);
    let embedded = start(&data).await;
    connect(&embedded).await.ping().await.unwrap();
}
