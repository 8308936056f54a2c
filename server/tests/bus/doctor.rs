//! What `rowcast doctor` says of the bus.

use tokio::process::Command;

use crate::{cluster::Cluster, redis_server::RedisServer};

/// The line about it, and whether anything does not work.
async fn said_of(bus: &str) -> (String, bool) {
    let database = Cluster::shared().database().await;
    let doctor = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .arg("doctor")
        .env("DATABASE_URL", &database.url)
        .env("ROWCAST_BUS", bus)
        .output();
    let output = doctor.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let line = said
        .lines()
        .find(|line| line.get(9..).is_some_and(|of| of.starts_with("bus ")));
    (line.unwrap_or(&said).to_owned(), output.status.success())
}

#[tokio::test]
async fn the_doctor_says_whether_the_bus_can_be_used_and_why_not() {
    let mut redis = RedisServer::start().await;
    for user in [
        "reads on >secret-word ~rowcast:* +xrevrange",
        "idle on >secret-word ~rowcast:*",
    ] {
        let _: String = redis.ask(&format!("ACL SETUSER {user}")).await;
    }
    let with = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    for bus in [redis.url(), with("reads:secret-word")] {
        let (line, works) = said_of(&bus).await;
        assert!(works && line.starts_with("ok "), "{line}");
    }
    for (bus, why) in [
        (with("reads:secret-world"), "password"),
        (with("idle:secret-word"), "+xrevrange"),
    ] {
        let (line, works) = said_of(&bus).await;
        assert!(!works && line.starts_with("WRONG "), "{line}");
        assert!(line.contains(why), "{line}");
        assert!(!line.contains("secret-wor"), "{line}");
    }
    let gone = redis.url();
    redis.stop().await;
    let (line, works) = said_of(&gone).await;
    assert!(!works && line.contains("unreachable"), "{line}");
}
