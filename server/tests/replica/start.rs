//! What may be named as a standby.

use std::process::Stdio;

use rowcast::{
    cli::Settings,
    config::Config,
    database::replica::{Follows, ReplicaError, compare},
    doctor::{self, Level},
};
use tokio::{process::Command, task::block_in_place};

use crate::{
    cluster::{Cluster, Database},
    ports,
    world::{execute, primary, until_it_follows},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_another_cluster_or_database_is_refused_at_the_start() {
    let (primary, database) = primary().await;
    let other = block_in_place(|| Cluster::start(&[]));
    let standby = block_in_place(|| other.standby(ports::free()));
    for copy in [standby.named("postgres"), primary.named("postgres")] {
        let different = compare(&copy.options, &database.options).await;
        assert!(
            matches!(different, Err(ReplicaError::Different)),
            "{different:?}"
        );
        let output = Command::new(env!("CARGO_BIN_EXE_rowcast"))
            .arg("serve")
            .env("DATABASE_URL", &database.url)
            .env("ROWCAST_REPLICA_URL", &copy.url)
            .env("ROWCAST_ADDR", "127.0.0.1:0")
            .env("ROWCAST_AUTH", "off")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = output.await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{told}");
        assert!(
            told.contains("ROWCAST_REPLICA_URL leads to another database"),
            "{told}"
        );
        assert!(!told.contains("postgres://"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_a_standby_is() {
    let (primary, database) = primary().await;
    database.execute("CREATE ROLE plain LOGIN").await;
    let mut standby = block_in_place(|| primary.standby(ports::free()));
    let copy = standby.named(&database.name);
    let found = async |copy: &Database| {
        let settings = Settings {
            database_url: Some(database.url.clone()),
            replica_url: Some(copy.url.clone()),
            ..defaults()
        };
        let config = Config::new(&settings).unwrap();
        let found = doctor::examine(&database.options, &config).await;
        let of_it = found
            .into_iter()
            .find(|finding| finding.subject == "standby");
        of_it.expect("something is said of the standby")
    };
    let follows = async || compare(&copy.options, &database.options).await.unwrap();
    until_it_follows(&copy, &database).await;
    let fine = found(&copy).await;
    assert_eq!(fine.level, Level::Fine, "{}", fine.said);
    // Whoever may not see what is received can't tell from whom.
    let [plain, there] = [&copy, &database].map(|of| of.options.clone().username("plain"));
    let unseen = compare(&plain, &there).await.unwrap();
    assert_eq!(unseen, Follows::Another);
    // Nor is anybody asked what others would be shown.
    let other = compare(&plain, &database.options).await;
    assert!(matches!(other, Err(ReplicaError::Role)), "{other:?}");

    let mut connection = copy.connect().await;
    execute(&mut connection, "SELECT pg_wal_replay_pause()").await;
    database.execute("UPDATE t SET n = 1").await;
    assert_eq!(follows().await, Follows::Behind);
    assert_eq!(found(&copy).await.level, Level::Warning);
    execute(&mut connection, "SELECT pg_wal_replay_resume()").await;

    block_in_place(|| standby.promote(standby.port));
    assert_eq!(follows().await, Follows::Nobody);
    assert_eq!(found(&copy).await.level, Level::Warning);

    block_in_place(|| standby.stop());
    assert_eq!(found(&copy).await.level, Level::Warning);
    let wrong = found(&primary.named("postgres")).await;
    assert_eq!(wrong.level, Level::Wrong);
    assert!(wrong.said.contains("another database"), "{}", wrong.said);
}

fn defaults() -> Settings {
    Settings {
        addr: "127.0.0.1:0".to_owned(),
        auth: "off".to_owned(),
        retention: "24h".to_owned(),
        connections: "8".to_owned(),
        max_clients: "1000".to_owned(),
        read_bytes: "33554432".to_owned(),
        list_bytes: "67108864".to_owned(),
        import_bytes: "1048576".to_owned(),
        ..Settings::default()
    }
}
