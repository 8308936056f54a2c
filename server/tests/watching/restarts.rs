//! That each hit is told once and in order, whatever dies meanwhile, on two servers.

use std::{collections::BTreeMap, time::Duration};

use rowcast::{auth::account, serve};
use sqlx::{Connection, PgConnection};

use crate::{
    cluster::{Cluster, Database},
    process::Server,
    random::Random,
};

const PEOPLE: [&str; 4] = ["ann", "bob", "eve", "zoë"];

/// How many hits there are at least, of all rules.
const HITS: i64 = 1_000;

/// How often something dies.
const DEATHS: i64 = 9;

/// Each is told of their own rows that come and go; and all are counted by one who is told at
/// once of what comes within an hour.
const RULES: &str = "
    INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds)
    SELECT a.id, k, 'ticket', 'status=eq.open&assignee=eq.' || a.name, k, 0
      FROM rowcast.account a, unnest(ARRAY['enters', 'leaves']) AS k;
    INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds)
    SELECT a.id, 'all', 'ticket', 'status=eq.open', 'enters', 3600
      FROM rowcast.account a WHERE a.name = 'ann';";

const TABLE: &str = "
    CREATE TABLE ticket (id serial PRIMARY KEY, status text NOT NULL, assignee text NOT NULL,
                         came int NOT NULL, went int);
    ALTER TABLE ticket REPLICA IDENTITY FULL;
    SELECT rowcast.watch('ticket');";

/// One transaction: rows come, rows go, some within it; it may be rolled back.
async fn write(
    connection: &mut PgConnection,
    random: &mut Random,
    turn: i32,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for _ in 0..=random.below(3) {
        sqlx::query("INSERT INTO ticket (status, assignee, came) VALUES ('open', $1, $2)")
            .bind(*random.pick(&PEOPLE))
            .bind(turn)
            .execute(&mut *transaction)
            .await?;
    }
    if random.chance(50) {
        sqlx::query(
            "UPDATE ticket SET status = 'closed', went = $1 WHERE id IN \
             (SELECT id FROM ticket WHERE status = 'open' ORDER BY id DESC LIMIT 2)",
        )
        .bind(turn)
        .execute(&mut *transaction)
        .await?;
    }
    match random.chance(15) {
        true => transaction.rollback().await,
        false => transaction.commit().await,
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

/// What is to be told, by rule and account, in the order of the commits: there is one writer.
const EXPECTED: &str = "
    SELECT assignee, 'enters' AS kind, came AS turn, count(*), min(id) FROM ticket
     WHERE went IS DISTINCT FROM came GROUP BY 1, 3
    UNION ALL
    SELECT assignee, 'leaves', went, count(*), min(id) FROM ticket
     WHERE went IS NOT NULL AND went <> came GROUP BY 1, 3
    ORDER BY 3";

type Told = BTreeMap<(String, String), Vec<String>>;

async fn expected(connection: &mut PgConnection) -> (Told, i64) {
    let rows: Vec<(String, String, i32, i64, i32)> = sqlx::query_as(EXPECTED)
        .fetch_all(connection)
        .await
        .unwrap();
    let (mut told, mut entered) = (Told::new(), 0);
    for (assignee, kind, _, rows, id) in rows {
        let what = if kind == "enters" { "entered" } else { "left" };
        entered += if kind == "enters" { rows } else { 0 };
        let words = match rows {
            1 => format!("{kind}: a row {what}|ticket: id {id}"),
            rows => format!("{kind}: {rows} rows {what}|ticket"),
        };
        told.entry((assignee, kind)).or_default().push(words);
    }
    (told, entered)
}

async fn told(connection: &mut PgConnection) -> Result<Told, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT a.name, split_part(n.title, ':', 1), n.title || '|' || n.body \
           FROM rowcast.notification n JOIN rowcast.account a ON a.id = n.account \
          WHERE n.title NOT LIKE 'all: %' ORDER BY n.id",
    )
    .fetch_all(connection)
    .await?;
    let mut told = Told::new();
    for (account, rule, words) in rows {
        told.entry((account, rule)).or_default().push(words);
    }
    Ok(told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hit_is_told_once_and_in_order_while_servers_and_databases_die() {
    while_servers_and_databases_die(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hit_is_told_once_and_in_order_where_changes_are_copied() {
    while_servers_and_databases_die(&[("ROWCAST_SOURCE", "replication")]).await;
}

async fn while_servers_and_databases_die(source: &[(&'static str, &'static str)]) {
    let seed: u64 = std::env::var("ROWCAST_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("ROWCAST_SEED={seed}");
    let mut random = Random::new(seed);
    let cluster = Cluster::start(&[]);
    let database = cluster.database().await;
    serve::prepare(&database.options).await.unwrap();
    let pool = database.pool(1).await;
    for name in PEOPLE {
        account::add(&pool, name, &["administrator".to_owned()], None)
            .await
            .unwrap();
    }
    pool.close().await;
    let settings = [&[("ROWCAST_AUTH", "on")], source].concat();
    // A rule that is there when changes begin to come from elsewhere says so.
    let first = Server::with(&database.url, &settings).await;
    first.stop().await;
    let mut connection = connect(&database).await;
    for sql in [TABLE, RULES] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let mut servers = [
        Server::with(&database.url, &settings).await,
        Server::with(&database.url, &settings).await,
    ];
    let (mut turn, mut deaths, mut hits) = (0, 0, 0);
    while hits < HITS || deaths < DEATHS {
        turn += 1;
        match write(&mut connection, &mut random, turn).await {
            // About one of each is a hit.
            Ok(()) => hits += 1,
            // Whether that was committed the database knows.
            Err(_) => connection = connect(&database).await,
        }
        for server in &mut servers {
            if server.has_ended() {
                server.restart().await;
            }
        }
        // They die in the midst of it, all along.
        if hits * DEATHS / HITS >= deaths && deaths < DEATHS {
            deaths += 1;
            let which = random.below(2) as usize;
            match random.below(4) {
                0 => {
                    servers[which].kill().await;
                    servers[which].restart().await;
                }
                1 => {
                    for server in &mut servers {
                        server.kill().await;
                    }
                    // Nobody looks meanwhile.
                    for _ in 0..20 {
                        turn += 1;
                        write(&mut connection, &mut random, turn).await.unwrap();
                    }
                    for server in &mut servers {
                        server.restart().await;
                    }
                }
                2 => {
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
    let mut connection = connect(&database).await;
    let (expected, entered) = expected(&mut connection).await;
    let number: usize = expected.values().map(Vec::len).sum();
    assert!(number as i64 >= HITS, "{number} hits");
    let catching_up = async {
        loop {
            for server in &mut servers {
                if server.has_ended() {
                    server.restart().await;
                }
            }
            match told(&mut connection).await {
                Ok(told) if told.values().map(Vec::len).sum::<usize>() >= number => return told,
                Ok(_) => tokio::task::yield_now().await,
                Err(_) => connection = connect(&database).await,
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(60), catching_up).await;
    let told = match told {
        Ok(told) => told,
        Err(_) => self::told(&mut self::connect(&database).await)
            .await
            .unwrap(),
    };
    assert_eq!(told, expected);
    // What is told together is one notification, and has counted each row once.
    let mut connection = connect(&database).await;
    let all: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM rowcast.notification WHERE title LIKE 'all: %'), \
                (SELECT hits FROM rowcast.watch_rule WHERE name = 'all')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(all, (1, entered));
    for server in servers {
        server.stop().await;
    }
}
