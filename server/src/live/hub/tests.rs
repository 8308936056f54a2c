//! The hub, without a database.

use sqlx::postgres::PgConnectOptions;

use super::*;
use crate::database::pool::readers;

/// A hub, what it takes its commands from, and the history that it tells.
fn hub() -> (Hub, mpsc::Receiver<Command>, Arc<AtomicU64>) {
    let pool = readers(PgConnectOptions::new_without_pgpass(), 1);
    let epoch = Arc::new(AtomicU64::new(1));
    let (hub, _, commands) = Hub::new(HubParts {
        catalog: Arc::new(Catalog::new(pool.clone())),
        readers: pool.into(),
        tail: TailHandle::of_none(),
        epoch: Arc::clone(&epoch),
        version: PgSnapshot::default(),
        following: watch::channel(Following(true)).0,
        figures: Arc::default(),
        traces: Traces::default(),
    });
    (hub, commands, epoch)
}

#[tokio::test]
async fn what_is_due_gets_its_turn_between_two_reads_of_the_log() {
    let (mut hub, mut commands, _) = hub();
    let (now, window) = (Instant::now(), WindowId(7));
    hub.turns.insert((now, window));
    hub.lingering.insert(window);
    hub.snapshots.push_back((now - SNAPSHOT_KEPT, window));
    hub.house_kept = now - HOUSEKEEPING;
    hub.give_turns(&mut commands);
    assert!(hub.turns.is_empty());
    assert!(hub.lingering.is_empty());
    assert!(hub.snapshots.is_empty());
}

#[tokio::test]
async fn another_history_is_told_to_those_who_read_lists_by_themselves() {
    let (mut hub, _, epoch) = hub();
    hub.follow(TailEvent::HistoryChanged {
        epoch: 42,
        version: PgSnapshot::default(),
    });
    assert_eq!(epoch.load(Ordering::Relaxed), 42);
}

#[tokio::test]
async fn a_table_that_no_read_agrees_with_is_looked_at_once_in_a_while() {
    let (mut hub, _, _) = hub();
    assert!(!hub.is_misread_again(7));
    assert!(hub.is_misread_again(7));
    assert!(!hub.is_misread_again(8));
    hub.misread.insert(7, Instant::now() - RETRY);
    assert!(!hub.is_misread_again(7));
}
