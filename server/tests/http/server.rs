//! A server in this process, and a client that sees every byte.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[path = "../support/pgbouncer.rs"]
pub mod pgbouncer;

use std::{net::SocketAddr, path::PathBuf};

use rowcast::{
    cli::Settings,
    config::Config,
    listen::BoundSocket,
    serve,
    shutdown::{self, Trigger},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use self::pgbouncer::PgBouncer;
use crate::cluster::{Cluster, Database};

/// With this set in the environment, every server of these tests is behind a pooler of so many
/// sessions.
const POOLED: &str = "ROWCAST_TEST_POOLER";

pub struct Server {
    pub addr: SocketAddr,
    pub database: Database,
    trigger: Trigger,
    task: JoinHandle<()>,
    _pooler: Option<PgBouncer>,
}

/// The settings of a server on which one has to sign in, but for its database.
pub fn settings() -> Settings {
    Settings {
        addr: "127.0.0.1:0".to_owned(),
        auth: "on".to_owned(),
        retention: "24h".to_owned(),
        connections: "8".to_owned(),
        max_clients: "1000".to_owned(),
        read_bytes: "33554432".to_owned(),
        list_bytes: "67108864".to_owned(),
        import_bytes: "1048576".to_owned(),
        site: Some(String::new()),
        ..Settings::default()
    }
}

pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Server {
    /// A server of a new database with these tables.
    pub async fn new(sql: &str) -> Self {
        Self::on(Cluster::shared().database().await, sql, PathBuf::new()).await
    }

    pub async fn on(database: Database, sql: &str, site: PathBuf) -> Self {
        Self::start(database, sql, site, "off").await
    }

    /// A server of a new database with these tables, on which one has to sign in.
    pub async fn guarded(sql: &str) -> Self {
        Self::guarding(Cluster::shared().database().await, sql).await
    }

    /// The same of a database that may have another server.
    pub async fn guarding(database: Database, sql: &str) -> Self {
        Self::start(database, sql, PathBuf::new(), "on").await
    }

    /// With the setting `auth`.
    pub async fn start(database: Database, sql: &str, site: PathBuf, auth: &str) -> Self {
        let site = site.to_string_lossy().into_owned();
        let auth = auth.to_owned();
        let change = |settings: &mut Settings| {
            (settings.site, settings.auth) = (Some(site), auth);
        };
        Self::set(database, sql, change).await
    }

    /// With whatever settings: those of a server on which one has to sign in, changed.
    pub async fn set(database: Database, sql: &str, change: impl FnOnce(&mut Settings)) -> Self {
        serve::prepare(&database.options).await.unwrap();
        database.execute(sql).await;
        let mut settings = Settings {
            database_url: Some(database.url.clone()),
            ..settings()
        };
        // A test asks as fast as it can.
        let off = || Some("off".to_owned());
        let entrance = &mut settings.entrance;
        (entrance.rate_reads, entrance.rate_writes) = (off(), off());
        (entrance.rate_opens, entrance.rate_messages) = (off(), off());
        let sessions = std::env::var(POOLED).ok();
        let pooler = match sessions.and_then(|sessions| sessions.parse().ok()) {
            None => None,
            Some(sessions) => {
                let pooler = PgBouncer::start(Cluster::shared(), &database, sessions).await;
                settings.database_url = Some(pooler.url(&database));
                settings.direct_url = Some(database.url.clone());
                Some(pooler)
            }
        };
        change(&mut settings);
        let config = Config::new(&settings).unwrap();
        let socket = BoundSocket::at("ROWCAST_ADDR", config.addr).unwrap();
        let addr = socket.address();
        let (listening, listens) = oneshot::channel();
        let (trigger, shutdown) = shutdown::channel();
        let options = database.options.clone();
        let task = tokio::spawn(async move {
            let listening = || listening.send(()).expect("it is waited for");
            serve::serve(&config, &options, socket, shutdown, listening)
                .await
                .unwrap();
        });
        listens.await.expect("it starts");
        Self {
            addr,
            database,
            trigger,
            task,
            _pooler: pooler,
        }
    }

    /// Has it send its clients elsewhere.
    pub fn drain(&self, time: std::time::Duration) {
        self.trigger.drain(time);
    }

    /// Tells it to stop.
    pub fn trigger(&self) {
        self.trigger.trigger();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    /// The JSON of a `GET` that succeeds.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The status and the code of an error.
    pub async fn error(&self, path: &str) -> (u16, String, String) {
        self.get(path).await.error()
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head += &format!("Host: {}\r\n", self.addr);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{head}\r\n").as_bytes()).await
    }

    /// Sends a body of JSON.
    pub async fn write(&self, method: &str, path: &str, body: &str) -> Answer {
        self.write_with(method, path, body, &[]).await
    }

    /// The same with further headers, which may give another type.
    pub async fn write_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.addr);
        }
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            head += "Content-Type: application/json\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{head}\r\n{body}").as_bytes()).await
    }

    /// Sends bytes and reads until the server closes.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        // A server that refuses early may reset the connection after its answer.
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::parse(&bytes)
    }

    /// Another one of the same database, once this one has ended.
    pub async fn again(self) -> Self {
        self.trigger.trigger();
        self.task.await.unwrap();
        Self::guarding(self.database, "SELECT 1").await
    }

    /// Stops it and waits for its end.
    pub async fn stop(self) {
        self.trigger.trigger();
        self.task.await.unwrap();
    }
}

impl Answer {
    /// What an answer's bytes say.
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = join(&answer.body);
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status and the JSON of the body.
    pub fn json(&self) -> (u16, Value) {
        let body = serde_json::from_slice(&self.body);
        (
            self.status,
            body.unwrap_or_else(|_| panic!("no JSON: {}", self.text())),
        )
    }

    pub fn error(&self) -> (u16, String, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{}",
            self.text()
        );
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let part = |name: &str| body["error"][name].as_str().unwrap().to_owned();
        assert!(body["error"]["hint"].is_string());
        (self.status, part("code"), part("message"))
    }
}

fn join(mut chunked: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunked.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunked[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&chunked[end + 2..end + 2 + size]);
        chunked = &chunked[end + 4 + size..];
    }
    body
}
