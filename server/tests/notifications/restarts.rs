//! That each arrives once, whatever dies meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rowcast::{
    auth::{
        account,
        token::{self, NewToken},
    },
    serve,
};
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    process::Server,
    random::Random,
};

/// Each has fewer than a list may be long.
const PEOPLE: usize = 16;

/// How many of them have two devices.
const TWO: usize = 4;

/// How many are sent at least, of all who write.
const SENT: usize = 10_000;

/// How many write at a time.
const WRITERS: usize = 4;

/// How often something dies.
const DEATHS: usize = 12;

fn name(person: usize) -> String {
    format!("person {person}")
}

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
    writer: usize,
    turn: usize,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let rolls_back = random.chance(15);
    let mut told = Vec::new();
    // Single ones, and many at once.
    let most = if random.chance(20) { 1 } else { 60 };
    for nth in 0..=random.below(most) {
        let title = match rolls_back {
            true => "never".to_owned(),
            false => format!("{writer} {turn} {nth}"),
        };
        let id = sqlx::query_scalar("SELECT rowcast.notify($1, $2)")
            .bind(name(random.below(PEOPLE as u64) as usize))
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

/// Writes until enough was, through whatever happens; the numbers that were committed as far as that
/// was answered.
async fn keep_writing(
    database: Database,
    mut random: Random,
    writer: usize,
    sent: Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
) -> BTreeSet<i64> {
    let mut connection = connect(&database).await;
    let mut acknowledged = BTreeSet::new();
    for turn in 0.. {
        if *stop.borrow_and_update() {
            break;
        }
        match write(&mut connection, &mut random, writer, turn).await {
            Ok(told) => {
                sent.fetch_add(told.len(), Ordering::Relaxed);
                acknowledged.extend(told);
            }
            // Whether that was committed the database knows.
            Err(_) => connection = connect(&database).await,
        }
    }
    acknowledged
}

/// The numbers of each who wrote, in the order in which they came.
fn by_writer(arrived: &[i64], titles: &BTreeMap<i64, String>) -> BTreeMap<String, Vec<i64>> {
    let mut by_writer: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for id in arrived {
        let (writer, _) = titles[id].split_once(' ').unwrap();
        by_writer.entry(writer.to_owned()).or_default().push(*id);
    }
    by_writer
}

/// Follows until everything is there that is to be there, through whatever happens.
async fn follow(
    mut follower: Follower,
    mut expected: watch::Receiver<Option<Vec<i64>>>,
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
    for person in 0..PEOPLE {
        let token = token(&database, &name(person)).await;
        for _ in 0..if person < TWO { 2 } else { 1 } {
            let follower = Follower::new(&server.address, &token).await;
            let (tell, told) = watch::channel(None);
            devices.push(tokio::spawn(follow(follower, told)));
            tells.push((person, tell));
        }
    }

    let sent = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = watch::channel(false);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let random = Random::new(seed.wrapping_mul(31).wrapping_add(writer as u64));
            let (database, sent) = (database.clone(), Arc::clone(&sent));
            tokio::spawn(keep_writing(
                database,
                random,
                writer,
                sent,
                stopped.clone(),
            ))
        })
        .collect();
    let mut deaths = 0;
    while sent.load(Ordering::Relaxed) < SENT || deaths < DEATHS {
        tokio::task::yield_now().await;
        // One that began while the database died has ended: whatever supervises it begins it again.
        if server.has_ended() {
            server.restart().await;
        }
        // They die in the midst of it, all along.
        if sent.load(Ordering::Relaxed) * DEATHS / SENT >= deaths && deaths < DEATHS {
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
    stop.send_replace(true);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }

    let probe = token(&database, "probe").await;
    while !Follower::answers(&server.address, &probe).await {
        if server.has_ended() {
            server.restart().await;
        }
    }
    let mut connection = connect(&database).await;
    let kept: Vec<(i64, String)> = sqlx::query_as("SELECT id, title FROM rowcast.notification")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let kept: BTreeMap<i64, String> = kept.into_iter().collect();
    let is_kept = |id: &i64| kept.contains_key(id);
    assert!(
        acknowledged.iter().all(is_kept),
        "what was committed is there"
    );
    println!(
        "{} were sent, {} of them answered",
        kept.len(),
        acknowledged.len()
    );
    let mut expected = Vec::new();
    for (person, tell) in &tells {
        let theirs: Vec<i64> = sqlx::query_scalar(
            "SELECT n.id FROM rowcast.notification n \
               JOIN rowcast.account a ON a.id = n.account WHERE a.name = $1 ORDER BY n.id",
        )
        .bind(name(*person))
        .fetch_all(&mut connection)
        .await
        .unwrap();
        tell.send_replace(Some(theirs.clone()));
        expected.push(theirs);
    }
    for (device, expected) in devices.into_iter().zip(expected) {
        let device = tokio::time::timeout(Duration::from_secs(60), device);
        let device = device.await.expect("all of it in time").unwrap();
        // Each once, and none is missing.
        assert!(device.held.keys().eq(expected.iter()));
        assert_eq!(device.arrived.len(), expected.len());
        // Of each who writes, the order of the commits is that of the numbers.
        let arrived = by_writer(&device.arrived, &kept);
        assert_eq!(arrived, by_writer(&expected, &kept));
        assert!(device.left.is_empty() && !device.heard.contains("never"));
    }
    server.stop().await;
}
