//! `rowcast listen`: one that reads the log and does nothing else.

use std::{process::Stdio, time::Duration};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    cluster::Cluster,
    follower::{Follower, PATIENCE},
    metrics::{ask, metric},
    proxy::Proxy,
    redis_server::RedisServer,
    world::{World, signal},
};

async fn listen(world: &World, name: &str) -> Child {
    let url = world.url_of(name).await;
    listen_by(world, &url).await
}

async fn listen_by(world: &World, url: &str) -> Child {
    listen_with(world, url, &[]).await.0
}

/// With these arguments, and what it said first.
async fn listen_with(world: &World, url: &str, arguments: &[&str]) -> (Child, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg("listen")
        .args(arguments)
        .env("DATABASE_URL", url)
        .env("ROWCAST_BUS", world.redis.url())
        .env("RUST_LOG", "error")
        // As the image has it.
        .env("ROWCAST_ADDR", "0.0.0.0:3000")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.contains("reads the log"), "{line}");
    (process, line)
}

/// What is answered at an address: the status, and the body.
async fn answer(address: &str, path: &str) -> (String, String) {
    let said = ask(address, path).await;
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.to_owned(), body.to_owned())
}

/// Waits until it is said of who reads the log that it is so.
async fn until_ready_says(address: &str, status: &str, body: &str) {
    let said = async {
        let expected = (status.to_owned(), body.to_owned());
        while answer(address, "/readyz").await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, said).await.expect(body);
}

/// How often who leads was asked to leave it to somebody else, beside what was asked before.
async fn yields(world: &World, before: &[(String, String)]) -> usize {
    let asks = world.redis.asks().await;
    let is_new = |ask: &&(String, String)| ask.1 == "yield" && !before.contains(ask);
    asks.iter().filter(is_new).count()
}

