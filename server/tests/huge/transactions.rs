//! Transactions that change more than anybody holds.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use super::{Database, Server, follower::Follower, memory, rows, start};

/// How long another table's client may wait for a change meanwhile, with an unoptimised
/// server on a busy machine: what must not be is that it waits for the huge transaction's end
/// to be dealt with row by row, or for good.
const WAIT: Duration = Duration::from_secs(5);

/// What a read of the log may hold, and what that may cost the server in all: rows are held
/// as images, as records and as what the engine keeps of them until they are no longer needed.
const READ_BYTES: (&str, &str) = ("ROWCAST_READ_BYTES", "8388608");
const MEMORY: u64 = 160 << 20;

const QUERIES: [(&str, &str); 4] = [
    ("order=id&limit=50", "ORDER BY id LIMIT 50"),
    ("order=n.desc&limit=20", "ORDER BY n DESC, id LIMIT 20"),
    (
        "n=eq.7&order=id.desc&limit=10",
        "WHERE n = 7 ORDER BY id DESC LIMIT 10",
    ),
    (
        "name=like.*77*&limit=30&offset=100",
        "WHERE name LIKE '%77%' ORDER BY id LIMIT 30 OFFSET 100",
    ),
];

struct World {
    database: Database,
    server: Server,
    client: Follower,
}

impl World {
    async fn new() -> Self {
        let sql = format!(
            "CREATE TABLE big (id int PRIMARY KEY, n int, name text); \
             INSERT INTO big SELECT g, g % 1000, 'row ' || g FROM generate_series(1, {}) g; \
             CREATE TABLE small (n int, id int PRIMARY KEY); INSERT INTO small VALUES (0, 1); \
             SELECT rowcast.watch('big'), rowcast.watch('small')",
            rows()
        );
        let (database, server) = start(&sql, &[READ_BYTES]).await;
        let mut client = Follower::open(&server.address).await;
        for (id, (query, _)) in (1..).zip(QUERIES) {
            client.subscribe(id, "big", query).await;
            client.list(id).await;
        }
        memory::forget_peak(server.pid());
        Self {
            database,
            server,
            client,
        }
    }

    /// Runs statements in one transaction while another table is written to and followed.
    /// How often that was, and how long the slowest took.
    async fn beside(&mut self, sql: String) -> (u64, Duration) {
        let before = memory::of(self.server.pid()).0;
        let mut other = Follower::open(&self.server.address).await;
        other.subscribe(1, "small", "").await;
        let mut n: u64 = other.list(1).await.rows[0].cells[0]
            .to_json()
            .parse()
            .unwrap();
        let database = self.database.clone();
        let mut writer = database.connect().await;
        let huge = tokio::spawn(async move {
            let mut connection = database.connect().await;
            sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; {sql}; COMMIT")))
                .execute(&mut connection)
                .await
                .unwrap();
        });
        let (mut changes, mut slowest) = (0, Duration::ZERO);
        // As long as it lasts, and for as many changes again: it is dealt with after its end.
        let mut after = 100;
        while after > 0 {
            n += 1;
            let begun = Instant::now();
            sqlx::raw_sql(AssertSqlSafe(format!("UPDATE small SET n = {n}")))
                .execute(&mut writer)
                .await
                .unwrap();
            other.until_first_is(1, &n.to_string()).await;
            slowest = slowest.max(begun.elapsed());
            changes += 1;
            after -= u32::from(huge.is_finished());
        }
        huge.await.unwrap();
        self.is_exact().await;
        let (_, peak) = memory::of(self.server.pid());
        let grown = peak.saturating_sub(before) >> 20;
        println!(
            "{changes} changes beside it, the slowest {slowest:?}; memory grew by {grown} MiB"
        );
        assert!(slowest < WAIT, "{slowest:?}");
        assert!(peak.saturating_sub(before) < MEMORY, "{grown} MiB");
        (changes, slowest)
    }

    async fn is_exact(&mut self) {
        for (id, (_, sql)) in (1..).zip(QUERIES) {
            let (filter, order) = sql.split_at(sql.find("ORDER").unwrap());
            let sql = format!(
                "SELECT (SELECT count(*) FROM big {filter}), ARRAY[to_jsonb(id)::text, \
                 to_jsonb(n)::text, to_jsonb(name)::text] FROM big {filter} {order}"
            );
            self.client.until_equal(id, &self.database, &sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_a_large_table_at_once_delays_nobody_else_and_ends_exact() {
    let mut world = World::new().await;
    let rows = rows();
    let half = rows / 2;
    for sql in [
        "UPDATE big SET n = (n + 1) % 1000".to_owned(),
        format!("DELETE FROM big WHERE id > {half}"),
        format!(
            "INSERT INTO big SELECT g, g % 1000, 'again ' || g FROM generate_series({half} + 1, {rows}) g"
        ),
        // So many statements of their own, each logged with its row.
        format!(
            "DO 'BEGIN FOR i IN 1..{} LOOP UPDATE big SET n = 7 WHERE id = i; END LOOP; END'",
            rows / 4
        ),
        "TRUNCATE big".to_owned(),
    ] {
        println!("{sql}");
        world.beside(sql).await;
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_copy_ends_exact() {
    let mut world = World::new().await;
    let mut connection = world.database.connect().await;
    let mut copy = connection.copy_in_raw("COPY big FROM STDIN").await.unwrap();
    let first = rows() + 1;
    for from in (first..first + rows()).step_by(10_000) {
        let lines: String = (from..from + 10_000)
            .map(|id| format!("{id}\t{}\tcopied {id}\n", id % 1000))
            .collect();
        copy.send(lines.into_bytes()).await.unwrap();
    }
    copy.finish().await.unwrap();
    world.is_exact().await;
    world.server.stop().await;
}
