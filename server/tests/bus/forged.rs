//! Somebody who may write to the bus, and not to the database.

use redis::cmd;
use rowcast::capture::{
    ChangeKind, LogRow, Read,
    bus::{
        entry::{Entry, Told},
        signature::Key,
        stream_of,
    },
    history,
};
use rowcast_protocol::Cell;

use crate::world::World;

/// What takes a row from all lists, by a transaction that there never was, as one of another key
/// writes it; and as one of the right key does.
async fn forge(world: &World) -> (Vec<u8>, Vec<u8>) {
    let mut connection = world.database.connect().await;
    let epoch = history::epoch(&mut connection).await.unwrap();
    let key = Key::read(&mut connection).await.unwrap();
    let (relation, layout, image): (i64, i32, Vec<u8>) = sqlx::query_as(
        "SELECT relation::int8, layout, new FROM rowcast.change_log \
          WHERE relation = 't'::regclass AND new IS NOT NULL ORDER BY xid LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let last = world.redis.newest_bytes().await;
    let Entry::Told(Told { read, definitions }) = Entry::decode(&last, epoch, &key).unwrap() else {
        panic!("somebody leads");
    };
    let mut to = read.to.clone();
    to.xmax += 1;
    to.running.clear();
    to.xmin = to.xmax;
    let told = Told {
        read: Read {
            rows: vec![LogRow {
                xid: to.xmax - 1,
                at: 0,
                relation: relation as u32,
                kind: ChangeKind::Images,
                layout,
                old: image,
                new: Vec::new(),
            }],
            from: read.to,
            to,
            ..read
        },
        definitions,
    };
    let entry = |key: &Key| Entry::Told(told.clone()).encode(epoch, key);
    (entry(&Key::new(&[7; 32])), entry(&key))
}

async fn write(world: &World, bytes: Vec<u8>) {
    let mut connection = world.database.connect().await;
    let epoch = history::epoch(&mut connection).await.unwrap();
    let mut add = cmd("XADD");
    add.arg(stream_of(epoch)).arg("*").arg("form").arg(2);
    add.arg("writer").arg(9).arg("number").arg(1);
    add.arg("at")
        .arg(0)
        .arg("of")
        .arg(1)
        .arg("bytes")
        .arg(bytes);
    let mut bus = world.redis.connect().await;
    let _: String = add.query_async(&mut bus).await.unwrap();
}

#[tokio::test]
async fn what_was_not_signed_by_a_server_of_the_database_is_shown_to_nobody() {
    let mut world = World::new(2).await;
    world.database.execute("INSERT INTO t VALUES (-1, 0)").await;
    world.check().await;
    let follower = 1 - world.leader().await;
    write(&world, forge(&world).await.0).await;
    world.write_and_check().await;
    world.until_one_reads().await;
    world.write_and_check().await;
    // It is the signature that is wrong with it: a server's would be believed.
    write(&world, forge(&world).await.1).await;
    world.followers[follower]
        .until("a list without the row", |seen| {
            let first = seen.list.as_ref().and_then(|list| list.rows.first());
            first.is_some_and(|row| row.cells[0] != Cell::integer(-1))
        })
        .await;
}