async fn until_asked_to_yield(world: &World, before: &[(String, String)]) {
    let asked = async {
        while yields(world, before).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    asked.expect("whoever waits asks");
}

#[tokio::test]
async fn servers_leave_the_log_to_it_and_take_it_over_again() {
    let mut world = World::new(2).await;
    world.write_and_check().await;
    let server = world.leader_name().await.unwrap();
    let mut listener = listen(&world, "listener").await;
    world.write().await;
    assert_eq!(world.until_another_leads(&server).await, "listener");
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
    // A second one waits.
    let mut second = listen(&world, "second").await;
    world.write_and_check().await;
    assert_eq!(world.leader_name().await.unwrap(), "listener");
    signal(listener.id().unwrap(), Signal::TERM);
    let status = tokio::time::timeout(Duration::from_secs(10), listener.wait());
    assert!(status.await.unwrap().unwrap().success());
    world.write().await;
    let mut leader = world.until_another_leads("listener").await;
    world.write_and_check().await;
    if leader != "second" {
        // A server was quicker, and leaves it when it is asked again.
        leader = world.until_another_leads(&leader).await;
    }
    assert_eq!(leader, "second");
    second.kill().await.unwrap();
    world.write().await;
    let leader = world.until_another_leads("second").await;
    assert!(leader.starts_with("server-"), "{leader}");
    world.until_one_reads().await;
    world.write_and_check().await;
}

#[tokio::test]
async fn without_the_database_it_takes_nobodys_place() {
    let mut world = World::new(1).await;
    let port = world.database.options.get_port();
    let way = Proxy::start(port).await;
    let url = world.url_of("listener").await;
    let _listener = listen_by(&world, &way.instead_of(port, &url)).await;
    world.write().await;
    assert_eq!(world.until_another_leads("server-0").await, "listener");
    world.write_and_check().await;
    way.cut();
    world.write().await;
    assert_eq!(world.until_another_leads("listener").await, "server-0");
    let asks = world.redis.asks().await;
    // Each time nothing is known of who leads.
    way.until_more_come(20).await;
    assert_eq!(yields(&world, &asks).await, 0);
    assert_eq!(world.leader_name().await.unwrap(), "server-0");
    way.open();
    assert_eq!(world.until_another_leads("server-0").await, "listener");
    world.write_and_check().await;
}

/// What one says that is well and leads.
const LEADS: &str = r#"{"status":"ready","database":true,"following":true,"leading":true,"bus":true,"draining":false}"#;

#[tokio::test]
async fn it_says_so_where_the_bus_takes_nothing() {
    let mut world = World::without_servers(Cluster::shared(), RedisServer::start().await).await;
    let url = world.url_of("listener").await;
    let (_listener, said) = listen_with(&world, &url, &["--health-addr", "127.0.0.1:0"]).await;
    let (_, address) = said.split_once("http://").expect(&said);
    until_ready_says(address, "200", LEADS).await;
    world.redis.stop().await;
    let mute = LEADS.replace("ready", "unready");
    let mute = mute.replace(r#""bus":true"#, r#""bus":false"#);
    until_ready_says(address, "503", &mute).await;
    world.redis.start_again().await;
    until_ready_says(address, "200", LEADS).await;
}

#[tokio::test]
async fn it_says_how_it_does_where_it_is_asked_to() {
    let mut world = World::new(1).await;
    let port = world.database.options.get_port();
    let way = Proxy::start(port).await;
    let url = way.instead_of(port, &world.url_of("listener").await);
    let (mut listener, said) = listen_with(&world, &url, &["--health-addr", "127.0.0.1:0"]).await;
    let (_, address) = said.split_once("http://").expect(&said);
    world.write().await;
    assert_eq!(world.until_another_leads("server-0").await, "listener");
    until_ready_says(address, "200", LEADS).await;
    assert_eq!(metric(address, "rowcast_bus_leads").await, 1);
    assert_eq!(metric(address, "rowcast_following").await, 1);
    world.until_one_reads().await;
    world.write_and_check().await;
    // What is written is counted when the bus has said so: others may have read it by then.
    let counted = async {
        while metric(address, "rowcast_bus_entries_total").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    let counted = tokio::time::timeout(PATIENCE, counted).await;
    counted.expect("what was written is counted");
    assert_eq!(answer(address, "/tables").await.0, "404");
    way.cut();
    world.write().await;
    let lost = LEADS.replace("ready", "unready").replace("true", "false");
    let lost = lost.replace(r#""bus":false"#, r#""bus":true"#);
    until_ready_says(address, "503", &lost).await;
    assert_eq!(metric(address, "rowcast_following").await, 0);
    let alive = ("200".to_owned(), r#"{"status":"ok"}"#.to_owned());
    assert_eq!(answer(address, "/healthz").await, alive);
    way.open();
    world.write().await;
    until_ready_says(address, "200", LEADS).await;
    // It waits for another one, which took its place while it had no database.
    let _second = listen(&world, "second").await;
    way.cut();
    world.write().await;
    assert_eq!(world.until_another_leads("listener").await, "second");
    way.open();
    let waits = LEADS.replace(r#""leading":true"#, r#""leading":false"#);
    until_ready_says(address, "200", &waits).await;
    assert_eq!(metric(address, "rowcast_following").await, 1);
    assert_eq!(world.leader_name().await.unwrap(), "second");
    // Somebody has the address already.
    let second = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .args(["listen", "--health-addr", address])
        .env("DATABASE_URL", &url)
        .env("ROWCAST_BUS", world.redis.url())
        .output()
        .await
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("ROWCAST_HEALTH_ADDR is"), "{said}");
    signal(listener.id().unwrap(), Signal::TERM);
    let status = tokio::time::timeout(Duration::from_secs(10), listener.wait());
    assert!(status.await.unwrap().unwrap().success());
}

#[tokio::test]
async fn it_takes_the_place_of_who_leads_in_a_history_that_began_meanwhile() {
    let mut world = World::new(1).await;
    let mut first = listen(&world, "first").await;
    world.write().await;
    assert_eq!(world.until_another_leads("server-0").await, "first");
    world.write_and_check().await;
    let asks = world.redis.asks().await;
    let second = listen(&world, "second").await;
    until_asked_to_yield(&world, &asks).await;
    signal(second.id().unwrap(), Signal::STOP);
    for sql in [
        "UPDATE rowcast.state SET epoch = epoch + 1",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
          WHERE datname = current_database() AND usename LIKE '%/%'",
    ] {
        world.database.execute(sql).await;
    }
    first.kill().await.unwrap();
    assert_eq!(world.until_another_leads("first").await, "server-0");
    signal(second.id().unwrap(), Signal::CONT);
    assert_eq!(world.until_another_leads("server-0").await, "second");
    // Lists of the history before begin anew.
    world.followers.clear();
    let address = world.servers[0].address.clone();
    // Its connections were ended, too.
    let well = r#"{"status":"ready","database":true,"following":true,"draining":false}"#;
    until_ready_says(&address, "200", well).await;
    let follower = Follower::new(&address, "t?order=id&limit=1000").await;
    world.followers.push(follower);
    world.write_and_check().await;
}

#[tokio::test]
async fn it_is_for_a_bus() {
    let output = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg("listen")
        .env("DATABASE_URL", "postgres://127.0.0.1:1/nowhere")
        .env_remove("ROWCAST_BUS")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("ROWCAST_BUS is unset"), "{said}");
}
