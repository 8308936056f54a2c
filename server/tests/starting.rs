//! A server that starts: when it is listened to, and what it does without its database.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/proxy.rs"]
mod proxy;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use cluster::{Cluster, Database};
use proxy::Proxy;
use rowcast::serve;

/// How long one waits for what has to come, however busy the machine is.
const SOON: Duration = Duration::from_secs(60);

/// A server of this database.
fn start(url: &str, address: SocketAddr) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg("serve")
        .env("DATABASE_URL", url)
        .env("ROWCAST_ADDR", address.to_string())
        .env("ROWCAST_AUTH", "off")
        // No part of the start waits until that is over.
        .env("ROWCAST_DRAIN", "10m")
        .env("RUST_LOG", "warn")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A port at which nobody listens.
async fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], ports::free()))
}

/// A new database, and the only way to it.
async fn database_by_proxy() -> (Database, Proxy, String) {
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let proxy = Proxy::start(cluster.port).await;
    let url = proxy.instead_of(cluster.port, &database.url);
    (database, proxy, url)
}

async fn until_it_says_where_it_is(server: &mut Child) {
    let mut lines = BufReader::new(server.stdout.as_mut().unwrap()).lines();
    let line = timeout(SOON, lines.next_line()).await.expect("a line");
    let line = line.unwrap().expect("the server runs");
    assert!(
        line.starts_with("Rowcast is on http://127.0.0.1:"),
        "{line}"
    );
}

async fn end(server: Child) -> (Output, String) {
    let output = timeout(SOON, server.wait_with_output()).await;
    let output = output.expect("the server ends").unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

async fn assert_refused(address: SocketAddr) {
    let refused = TcpStream::connect(address).await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

async fn ready(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn until_it_can_answer_clients_are_refused_and_nobody_else_has_its_port() {
    let (_database, proxy, url) = database_by_proxy().await;
    proxy.hold();
    let address = free().await;
    let mut server = start(&url, address);
    proxy.until_come(1).await;
    assert_refused(address).await;
    let other = TcpSocket::new_v4().unwrap();
    let taken = other.bind(address).expect_err("it is the server's");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    proxy.open();
    until_it_says_where_it_is(&mut server).await;
    let answer = ready(address).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_database_that_goes_away_before_it_is_followed_is_waited_for() {
    let (database, proxy, url) = database_by_proxy().await;
    // The first one brings the schema.
    proxy.take_no_more_than(1);
    let address = free().await;
    let mut server = start(&url, address);
    proxy.until_come(4).await;
    let mut connection = database.connect().await;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('rowcast.change_log') IS NOT NULL")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(there, "it went away too early");
    assert_refused(address).await;
    proxy.open();
    until_it_says_where_it_is(&mut server).await;
    let answer = ready(address).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.start_kill().unwrap();
    let (_, said) = end(server).await;
    assert!(said.contains("the start waits for the database"), "{said}");
}

#[tokio::test]
async fn one_that_waits_for_its_database_ends_when_it_is_told_to() {
    for comes in [0, 1] {
        let (_database, proxy, url) = database_by_proxy().await;
        proxy.take_no_more_than(comes);
        let url = url.replace("postgres@", "postgres:hunter2@");
        let server = start(&url, free().await);
        proxy.until_come(comes + 2).await;
        let pid = Pid::from_raw(server.id().unwrap() as i32).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let (output, said) = end(server).await;
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(output.stdout, b"", "it said that it was there");
    }
}

#[tokio::test]
async fn a_database_that_no_waiting_brings_ends_it_at_once() {
    let nowhere = Cluster::shared().named("nowhere");
    let (output, said) = end(start(&nowhere.url, free().await)).await;
    assert_eq!(output.status.code(), Some(1));
    let told = "rowcast: DATABASE_URL: the database can't be used: database \"nowhere\" does not \
                exist\n";
    assert_eq!(said, told);
}

#[tokio::test]
async fn of_two_at_one_port_that_start_together_one_serves_and_the_other_says_why_not() {
    let (first, to_first, by_first) = database_by_proxy().await;
    let (second, to_second, by_second) = database_by_proxy().await;
    for database in [&first, &second] {
        serve::prepare(&database.options).await.unwrap();
    }
    to_first.hold();
    // It waits for its database however long the first one takes.
    to_second.take_no_more_than(0);
    let address = free().await;
    let (mut first, second) = (start(&by_first, address), start(&by_second, address));
    tokio::join!(to_first.until_come(1), to_second.until_come(1));
    to_first.open();
    until_it_says_where_it_is(&mut first).await;
    to_second.open();
    let (output, said) = end(second).await;
    assert_eq!(output.status.code(), Some(1));
    // It said before that it waited.
    let said = said.lines().next_back().unwrap_or_default().to_owned();
    let told = format!(
        "rowcast: ROWCAST_ADDR is \"{address}\", which can't be listened on (choose another port): "
    );
    assert!(said.starts_with(&told), "{said}");
    // As one is told that comes later, before its database is looked at.
    let nowhere = Cluster::shared().named("nowhere");
    let (output, again) = end(start(&nowhere.url, address)).await;
    assert_eq!((output.status.code(), again.trim_end()), (Some(1), &*said));
    let answer = ready(address).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
