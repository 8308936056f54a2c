//! One cluster on disk: made once, started, stopped.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::place::Place;
use super::programs::Programs;
use super::{DATABASE, EmbeddedError, ROLE};

/// The settings of ours, in the cluster's directory; written anew at each start.
const SETTINGS: &str = "rowcast.conf";

/// What PostgreSQL says, in the cluster's directory.
const LOG: &str = "rowcast.log";

/// The log is begun anew by the first start that finds it larger than this.
const LOG_MAX: u64 = 16 * 1024 * 1024;

/// A cluster and the programs that fit it.
#[derive(Clone, Debug)]
pub struct Cluster {
    place: Place,
    programs: Programs,
}

/// Where a running cluster accepts connections.
#[derive(Debug, Eq, PartialEq)]
pub struct Address {
    /// The directory of its socket.
    pub socket: PathBuf,
    /// The number in the socket's name.
    pub port: u16,
}

impl Address {
    /// As a URL that `psql` and other programs of the same user understand.
    pub fn url(&self) -> String {
        let mut host = String::new();
        for byte in self.socket.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                    host.push(char::from(*byte));
                }
                other => host.push_str(&format!("%{other:02X}")),
            }
        }
        format!(
            "postgresql://{ROLE}@localhost:{}/{DATABASE}?host={host}",
            self.port
        )
    }
}

impl Cluster {
    /// The cluster at `place`, made already or not, with programs of its version.
    pub fn find(place: &Place) -> Result<Self, EmbeddedError> {
        let made_by = fs::read_to_string(place.cluster().join("PG_VERSION")).ok();
        let made_by = made_by.as_deref().map(str::trim);
        let programs = match (Programs::find(made_by), made_by) {
            (Some(programs), _) => programs,
            (None, Some(made_by)) if Programs::find(None).is_some() => {
                return Err(EmbeddedError::WrongVersion {
                    directory: place.cluster().to_owned(),
                    made_by: made_by.to_owned(),
                });
            }
            (None, _) => return Err(EmbeddedError::ProgramsMissing),
        };
        Ok(Self {
            place: place.clone(),
            programs,
        })
    }

    /// Makes the cluster, where it isn't yet. An attempt that is interrupted leaves nothing
    /// that a later one would take for a cluster.
    pub fn make(&self) -> Result<(), EmbeddedError> {
        if self.directory().join("PG_VERSION").exists() {
            return Ok(());
        }
        // Order by code point and UTF-8 everywhere, the same on each machine; `C` where the
        // C library does not know that locale.
        if self.initdb("C.UTF-8").is_err() {
            self.initdb("C")?;
        }
        Ok(())
    }

    fn initdb(&self, locale: &str) -> Result<(), EmbeddedError> {
        let staging = self.place.staging()?;
        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(&staging)
            .args(["--username", ROLE, "--encoding=UTF8", "--locale", locale])
            // Nobody else can enter the socket's directory, and there is no other way in.
            .args([
                "--auth-local=trust",
                "--auth-host=reject",
                "--no-instructions",
            ]);
        run(command, "initdb")?;
        let settings = staging.join("postgresql.conf");
        let write = |path: &Path| -> std::io::Result<()> {
            use std::io::Write;
            let mut file = File::options().append(true).open(path)?;
            writeln!(file, "\ninclude_if_exists = '{SETTINGS}'")
        };
        write(&settings).map_err(|error| EmbeddedError::file(&settings, error))?;
        fs::rename(&staging, self.directory())
            .map_err(|error| EmbeddedError::file(self.directory(), error))
    }

    /// Starts the cluster and waits until it accepts connections. Does nothing, or fails
    /// harmlessly, where it runs.
    pub fn start(&self) -> Result<(), EmbeddedError> {
        let running = self.control(&["status"]);
        if run(running, "pg_ctl").is_ok() && self.address().is_some_and(|it| it.listens()) {
            return Ok(());
        }
        self.configure()?;
        let log = self.directory().join(LOG);
        let mut command = self.control(&["start", "--wait", "--timeout=60"]);
        command.arg("--log").arg(LOG);
        run(command, "pg_ctl").map_err(|error| match error {
            EmbeddedError::Program { program, output } => EmbeddedError::Program {
                program,
                output: end_of(&log).unwrap_or(output),
            },
            other => other,
        })
    }

