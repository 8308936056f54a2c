//! Lists that are read from a standby while many write, at every version that they have.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use rowcast_protocol::{
    Cell,
    json::{Heading, read_event},
    list::List,
    message::Event,
};
use sqlx::{AssertSqlSafe, Connection};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::{
    cluster::Database,
    follower::PATIENCE,
    world::{World, execute},
};

/// Whoever writes moves something from one row to another, so that all together is nothing.
const TRANSFERS: u32 = 1000;
const WRITERS: u32 = 4;

/// How many versions a client looks at before it asks for another list.
const VERSIONS: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_list_adds_up_at_every_version_while_many_write() {
    add_up("").await;
}

/// The same where each list has to be waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_list_adds_up_where_the_standby_is_late() {
    add_up("recovery_min_apply_delay = '50ms'").await;
}

async fn add_up(settings: &str) {
    let world = World::new(settings).await;
    let moved = Arc::new(AtomicU32::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writing = Vec::new();
    for writer in 0..WRITERS {
        let (database, moved) = (world.database.clone(), Arc::clone(&moved));
        writing.push(tokio::spawn(write(database, writer, moved)));
    }
    let slow = tokio::spawn(write_slowly(
        world.database.clone(),
        Arc::clone(&moved),
        Arc::clone(&is_over),
    ));
    let mut looking = Vec::new();
    for client in 0..3 {
        let (address, is_over) = (world.server.address.clone(), Arc::clone(&is_over));
        looking.push(tokio::spawn(look(address, client, is_over)));
    }
    for task in writing {
        task.await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    slow.await.unwrap();
    let held = world.held().await;
    assert!(held.iter().any(|n| *n != 0));
    let (mut lists, mut versions) = (0, 0);
    for task in looking {
        let looked = task.await.unwrap();
        (lists, versions) = (lists + looked.lists, versions + looked.versions);
        let mut last = looked.last;
        last.until(&held).await;
    }
    let (reads, fallbacks) = (world.reads().await, world.all_fallbacks().await);
    println!("{lists} lists, {versions} versions, {reads} reads, {fallbacks} fallbacks");
    assert!(versions > lists && lists > 10, "{versions} of {lists}");
    assert!(reads > fallbacks, "{reads} reads, {fallbacks} not");
    world.server.stop().await;
}

/// Moves what the other writers move, too: they lock rows in the same order.
async fn write(database: Database, writer: u32, moved: Arc<AtomicU32>) {
    let mut connection = database.connect().await;
    if writer == 0 {
        execute(&mut connection, "SET synchronous_commit = off").await;
    }
    for nth in 0..TRANSFERS {
        // Rows 1 to 3 are the slow one's.
        let (from, to) = (4 + (nth + writer) % 8, 12 + (nth * 3 + writer) % 8);
        for sql in [
            "BEGIN".to_owned(),
            format!("UPDATE t SET n = n - 1 WHERE id = {from}"),
            format!("UPDATE t SET n = n + 1 WHERE id = {to}"),
            "COMMIT".to_owned(),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
        }
        moved.fetch_add(1, Ordering::Relaxed);
    }
    connection.close().await.unwrap();
}

/// Transactions that stay open while many others end, in one of which there is a savepoint.
async fn write_slowly(database: Database, moved: Arc<AtomicU32>, is_over: Arc<AtomicBool>) {
    let mut connection = database.connect().await;
    while !is_over.load(Ordering::Relaxed) {
        execute(
            &mut connection,
            "BEGIN; UPDATE t SET n = n - 5 WHERE id = 1",
        )
        .await;
        let begun = moved.load(Ordering::Relaxed);
        while moved.load(Ordering::Relaxed) < begun + 40 && !is_over.load(Ordering::Relaxed) {
            execute(&mut connection, "SELECT 1").await;
        }
        execute(
            &mut connection,
            "SAVEPOINT a; UPDATE t SET n = n + 5 WHERE id = 2; COMMIT",
        )
        .await;
    }
    connection.close().await.unwrap();
}

struct Looked {
    lists: u32,
    versions: u32,
    last: Client,
}

/// Opens one list after another, each of a query that nobody has asked before.
async fn look(address: String, client: u32, is_over: Arc<AtomicBool>) -> Looked {
    let (mut lists, mut versions) = (0, 0);
    loop {
        lists += 1;
        let mut following = Client::new(&address, 10_000 * (client + 1) + lists).await;
        for _ in 0..VERSIONS {
            if is_over.load(Ordering::Relaxed) {
                return Looked {
                    lists,
                    versions,
                    last: following,
                };
            }
            versions += u32::from(following.next(Instant::now() + PATIENCE / 60).await);
        }
    }
}

/// Somebody who follows all rows, and adds them up.
struct Client {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
    name: String,
    heading: Heading,
    list: Option<List>,
}

impl Client {
    async fn new(address: &str, number: u32) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /api/live/t?order=id&limit=1000&id=gt.-{number}&aggregate=sum(n) HTTP/1.1\r\n\
             Host: {address}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut client = Self {
            lines: BufReader::new(stream).lines(),
            name: String::new(),
            heading: Heading::default(),
            list: None,
        };
        assert!(client.next(Instant::now() + PATIENCE).await, "a list");
        client
    }

    /// Takes the next version; whether there was one by then.
    async fn next(&mut self, by: Instant) -> bool {
        while let Ok(line) = timeout_at(by, self.lines.next_line()).await {
            let line = line.unwrap().expect("the stream goes on");
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut self.name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                match read_event(&self.name, data, &mut self.heading).unwrap() {
                    Event::Snapshot(snapshot) => self.list = Some(List::new(snapshot)),
                    Event::Patch(patch) => self.list.as_mut().unwrap().apply(&patch).unwrap(),
                    event => panic!("{event:?}"),
                }
                self.add_up();
                return true;
            }
        }
        false
    }

    fn numbers(&self) -> Vec<i64> {
        let rows = self.list.iter().flat_map(|list| list.rows.iter());
        rows.map(|row| row.cells[1].to_json().parse().unwrap())
            .collect()
    }

    fn add_up(&self) {
        let list = self.list.as_ref().unwrap();
        let numbers = self.numbers();
        assert_eq!(numbers.len(), 20);
        assert_eq!(list.total, 20);
        assert_eq!(numbers.iter().sum::<i64>(), 0, "{numbers:?}");
        let sums: Vec<&Cell> = list.aggregates.iter().map(|sum| &sum.value).collect();
        assert!(sums == [&Cell::integer(0)], "{sums:?} of {numbers:?}");
    }

    async fn until(&mut self, held: &[i64]) {
        let by = Instant::now() + PATIENCE;
        while self.numbers() != held {
            assert!(self.next(by).await, "{:?}, not {held:?}", self.numbers());
        }
    }
}
