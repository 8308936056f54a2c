//! Debian's nginx with a configuration that `deploy/` has for it. It lives no longer than the
//! test's process.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test without its nginx has failed"
)]

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long it may take to begin, however busy the machine is.
const SOON: Duration = Duration::from_secs(60);

type Complaints = Arc<Mutex<VecDeque<String>>>;

/// So many of its last complaints are kept.
const COMPLAINTS: usize = 40;

pub struct Nginx {
    directory: PathBuf,
    complaints: Complaints,
    /// Ends with its input.
    guard: Child,
}

impl Nginx {
    /// With what is inside `http`.
    pub async fn start(serving: &str) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("rowcast-nginx-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("serving.conf"), serving).unwrap();
        let whole = around(&directory.display().to_string());
        fs::write(directory.join("nginx.conf"), whole).unwrap();
        let complaints = Complaints::default();
        Self {
            guard: spawn(&directory, &complaints).await,
            directory,
            complaints,
        }
    }

    /// What it has said of what went wrong, of late.
    pub fn complaints(&self) -> String {
        let complaints = self.complaints.lock().unwrap();
        let lines: Vec<&str> = complaints.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    /// Ends it, and with it all connections that go through it.
    pub async fn stop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().await.unwrap();
    }

    pub async fn start_again(&mut self) {
        self.guard = spawn(&self.directory, &self.complaints).await;
    }

    /// Has it read its configuration anew, as `nginx -s reload` does.
    pub fn reload(&self) {
        let pid = fs::read_to_string(self.directory.join("pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A configuration in which the example is all that serves.
fn around(directory: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {directory}/{name};\n"))
        .concat();
    format!(
        "daemon off;\npid {directory}/pid;\nerror_log stderr notice;\n\
         events {{ worker_connections 2048; }}\nhttp {{\n    access_log off;\n{temporary}    \
         include {directory}/serving.conf;\n}}\n"
    )
}

async fn spawn(directory: &std::path::Path, complaints: &Complaints) -> Child {
    let script = r#"
        "$1" -c "$2" <&- &
        server=$!
        read -r _
        kill -TERM "$server"
        wait "$server"
        exit 0
    "#;
    let mut guard = Command::new("/bin/sh")
        .args(["-c", script, "guard"])
        .arg(program())
        .arg(directory.join("nginx.conf"))
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(guard.stderr.take().unwrap()).lines();
    let mut said = String::new();
    // It tells its version once it listens.
    while !(said.contains("[notice]") && said.contains(": nginx/")) {
        let line = timeout(SOON, lines.next_line()).await.expect("a line");
        let line = line.unwrap();
        let line = line.unwrap_or_else(|| panic!("nginx has ended: {said}"));
        said += &(line + "\n");
    }
    let complaints = Arc::clone(complaints);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if ["[warn]", "[error]", "[crit]"]
                .iter()
                .any(|level| line.contains(level))
            {
                let mut complaints = complaints.lock().unwrap();
                complaints.push_back(line);
                if complaints.len() > COMPLAINTS {
                    complaints.pop_front();
                }
            }
        }
    });
    guard
}

/// Not everybody's `PATH` has the directory that Debian puts it in.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = directories.map(|directory| directory.join("nginx"));
    let found = programs.find(|program| program.is_file());
    found.expect("nginx, which scripts/setup.sh installs")
}
