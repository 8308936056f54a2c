//! The program: its settings, its commands, its end.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::cluster::{Cluster, Database};

fn program(database: Option<&Database>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowcast"));
    for name in [
        "DATABASE_URL",
        "ROWCAST_ADDR",
        "ROWCAST_AUTH",
        "ROWCAST_BUS",
        "ROWCAST_RETENTION",
        "ROWCAST_DATA_DIR",
        "RUST_LOG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ] {
        command.env_remove(name);
    }
    if let Some(database) = database {
        command.env("DATABASE_URL", &database.url);
    }
    command.env("ROWCAST_ADDR", "127.0.0.1:0");
    command.stdin(Stdio::null());
    command
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn serving(command: &mut Command) -> (Child, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(address.starts_with("http://127.0.0.1:"), "{line}");
    (child, address)
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (name, value, says) in [
        ("ROWCAST_ADDR", "0.0.0.0:3000", "loopback"),
        ("ROWCAST_ADDR", "nowhere", "127.0.0.1:3000"),
        ("ROWCAST_ADDR", taken.as_str(), "in use"),
        ("ROWCAST_AUTH", "perhaps", "on, off"),
        ("ROWCAST_BUS", "nats://localhost", "redis://"),
        ("ROWCAST_RETENTION", "long", "24h"),
        ("RUST_LOG", "x=y=z", "info"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "commas"),
        ("OTEL_TRACES_SAMPLER", "perhaps", "always_on"),
        (
            "DATABASE_URL",
            "http://user:hunter2@localhost",
            "postgres://",
        ),
        (
            "DATABASE_URL",
            "postgres://user:hunter2@127.0.0.1:1/x",
            "refused",
        ),
        (
            "DATABASE_URL",
            "postgres://user:hunter2@/x?sslmode=perhaps",
            "postgres://",
        ),
    ] {
        let mut command = program(None);
        command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x");
        // Without one nobody looks at what is said to it.
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        assert_ended(command.env(name, value).arg("serve"), name, says);
    }
}

fn assert_ended(command: &mut Command, name: &str, says: &str) {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{name}: {says}");
    let told = lines(&output.stderr);
    assert_eq!(told.len(), 1, "{name}: {told:?}");
    assert!(told[0].contains(name), "{told:?}");
    // 24h stands for: an example of what is allowed.
    assert!(told[0].contains(says) || says == "24h", "{told:?}");
    assert!(!told[0].contains("hunter2"), "{told:?}");
}

#[tokio::test]
async fn tables_are_made_live_and_not_from_the_command_line() {
    let database = Cluster::shared().database().await;
    database
        .execute(
            "CREATE SCHEMA shop; CREATE TABLE orders (id int PRIMARY KEY);
             CREATE TABLE shop.\"Odd name\" (id int PRIMARY KEY); CREATE TABLE nokey (id int);
             CREATE VIEW v AS SELECT 1 AS x;",
        )
        .await;
    let watched = run(program(Some(&database)).args(["watch", "orders", "shop.Odd name"]));
    assert!(watched.status.success(), "{watched:?}");
    assert_eq!(lines(&watched.stdout).len(), 2);
    let listed = run(program(Some(&database)).arg("tables"));
    let text = lines(&listed.stdout).join("\n");
    assert!(text.contains("orders         live"), "{text}");
    assert!(text.contains("nokey          -"), "{text}");
    for (table, says) in [("nokey", "key"), ("nosuch", "no such table"), ("v", "")] {
        let failed = run(program(Some(&database)).args(["watch", table, "orders"]));
        assert_eq!(failed.status.code(), Some(1), "{table}");
        let told = lines(&failed.stderr).join("\n");
        assert!(told.contains(table) && told.contains(says), "{told}");
        assert!(
            lines(&failed.stdout)[0].starts_with("orders"),
            "the others are done"
        );
    }
    let unwatched = run(program(Some(&database)).args(["unwatch", "orders"]));
    assert!(unwatched.status.success(), "{unwatched:?}");
    let listed = run(program(Some(&database)).arg("tables"));
    assert!(
        lines(&listed.stdout)
            .join("\n")
            .contains("orders         -")
    );
}

#[tokio::test]
async fn a_signal_ends_the_server_with_0_and_a_second_one_at_once() {
    let database = Cluster::shared().database().await;
    for signal in ["TERM", "INT"] {
        let (mut child, _) = serving(program(Some(&database)).arg("serve"));
        let since = Instant::now();
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_query_is_followed_in_the_terminal() {
    let database = Cluster::shared().database().await;
    database
        .execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        .await;
    assert!(
        run(program(Some(&database)).args(["watch", "t"]))
            .status
            .success()
    );
    let mut tail = program(Some(&database))
        .args(["tail", "t", "n=gt.1&order=n.desc"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&events.next().unwrap().unwrap()).unwrap() };
    let snapshot = next();
    assert_eq!(
        (&snapshot["type"], &snapshot["total"]),
        (&"snapshot".into(), &0.into())
    );
    database
        .execute("INSERT INTO t VALUES (1, 1), (2, 2)")
        .await;
    let patch = next();
    assert_eq!(patch["type"], "patch");
    assert_eq!(patch["ops"][0]["cells"], serde_json::json!([2, 2]));
    let pid = tail.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(tail.wait().unwrap().code(), Some(0));
    for (arguments, says) in [
        (["tail", "nosuch", ""], "nosuch"),
        (["tail", "t", "n=eq.x"], "n"),
        (["tail", "t", "limit=x"], "limit"),
    ] {
        let failed = run(program(Some(&database)).args(arguments));
        assert_eq!(failed.status.code(), Some(1));
        let told = lines(&failed.stderr);
        assert!(told.len() == 1 && told[0].contains(says), "{told:?}");
    }
}
