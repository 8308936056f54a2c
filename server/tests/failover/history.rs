//! By what a history is known.

use rowcast::{capture::history, database::pool::session};
use sqlx::{ConnectOptions, Connection};
use tokio::task::block_in_place;

use crate::{
    cluster::{Cluster, Database},
    ports,
    world::World,
};

async fn epoch(database: &Database) -> u64 {
    let mut connection = session(database.options.clone()).connect().await.unwrap();
    let epoch = history::epoch(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    epoch
}

/// What the standby counts is what the primary counted, so its timeline alone tells it.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_took_over_is_another_history() {
    let mut world = World::new().await;
    let before = epoch(&world.database).await;
    block_in_place(|| {
        world.primary.stop();
        world.primary.resume();
    });
    assert_eq!(
        epoch(&world.database).await,
        before,
        "the same, stopped in good order"
    );
    world.fail_over();
    let after = epoch(&world.database).await;
    assert_ne!(after, before);
    block_in_place(|| {
        world.standby.stop();
        world.standby.resume();
    });
    assert_eq!(epoch(&world.database).await, after);
}

/// Of two that took over from the same primary, neither of which has heard of the other, each may
/// be on the timeline that comes next.
#[tokio::test(flavor = "multi_thread")]
async fn two_standbys_that_took_over_are_two_histories() {
    let world = World::new().await;
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let port = ports::free();
        let mut standby: Cluster = block_in_place(|| world.primary.standby(port));
        block_in_place(|| standby.promote(ports::free()));
        epochs.push(epoch(&standby.named(&world.database.name)).await);
    }
    epochs.push(epoch(&world.database).await);
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 3);
}
