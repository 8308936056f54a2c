//! What keeps servers busy.

use serde_json::{Value, json};

use crate::{stream::Stream, world::World};

#[tokio::test]
async fn the_busiest_query_is_at_the_top() {
    let world = World::new().await;
    let open = async |query: &str| {
        let mut stream = Stream::open(&world.server, &world.bob, query).await;
        assert_eq!(stream.next().await.unwrap().0, "snapshot");
        stream
    };
    let _idle = open("/api/live/item?n=lt.-1").await;
    let mut busy = open("/api/live/item?n=gte.0&order=n.desc").await;
    let _also = open("/api/live/item?n=gte.0&order=n.desc").await;
    let writing = async {
        loop {
            world.execute("UPDATE item SET n = n + 1").await;
            assert_eq!(busy.next().await.unwrap().0, "patch");
        }
    };
    let mut stream = world.follow("rowcast.server_query").await;
    let top = "rowcast.server_query?table_path=eq.item&order=recent_micros.desc\
               &select=query,subscribers,patches,changes,micros,reads";
    let is_told = |rows: &[Value]| {
        let first = rows.first();
        first.is_some_and(|row| row[0] == "n=gte.0&order=n.desc")
    };
    let rows = tokio::select! {
        rows = world.until(&mut stream, top, is_told) => rows,
        () = writing => unreachable!("it writes without end"),
    };
    let figure = |at: usize| -> i64 {
        let cell = &rows[0][at];
        cell.as_i64()
            .unwrap_or_else(|| cell.as_str().unwrap().parse().unwrap())
    };
    assert_eq!(figure(1), 2, "{rows:?}");
    // Each patch is of all rows.
    assert!(figure(2) > 0 && figure(3) >= figure(2) * 20, "{rows:?}");
    assert!(figure(4) > 0 && figure(5) >= 1, "{rows:?}");
    world.server.stop().await;
}

#[tokio::test]
async fn what_people_look_for_among_what_is_theirs_is_not_told() {
    let world = World::new().await;
    let path = "/api/live/rowcast.notification?title=eq.zanzibar";
    let mut theirs = Stream::open(&world.server, &world.bob, path).await;
    assert_eq!(theirs.next().await.unwrap().0, "snapshot");
    let mut stream = world.follow("rowcast.server_query").await;
    let told = "rowcast.server_query?table_path=eq.rowcast.notification&select=query";
    let rows = world
        .until(&mut stream, told, |rows| !rows.is_empty())
        .await;
    assert_eq!(rows, [json!([null])]);
    let all = world.rows("rowcast.server_query").await;
    assert!(!json!(all).to_string().contains("zanzibar"), "{all:?}");
    world.server.stop().await;
}
