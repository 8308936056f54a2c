//! That each arrives once, whatever dies meanwhile.

use std::{collections::BTreeSet, time::Duration};

use rowcast::{
    auth::{
        account,
        token::{self, NewToken},
    },
    serve,
};
use sqlx::{Connection, PgConnection};

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    process::Server,
    random::Random,
};

const PEOPLE: [&str; 4] = ["ann", "bob", "eve", "zoë"];

/// How many are sent at least.
const SENT: usize = 2_000;

/// How often something dies.
const DEATHS: usize = 12;

/// Somebody's token.
async fn token(database: &Database, name: &str) -> String {
    let pool = database.pool(1).await;
    let id = account::add(&pool, name, &[], None).await.unwrap();
    let new = NewToken {
        name: "device".to_owned(),
        scopes: vec!["read".to_owned()],
        expires: None,
    };
    let (_, secret) = token::create(&pool, id, &new).await.unwrap();
    secret.reveal().to_owned()
}

/// One transaction, which may be rolled back; the numbers that it committed as far as that was
/// answered.
async fn write(
    connection: &mut PgConnection,
    random: &mut Random,
    turn: usize,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let rolls_back = random.chance(15);
    let mut told = Vec::new();
    for nth in 0..=random.below(5) {
        let title = match rolls_back {
            true => "never".to_owned(),
            false => format!("{turn} {nth}"),
        };
        let id = sqlx::query_scalar("SELECT rowcast.notify($1, $2)")
            .bind(*random.pick(&PEOPLE))
            .bind(title)
            .fetch_one(&mut *transaction)
            .await?;
        told.push(id);
    }
    if rolls_back {
        transaction.rollback().await?;
        return Ok(Vec::new());
    }
    transaction.commit().await?;
    Ok(told)
}

/// Follows until everything is there that is to be there, through whatever happens.
async fn follow(
    mut follower: Follower,
    mut expected: tokio::sync::watch::Receiver<Option<Vec<i64>>>,
) -> Follower {
    loop {
        let all: Option<Vec<i64>> = expected.borrow().clone();
        if let Some(all) = all
            && follower.held.len() >= all.len()
        {
            return follower;
        }
        tokio::select! {
            is_there = follower.step() => {
                if !is_there {
                    while !follower.connect().await {
                        tokio::task::yield_now().await;
                    }
                }
            }
            changed = expected.changed() => changed.unwrap(),
        }
    }
}

async fn connect(database: &Database) -> PgConnection {
    loop {
        if let Ok(connection) = PgConnection::connect_with(&database.options).await {
            return connection;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_arrives_once_and_in_order_while_servers_and_databases_die() {
    let seed: u64 = std::env::var("ROWCAST_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("ROWCAST_SEED={seed}");
    let mut random = Random::new(seed);
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    serve::prepare(&database.options).await.unwrap();
    let settings = [("ROWCAST_AUTH", "on")];
    let mut server = Server::with(&database.url, &settings).await;
    let mut tells = Vec::new();
    let mut devices = Vec::new();
    for name in PEOPLE {
        let token = token(&database, name).await;
        // Two devices each.
        for _ in 0..2 {
            let follower = Follower::new(&server.address, &token).await;
            let (tell, told) = tokio::sync::watch::channel(None);
            devices.push(tokio::spawn(follow(follower, told)));
            tells.push((name, tell));
        }
    }

    let mut connection = connect(&database).await;
    let mut acknowledged = BTreeSet::new();
    let (mut turn, mut deaths) = (0, 0);
    while acknowledged.len() < SENT || deaths < DEATHS {
        turn += 1;
        match write(&mut connection, &mut random, turn).await {
            Ok(told) => acknowledged.extend(told),
            // Whether that was committed the database knows.
            Err(_) => connection = connect(&database).await,
        }
        // One that began while the database died has ended: whatever supervises it begins it again.
        if server.has_ended() {
            server.restart().await;
        }
        // They die in the midst of it, all along.
        if acknowledged.len() * DEATHS / SENT >= deaths && deaths < DEATHS {
            deaths += 1;
            match random.below(3) {
                0 => {
                    server.kill().await;
                    server.restart().await;
                }
                1 => {
                    cluster.stop();
                    cluster.resume();
                }
                _ => {
                    cluster.kill();
                    cluster.resume();
                }
            }
        }
    }

    let probe = token(&database, "probe").await;
    while !Follower::answers(&server.address, &probe).await {
        if server.has_ended() {
            server.restart().await;
        }
    }
    let mut connection = connect(&database).await;
    let kept: Vec<i64> = sqlx::query_scalar("SELECT id FROM rowcast.notification")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let kept: BTreeSet<i64> = kept.into_iter().collect();
    assert!(acknowledged.is_subset(&kept), "what was committed is there");
    let mut expected = Vec::new();
    for (name, tell) in &tells {
        let theirs: Vec<i64> = sqlx::query_scalar(
            "SELECT n.id FROM rowcast.notification n \
               JOIN rowcast.account a ON a.id = n.account WHERE a.name = $1 ORDER BY n.id",
        )
        .bind(name)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        tell.send_replace(Some(theirs.clone()));
        expected.push(theirs);
    }
    for (device, expected) in devices.into_iter().zip(expected) {
        let device = tokio::time::timeout(Duration::from_secs(60), device);
        let device = device.await.expect("all of it in time").unwrap();
        // There is one writer, so the order of its commits is that of the numbers.
        assert_eq!(device.arrived, expected);
        assert!(device.held.keys().eq(expected.iter()));
        assert!(device.left.is_empty() && !device.heard.contains("never"));
    }
    server.stop().await;
}
