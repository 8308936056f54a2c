//! Which servers there are.

use std::time::Duration;

use serde_json::json;

use crate::world::World;

const NAMES: &str = "rowcast.server?order=id&select=name,state,reads";

#[tokio::test]
async fn servers_show_up_while_somebody_looks_and_go_when_they_end() {
    let world = World::new().await;
    let other = world.another().await;
    // Nobody looks, and it is not a minute since they began.
    assert_eq!(world.rows(NAMES).await.len(), 0);
    let mut stream = world.follow("rowcast.server").await;
    let rows = world
        .until(&mut stream, NAMES, |rows| rows.len() == 2)
        .await;
    for (row, addr) in rows.iter().zip([world.server.addr, other.addr]) {
        // Who is looked at writes first.
        let name = row[0].as_str().unwrap();
        assert!(name.ends_with(&format!(":{}", addr.port())), "{name}");
        assert_eq!((&row[1], &row[2]), (&json!("serving"), &json!("log")));
    }
    // What they are at comes again and again.
    let seen = "rowcast.server?order=id&select=seen_at";
    let first = world.rows(seen).await;
    let is_later = |rows: &[serde_json::Value]| rows.iter().zip(&first).all(|(a, b)| a != b);
    world.until(&mut stream, seen, is_later).await;
    other.drain(Duration::ZERO);
    let is_told = |rows: &[serde_json::Value]| rows.iter().any(|row| row[1] == "draining");
    world.until(&mut stream, NAMES, is_told).await;
    other.stop().await;
    assert_eq!(world.rows(NAMES).await.len(), 1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_not_heard_of_is_forgotten_by_others() {
    let world = World::new().await;
    world
        .execute(
            "INSERT INTO rowcast.server (name, version, started_at, seen_at) VALUES
                 ('crashed', '0', now(), now() - interval '4 min'),
                 ('late', '0', now(), now() - interval '2 min');
             INSERT INTO rowcast.server_query
             SELECT id, 1, 'nowhere', '', 1, 1, 1, 1, 1, 1, 1 FROM rowcast.server",
        )
        .await;
    let mut stream = world.follow("rowcast.server").await;
    let named = "rowcast.server?order=id&select=name";
    let is_gone = |rows: &[serde_json::Value]| !rows.contains(&json!(["crashed"]));
    let rows = world.until(&mut stream, named, is_gone).await;
    assert!(rows.contains(&json!(["late"])), "{rows:?}");
    let told = "rowcast.server_query?table_path=eq.nowhere&select=server(name)";
    assert_eq!(world.rows(told).await, [json!(["late"])]);
    world.server.stop().await;
}

#[tokio::test]
async fn a_server_that_others_gave_up_comes_back() {
    let world = World::new().await;
    let mut stream = world.follow("rowcast.server").await;
    let ids = "rowcast.server?select=id";
    let first = world.until(&mut stream, ids, |rows| rows.len() == 1).await;
    world.execute("DELETE FROM rowcast.server").await;
    let is_another = |rows: &[serde_json::Value]| rows.len() == 1 && *rows != first;
    world.until(&mut stream, ids, is_another).await;
    world.server.stop().await;
}
