//! A throw-away Redis. It lives no longer than the test's process.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test without its bus has failed"
)]

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use redis::{
    Cmd, FromRedisValue,
    aio::MultiplexedConnection,
    cmd,
    streams::{StreamId, StreamRangeReply},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::ports;

pub struct RedisServer {
    pub port: u16,
    directory: PathBuf,
    arguments: Vec<String>,
    /// Ends with its input.
    guard: Child,
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With arguments of its own, as on its command line.
    pub async fn with(arguments: &[&str]) -> Self {
        Self::at(ports::free(), arguments).await
    }

    /// The same, at a port at which nobody else listens.
    pub async fn at(port: u16, arguments: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("rowcast-redis-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut all = vec!["--dir".to_owned(), directory.to_str().unwrap().to_owned()];
        let own = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
        all.extend(own.map(str::to_owned));
        if !arguments.contains(&"--tls-port") {
            all.extend(["--port".to_owned(), port.to_string()]);
        }
        let port_text = port.to_string();
        let arguments = arguments.iter().map(|argument| match *argument {
            "PORT" => port_text.clone(),
            argument => argument.to_owned(),
        });
        all.extend(arguments);
        Self {
            guard: spawn(&all).await,
            port,
            directory,
            arguments: all,
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it, with all that it holds.
    pub async fn stop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().await.unwrap();
    }

    /// Starts it again, with nothing in it.
    pub async fn start_again(&mut self) {
        self.guard = spawn(&self.arguments).await;
    }

    /// Its process.
    pub async fn pid(&self) -> rustix::process::Pid {
        let told: String = self.ask("INFO server").await;
        let lines = told.lines();
        let mut pids = lines.filter_map(|line| line.strip_prefix("process_id:"));
        rustix::process::Pid::from_raw(pids.next().unwrap().trim().parse().unwrap()).unwrap()
    }

    pub async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Asks it something, by words.
    pub async fn ask<T: FromRedisValue>(&self, words: &str) -> T {
        self.ask_with(&words.split(' ').collect::<Vec<_>>()).await
    }

    pub async fn ask_with<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command: Cmd = cmd(words[0]);
        command.arg(&words[1..]);
        command
            .query_async(&mut self.connect().await)
            .await
            .unwrap()
    }

    /// What stands in the stream: the name and the size of each piece.
    pub async fn entries(&self) -> Vec<(String, usize)> {
        let stream = self.stream().await;
        let all: StreamRangeReply = self.ask(&format!("XRANGE {stream} - +")).await;
        let size = |entry: StreamId| {
            let bytes: Vec<u8> = entry.get("bytes").unwrap();
            (entry.id, bytes.len())
        };
        all.ids.into_iter().map(size).collect()
    }

    /// What was last written to the stream, in one piece.
    pub async fn newest_bytes(&self) -> Vec<u8> {
        let stream = self.stream().await;
        let newest = format!("XREVRANGE {stream} + - COUNT 1");
        let newest: StreamRangeReply = self.ask(&newest).await;
        newest.ids[0].get("bytes").unwrap()
    }

    /// What was asked of whoever reads the log, oldest first.
    pub async fn asks(&self) -> Vec<(String, String)> {
        let keys: Vec<String> = self.ask("KEYS rowcast:*:asks").await;
        let mut asks = Vec::new();
        for key in keys {
            let all: StreamRangeReply = self.ask(&format!("XRANGE {key} - +")).await;
            let asked = |ask: StreamId| {
                let what = ask.get("ask").unwrap();
                (ask.id, what)
            };
            asks.extend(all.ids.into_iter().map(asked));
        }
        asks
    }

    /// The stream that servers write to.
    pub async fn stream(&self) -> String {
        let keys: Vec<String> = self.ask("KEYS rowcast:*:log").await;
        assert_eq!(keys.len(), 1, "{keys:?}");
        keys.into_iter().next().unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

async fn spawn(arguments: &[String]) -> Child {
    let script = r#"
        redis-server "$@" <&- &
        server=$!
        read -r _
        kill -KILL "$server"
        wait "$server" 2>&-
        exit 0
    "#;
    let mut guard = Command::new("/bin/sh")
        .args(["-c", script, "guard"])
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(guard.stdout.take().unwrap()).lines();
    let mut said = String::new();
    loop {
        match lines.next_line().await.unwrap() {
            Some(line) if line.contains("Ready to accept connections") => break,
            Some(line) => said += &(line + "\n"),
            None => panic!(
                "a Redis is needed, the program redis-server, which `make setup` installs: {said}"
            ),
        }
    }
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    guard
}
