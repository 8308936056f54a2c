//! A PgBouncer that pools transactions, before a throw-away PostgreSQL. It lives no longer than the
//! test's process.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test without its pooler has failed"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    cluster::{Cluster, Database},
    ports,
};

/// How long it may take to begin, however busy the machine is.
const SOON: Duration = Duration::from_secs(60);

/// What it says of a port that is somebody else's.
const TAKEN: &str = "Address already in use";

pub struct PgBouncer {
    pub port: u16,
    directory: PathBuf,
    /// Ends with its input.
    _guard: Child,
}

impl PgBouncer {
    /// Before the cluster of that database, with so many sessions for all who come. It runs as
    /// `cluster` does.
    pub async fn start(cluster: &Cluster, database: &Database, sessions: u32) -> Self {
        Self::with(cluster, database, sessions, "auth_type = trust\n", &[]).await
    }

    /// With settings and files of its own; `DIRECTORY` in the settings is where they are.
    pub async fn with(
        cluster: &Cluster,
        database: &Database,
        sessions: u32,
        settings: &str,
        files: &[(&str, &str)],
    ) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("rowcast-pgbouncer-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        // It is entered by whom the cluster runs as, whatever this process's umask is.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let at = directory.display().to_string();
        let configured = |port: u16| {
            format!(
                "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_file = {at}/users\n\
                 pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 1000\n{}",
                database.options.get_port(),
                settings.replace("DIRECTORY", &at),
            )
        };
        let user = database.options.get_username();
        let users = format!("\"{user}\" \"secret\"\n");
        for (name, text) in [("users", &*users)].iter().chain(files) {
            write(&directory.join(name), text);
        }
        let mut tried = 0;
        loop {
            let port = ports::free();
            write(&directory.join("pgbouncer.ini"), &configured(port));
            tried += 1;
            match spawn(cluster, &directory).await {
                Ok(guard) => {
                    return Self {
                        _guard: guard,
                        port,
                        directory,
                    };
                }
                // Another process may have taken the port meanwhile.
                Err(said) if tried == 1 && said.contains(TAKEN) => {}
                Err(said) => panic!("PgBouncer has ended: {said}"),
            }
        }
    }

    /// A database of the cluster, through it.
    pub fn url(&self, database: &Database) -> String {
        let user = database.options.get_username().replace('/', "%2F");
        format!(
            "postgres://{user}@127.0.0.1:{}/{}",
            self.port, database.name
        )
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A file that whom the cluster runs as may read.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

/// # Errors
/// What it said, where it ends instead of listening.
async fn spawn(cluster: &Cluster, directory: &Path) -> Result<Child, String> {
    let script = r#"
        "$1" "$2" <&- &
        server=$!
        # What it says ends when it does.
        exec 2>&-
        read -r _
        kill -KILL "$server"
        wait "$server"
        exit 0
    "#;
    // It does not run as root, as PostgreSQL does not.
    let command = cluster.program("/bin/sh", &cluster.named("postgres"));
    let mut guard = Command::from(command)
        .args(["-c", script, "guard"])
        .arg(program())
        .arg(directory.join("pgbouncer.ini"))
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(guard.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("process up") {
        let line = timeout(SOON, lines.next_line()).await.expect("a line");
        let Some(line) = line.unwrap() else {
            return Err(said);
        };
        said += &line;
        said += "\n";
    }
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(guard)
}

/// Not everybody's `PATH` has the directory that Debian puts it in.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = directories.map(|directory| directory.join("pgbouncer"));
    let found = programs.find(|program| program.is_file());
    found.expect("pgbouncer, which scripts/setup.sh installs")
}
