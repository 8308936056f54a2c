//! The ways to a bus: a password, TLS, a cluster.

use std::fs;

use crate::{cluster::Cluster, redis_server::RedisServer, world::World};

async fn goes_on(world: &mut World) {
    for _ in 0..2 {
        world.write_and_check().await;
    }
    assert_eq!(world.readers().await, 1);
}

#[tokio::test]
async fn with_a_user_who_may_do_no_more_than_it_takes() {
    let redis = RedisServer::start().await;
    let _: String = redis
        .ask(
            "ACL SETUSER rowcast on >s3cret/word ~rowcast:* resetchannels \
             +xadd +xread +xrevrange +xtrim +expire",
        )
        .await;
    let url = format!("redis://rowcast:s3cret%2Fword@127.0.0.1:{}", redis.port);
    let settings = [("ROWCAST_BUS", url.as_str())];
    let mut world = World::with(Cluster::shared(), redis, 2, &settings).await;
    goes_on(&mut world).await;
}

#[tokio::test]
async fn over_tls_with_authorities_of_ones_own() {
    let directory = std::env::temp_dir().join(format!("rowcast-bus-tls-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    fs::write(&certificate, certified.cert.pem()).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let redis = RedisServer::with(&[
        "--tls-port",
        "PORT",
        "--port",
        "0",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let url = format!("rediss://localhost:{}", redis.port);
    let settings = [
        ("ROWCAST_BUS", url.as_str()),
        ("ROWCAST_BUS_CA", &certificate),
    ];
    let mut world = World::with(Cluster::shared(), redis, 2, &settings).await;
    goes_on(&mut world).await;
    // One that does not know the authority does not speak to it, and reads the log by itself.
    world.join(&settings[..1]).await;
    world.write_and_check().await;
    assert_eq!(world.readers().await, 2);
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn in_a_cluster() {
    let redis = RedisServer::with(&["--cluster-enabled", "yes"]).await;
    let _: String = redis.ask("CLUSTER ADDSLOTSRANGE 0 16383").await;
    loop {
        let state: String = redis.ask("CLUSTER INFO").await;
        if state.contains("cluster_state:ok") {
            break;
        }
    }
    let _: String = redis
        .ask(
            "ACL SETUSER rowcast on >secret ~rowcast:* resetchannels \
             +xadd +xread +xrevrange +xtrim +expire +cluster|slots +ping",
        )
        .await;
    let url = format!("redis+cluster://rowcast:secret@127.0.0.1:{}", redis.port);
    let settings = [("ROWCAST_BUS", url.as_str())];
    let mut world = World::with(Cluster::shared(), redis, 2, &settings).await;
    goes_on(&mut world).await;
}
