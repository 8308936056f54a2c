//! The real server, as a process that can be killed.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test without its server has failed"
)]

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::ports;

/// What is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_rowcast");

pub struct Server {
    /// `127.0.0.1:PORT`, the same after a restart.
    pub address: String,
    program: PathBuf,
    url: String,
    settings: Vec<(&'static str, &'static str)>,
    process: Child,
}

impl Server {
    pub async fn start(url: &str) -> Self {
        Self::with(url, &[]).await
    }

    /// With settings, as environment variables.
    pub async fn with(url: &str, settings: &[(&'static str, &'static str)]) -> Self {
        let address = format!("127.0.0.1:{}", ports::free());
        Self::at(address, url, settings).await
    }

    /// At an address at which nobody else listens.
    pub async fn at(address: String, url: &str, settings: &[(&'static str, &'static str)]) -> Self {
        Self::of(Path::new(PROGRAM), address, url, settings).await
    }

    /// The same, of another release.
    pub async fn of(
        program: &Path,
        address: String,
        url: &str,
        settings: &[(&'static str, &'static str)],
    ) -> Self {
        let process = spawn(program, url, &address, settings).await;
        Self {
            address,
            program: program.to_owned(),
            url: url.to_owned(),
            settings: settings.to_vec(),
            process,
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    pub async fn restart(&mut self) {
        self.process = spawn(&self.program, &self.url, &self.address, &self.settings).await;
    }

    /// The same, as another release.
    pub async fn restart_as(&mut self, program: &Path) {
        self.program = program.to_owned();
        self.restart().await;
    }

    /// Whether it is there no more.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Ends it as an operator does.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// The same, to be restarted.
    pub async fn end(&mut self) {
        self.signal(Signal::TERM);
        let status = tokio::time::timeout(Duration::from_secs(10), self.ended())
            .await
            .expect("the server ends within ten seconds");
        assert!(status.success(), "{status}");
    }

    /// Waits until it is there no more.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.unwrap()
    }
}

async fn spawn(program: &Path, url: &str, address: &str, settings: &[(&str, &str)]) -> Child {
    let mut process = Command::new(program)
        .arg("serve")
        .env("DATABASE_URL", url)
        .env("ROWCAST_ADDR", address)
        .env("ROWCAST_AUTH", "off")
        .env("RUST_LOG", "error")
        .envs(settings.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap();
    assert!(
        line.as_deref().is_some_and(|line| line.contains(address)),
        "the server says where it is: {line:?}"
    );
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    process
}