    /// Stops the cluster, if it runs, and waits until it has. Connections are cut.
    pub fn stop(&self) -> Result<(), EmbeddedError> {
        let Some(address) = self.address() else {
            return Ok(());
        };
        let stopped = run(
            self.control(&["stop", "--mode=fast", "--wait", "--timeout=60"]),
            "pg_ctl",
        )
        .or_else(|_| {
            run(
                self.control(&["stop", "--mode=immediate", "--wait", "--timeout=20"]),
                "pg_ctl",
            )
        });
        // It is empty now, and may lie far from the cluster, where nobody would look for it.
        let _ = fs::remove_dir(address.socket);
        stopped
    }

    /// Where it accepts connections, as its process has written down; nothing where no
    /// process has.
    pub fn address(&self) -> Option<Address> {
        let text = fs::read_to_string(self.directory().join("postmaster.pid")).ok()?;
        // The lines: process id, data directory, start, port, socket's directory, …
        let mut lines = text.lines().skip(3);
        let port = lines.next()?.trim().parse().ok()?;
        let socket = lines.next()?.trim();
        (!socket.is_empty()).then(|| Address {
            socket: socket.into(),
            port,
        })
    }

    /// The number of the process that last started on it; it may have ended since.
    pub fn process(&self) -> Option<i32> {
        let text = fs::read_to_string(self.directory().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    fn directory(&self) -> &Path {
        self.place.cluster()
    }

    fn configure(&self) -> Result<(), EmbeddedError> {
        let socket = self.place.socket()?;
        // A string within a list within a string: each has its own quotes.
        let socket = socket.display().to_string().replace('"', "\"\"");
        let socket = socket.replace('\'', "''");
        let settings = format!(
            "# Written by rowcast at each start; settings of your own go to postgresql.conf,\n\
             # below the line that includes this file.\n\
             listen_addresses = ''\n\
             port = 5432\n\
             unix_socket_directories = '\"{socket}\"'\n\
             unix_socket_permissions = 0700\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n"
        );
        let path = self.directory().join(SETTINGS);
        fs::write(&path, settings).map_err(|error| EmbeddedError::file(&path, error))?;
        let log = self.directory().join(LOG);
        if fs::metadata(&log).is_ok_and(|found| found.len() > LOG_MAX) {
            fs::remove_file(&log).map_err(|error| EmbeddedError::file(&log, error))?;
        }
        Ok(())
    }

    /// `pg_ctl` on the cluster. It hands paths to a shell, with quotes that some break out
    /// of: so the cluster's is told by its environment, and the log's is relative to it.
    fn control(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("pg_ctl");
        command
            .args(arguments)
            .arg("--silent")
            .env("PGDATA", self.directory())
            .current_dir(self.directory());
        command
    }

    /// One of PostgreSQL's programs, as the right user and without any setting of this
    /// process' environment that it might take for its own.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.path(program));
        command.env_clear().env("LC_ALL", "C").stdin(Stdio::null());
        for kept in ["PATH", "LD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        // The directory of this process may be one that the other user can't enter.
        command.current_dir("/");
        if let Some(account) = self.place.account() {
            account.apply(&mut command);
        }
        command
    }
}

impl Address {
    fn listens(&self) -> bool {
        let socket = self.socket.join(format!(".s.PGSQL.{}", self.port));
        std::os::unix::net::UnixStream::connect(socket).is_ok()
    }
}

/// Runs `command` to its end. Its output goes through a file, for a server that `pg_ctl`
/// leaves behind would keep a pipe open.
fn run(mut command: Command, program: &'static str) -> Result<(), EmbeddedError> {
    let failed = |error| EmbeddedError::Program {
        program,
        output: format!("{error}"),
    };
    let mut output = anonymous_file().map_err(failed)?;
    let clone = || output.try_clone().map_err(failed);
    let (stdout, stderr) = (clone()?, clone()?);
    let status = command
        .stdout(stdout)
        .stderr(stderr)
        .status()
        .map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Program {
        program,
        output: read_end(&mut output).unwrap_or_else(|| status.to_string()),
    })
}

fn anonymous_file() -> std::io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("rowcast-output", MemfdFlags::CLOEXEC)?.into())
}

fn end_of(path: &Path) -> Option<String> {
    read_end(&mut File::open(path).ok()?)
}

/// The last lines of a file, as one line.
fn read_end(file: &mut File) -> Option<String> {
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(4096)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    (!last.is_empty()).then(|| last.join(" · "))
}
