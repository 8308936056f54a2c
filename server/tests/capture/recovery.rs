//! A database that goes away and comes back, as it was or as another.

use std::time::Duration;

use rowcast::capture::{TailEvent, change_log};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cluster::Cluster,
    replica::{Reader, Replica, connect, database, execute, follow, next, prepared, version},
};

const TABLE: &str = "CREATE TABLE item (id int PRIMARY KEY, n text); SELECT rowcast.watch('item')";

/// Ends every connection but its own.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Longer than a read takes of which it is asked whether the database answers.
const SLOW: Duration = Duration::from_secs(12);

#[tokio::test]
async fn after_a_stop_in_good_order_the_tail_goes_on_where_it_was() {
    let cluster = Cluster::start(&[]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    for round in 0..3 {
        database
            .execute(&format!(
                "INSERT INTO item SELECT g, {round} FROM generate_series({round}000, {round}500) g"
            ))
            .await;
        cluster.stop();
        cluster.resume();
        database
            .execute(&format!("UPDATE item SET n = n || 'x' WHERE n = '{round}'; DELETE FROM item WHERE id = {round}001"))
            .await;
        let mut connection = connect(&database).await;
        let end = version(&mut connection).await;
        let mut lost = 0;
        loop {
            match next(&mut tail).await {
                TailEvent::Read(read) => {
                    replica.apply(&read);
                    if lost > 0 && read.to.covers(&end) {
                        break;
                    }
                }
                TailEvent::Lost => lost += 1,
                TailEvent::Recovered => tail.handle.nudge(),
                TailEvent::HistoryChanged { .. } => panic!("the history is the same"),
            }
        }
        replica
            .check(&mut connection, "public.item", "after a stop")
            .await;
    }
}

/// Transaction ids that were not on disk are handed out again, so a cursor from before may
/// count as seen what was committed afterwards.
#[tokio::test]
async fn a_crash_begins_another_history() {
    let cluster = Cluster::start(&[]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    cluster.kill();
    cluster.resume();
    loop {
        match next(&mut tail).await {
            TailEvent::HistoryChanged { .. } => break,
            TailEvent::Recovered => panic!("ids may have been used twice"),
            TailEvent::Read(_) | TailEvent::Lost => {}
        }
    }
}

#[tokio::test]
async fn after_its_connections_were_ended_nothing_is_skipped() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    for round in 0..3 {
        let mut connection = connect(&database).await;
        execute(&mut connection, TERMINATE).await;
        execute(
            &mut connection,
            &format!("INSERT INTO public.item VALUES ({round})"),
        )
        .await;
        let end = version(&mut connection).await;
        let mut recovered = false;
        loop {
            match next(&mut tail).await {
                TailEvent::Read(read) => {
                    replica.apply(&read);
                    if recovered && read.to.covers(&end) {
                        break;
                    }
                }
                TailEvent::Lost => {}
                TailEvent::Recovered => {
                    recovered = true;
                    tail.handle.nudge();
                }
                TailEvent::HistoryChanged { .. } => panic!("the history is the same"),
            }
        }
        replica
            .check(
                &mut connection,
                "public.item",
                "after the connection was lost",
            )
            .await;
    }
}

#[tokio::test]
async fn another_history_is_recognised() {
    let database = database().await;
    database.execute(TABLE).await;
    for change in [
        // A copy that was restored has an epoch of its own.
        "UPDATE rowcast.state SET epoch = epoch + 1",
        // What the cursor has not seen may be gone.
        "UPDATE rowcast.state SET purged_below = '4000000000'",
    ] {
        let mut tail = follow(&database).await;
        let epoch = tail.epoch;
        let mut connection = connect(&database).await;
        execute(&mut connection, change).await;
        execute(&mut connection, TERMINATE).await;
        let told = loop {
            match next(&mut tail).await {
                TailEvent::HistoryChanged { epoch, .. } => break epoch,
                TailEvent::Recovered => panic!("{change}: not recognised"),
                TailEvent::Lost | TailEvent::Read(_) => {}
            }
        };
        assert_eq!(told != epoch, change.contains("epoch"));
    }
}

#[tokio::test]
async fn a_read_too_large_to_hold_names_its_tables() {
    let database = database().await;
    database.execute(TABLE).await;
    database
        .execute("CREATE TABLE small (id int PRIMARY KEY); SELECT rowcast.watch('small')")
        .await;
    let mut reader = Reader::new(&database).await;
    for n in 0..20 {
        database
            .execute(&format!(
                "INSERT INTO item VALUES ({n}, repeat('x', 10000)); INSERT INTO small VALUES ({n})"
            ))
            .await;
    }
    let read = change_log::read(&mut reader.connection, &reader.cursor, 100_000)
        .await
        .unwrap();
    let relation = async |name: &str| -> u32 {
        let mut connection = database.connect().await;
        let oid: i64 = sqlx::query_scalar("SELECT $1::text::regclass::oid::int8")
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        oid as u32
    };
    // The table of which less was logged is told whole.
    assert_eq!(read.overflow, [relation("item").await]);
    assert_eq!(read.rows.len(), 20);
    let small = relation("small").await;
    assert!(read.rows.iter().all(|row| row.relation == small));
    // Each row counts, whatever its size; and the end is the same.
    let none = change_log::read(&mut reader.connection, &reader.cursor, 1000)
        .await
        .unwrap();
    assert_eq!((none.rows.len(), none.overflow.len()), (0, 2));
    assert!(none.to.covers(&read.to));
    let next = change_log::read(&mut reader.connection, &none.to, 1000)
        .await
        .unwrap();
    assert_eq!((next.rows.len(), next.overflow.len()), (0, 0));
}

/// Processes that do nothing until this is dropped.
struct Stopped(Vec<Pid>);

impl Stopped {
    fn new(processes: Vec<i32>) -> Self {
        let processes = processes.into_iter().map(|pid| Pid::from_raw(pid).unwrap());
        let stopped = Self(processes.collect());
        for process in &stopped.0 {
            kill_process(*process, Signal::STOP).unwrap();
        }
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for process in &self.0 {
            // One that has ended needs nothing more.
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_as_one_that_is_away_until_it_does() {
    let cluster = Cluster::start(&[]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    // The one that reads and the one that hears the bell. Those that made the table may be a
    // moment from their end.
    let sessions = loop {
        let sessions: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
                AND state = 'idle'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        if sessions.len() == 2 {
            break sessions;
        }
        tail.handle.nudge();
        assert!(matches!(next(&mut tail).await, TailEvent::Read(_)));
    };
    // Nor does it answer whoever comes.
    let stopped = Stopped::new([sessions, vec![cluster.process()]].concat());
    execute(
        &mut connection,
        "INSERT INTO public.item VALUES (1, 'late')",
    )
    .await;
    tail.handle.nudge();
    let lost = next(&mut tail).await;
    drop(stopped);
    assert!(matches!(lost, TailEvent::Lost), "{lost:?}");
    let recovered = next(&mut tail).await;
    assert!(matches!(recovered, TailEvent::Recovered), "{recovered:?}");
    // Over the same connection, with nothing missed.
    let TailEvent::Read(read) = next(&mut tail).await else {
        panic!("the tail was lost")
    };
    assert_eq!(read.rows.len(), 1);
}

#[tokio::test]
async fn a_read_that_takes_long_is_waited_for_while_the_database_answers() {
    // Of its own: some of what other tests do waits for all sessions of a cluster.
    let cluster = Cluster::start(&[]);
    let database = prepared(&cluster).await;
    database.execute(TABLE).await;
    let mut tail = follow(&database).await;
    // One session stands for whatever makes a read slow: all others are answered.
    let mut connection = connect(&database).await;
    let reader = loop {
        tail.handle.nudge();
        assert!(matches!(next(&mut tail).await, TailEvent::Read(_)));
        let readers: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND state = 'idle' \
                AND query LIKE '%rowcast.change_log%'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        if let [reader] = readers[..] {
            break reader;
        }
    };
    let stopped = Stopped::new(vec![reader]);
    execute(
        &mut connection,
        "INSERT INTO public.item VALUES (1, 'late')",
    )
    .await;
    tail.handle.nudge();
    let told = tokio::time::timeout(SLOW, tail.events.recv()).await;
    drop(stopped);
    assert!(told.is_err(), "{told:?}");
    let TailEvent::Read(read) = next(&mut tail).await else {
        panic!("the tail was lost")
    };
    assert_eq!(read.rows.len(), 1);
}
