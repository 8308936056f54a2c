//! `rowcast listen`: one that reads the log and does nothing else.

use std::{process::Stdio, time::Duration};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::world::{World, signal};

async fn listen(world: &World, name: &str) -> Child {
    let mut process = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg("listen")
        .env("DATABASE_URL", world.url_of(name).await)
        .env("ROWCAST_BUS", world.redis.url())
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.contains("reads the log"), "{line}");
    process
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
