//! A server of its own over a database of its own, and what the two cost.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sqlx::PgConnection;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::cluster::{Cluster, Database};

/// Where the server's program is.
#[derive(clap::Args)]
pub struct Program {
    /// The server's program; default: `rowcast` beside this one
    #[arg(long, env = "ROWCAST_BENCH_SERVER")]
    server: Option<PathBuf>,
}

impl Program {
    /// Its path.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.server {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("rowcast")),
        }
    }
}

/// A cluster, a database in it and a server that serves it.
pub struct Served {
    /// The database.
    pub database: Database,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// What clients show, where one has to sign in.
    pub token: Option<String>,
    server: Child,
    cluster: Cluster,
}

/// Processor time used so far.
#[derive(Clone, Copy)]
pub struct Cpu {
    /// By the server.
    pub server: Duration,
    /// By PostgreSQL, all of its processes.
    pub database: Duration,
}

impl Served {
    /// Starts a durable cluster, makes the tables of `schema` in it, and serves them.
    pub async fn start(program: &Program, schema: &str) -> anyhow::Result<Self> {
        let path = program.path()?;
        let (cluster, database) = prepare(&path, schema).await?;
        let (server, address) = spawn_with(&path, &database.url, &[]).await?;
        Ok(Self {
            database,
            address,
            token: None,
            server,
            cluster,
        })
    }

    /// Starts the server anew, with these settings.
    pub async fn restart(
        self,
        program: &Program,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        end(self.server).await?;
        let (server, address) = spawn_with(&program.path()?, &self.database.url, settings).await?;
        Ok(Self {
            server,
            address,
            ..self
        })
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Cpu {
        Cpu {
            server: self.pid().and_then(cpu_time).unwrap_or_default(),
            database: database_cpu(&self.cluster),
        }
    }

    /// The server's resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = self
            .pid()
            .and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
            .unwrap_or_default();
        field(&status, "VmRSS:").unwrap_or_default()
    }

    /// The most that it was since this was asked last, in bytes.
    pub fn peak(&self) -> anyhow::Result<u64> {
        let pid = self.pid().context("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        // It counts anew from now on.
        fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        field(&status, "VmHWM:").context("no peak of the server's memory is told")
    }

    /// The server's process.
    pub fn pid(&self) -> Option<u32> {
        self.server.id()
    }

    /// PostgreSQL's own words for what it is.
    pub async fn version(&self, connection: &mut PgConnection) -> anyhow::Result<String> {
        Ok(sqlx::query_scalar("SELECT version()")
            .fetch_one(connection)
            .await?)
    }
}

impl Cpu {
    /// What was used since then.
    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server.saturating_sub(before.server),
            database: self.database.saturating_sub(before.database),
        }
    }
}

/// Allows this process, and those it starts, as many open files as the system lets it.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What `/proc` says of a process's memory, in bytes.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Starts a durable cluster, and makes the tables of `schema` in a database of it.
pub async fn prepare(program: &Path, schema: &str) -> anyhow::Result<(Cluster, Database)> {
    let cluster = Cluster::start(&[
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("max_wal_size", "32GB"),
        ("checkpoint_timeout", "1d"),
    ]);
    let database = cluster.database().await;
    // A first start makes what `watch` needs; the tables are live before the next.
    let (server, _) = spawn_with(program, &database.url, &[]).await?;
    end(server).await?;
    database.execute(schema).await;
    Ok((cluster, database))
}

/// A server with these settings, and where it listens.
pub async fn spawn_with(
    program: &Path,
    url: &str,
    settings: &[(&str, &str)],
) -> anyhow::Result<(Child, String)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    drop(listener);
    let mut server = Command::new(program)
        .arg("serve")
        .env("DATABASE_URL", url)
        .env("ROWCAST_ADDR", &address)
        .env("ROWCAST_AUTH", "off")
        .env("ROWCAST_MAX_CLIENTS", "100000")
        .env("RUST_LOG", "error")
        .envs(settings.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} can't be run", program.display()))?;
    let stdout = server.stdout.take().context("a server without output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next_line().await?;
    ensure!(
        line.as_deref().is_some_and(|line| line.contains(&address)),
        "the server does not say where it is: {line:?}"
    );
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((server, address))
}

/// Has a server end in good order.
pub async fn end(mut server: Child) -> anyhow::Result<()> {
    if let Some(pid) = server.id().and_then(|pid| i32::try_from(pid).ok())
        && let Some(pid) = rustix::process::Pid::from_raw(pid)
    {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    server.wait().await?;
    Ok(())
}

/// Processor time of all of a cluster's processes.
pub fn database_cpu(cluster: &Cluster) -> Duration {
    let postmaster = fs::read_to_string(cluster.directory().join("data/postmaster.pid"))
        .ok()
        .and_then(|text| text.lines().next()?.parse().ok());
    postmaster.map(family_cpu).unwrap_or_default()
}

/// The time of a process and of its children, those that have ended too.
fn family_cpu(parent: u32) -> Duration {
    let children = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(stat_fields)
        .filter(|fields| fields.get(1).is_some_and(|pid| *pid == parent.to_string()));
    let ended = stat_fields(parent).map_or(0, |fields| ticks(&fields, 11..15));
    let running: u64 = children.map(|fields| ticks(&fields, 11..13)).sum();
    Duration::from_millis((ended + running) * 10)
}

/// User and system time of a process, from `/proc`, whose unit is 1/100 s on Linux.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    Some(Duration::from_millis(
        ticks(&stat_fields(pid)?, 11..13) * 10,
    ))
}

/// What `/proc` says of a process after its name.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], range: std::ops::Range<usize>) -> u64 {
    fields
        .get(range)
        .into_iter()
        .flatten()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}
