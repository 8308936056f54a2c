//! Which servers there are.

use std::time::Duration;

use serde_json::json;

use crate::world::World;

const NAMES: &str = "rowcast.server?order=id&select=name,state,reads";

#[tokio::test]
async fn servers_show_up_while_somebody_looks_and_go_when_they_end() {
    let world = World::new().await;
    let other = world.another().await;
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
             SELECT id, 1, 'nowhere', '', 1, 1, 1, 1, 1, 1, 1 FROM rowcast.server WHERE version = '0'",
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
async fn a_server_that_is_not_heard_of_is_silent_until_it_speaks() {
    let world = World::new().await;
    let other = world.another().await;
    let mut stream = world.follow("rowcast.server").await;
    world
        .until(&mut stream, NAMES, |rows| rows.len() == 2)
        .await;
    world
        .execute(
            "INSERT INTO rowcast.server (name, version, started_at, seen_at) VALUES
                 ('killed', '0', now(), now() - interval '90 s'),
                 ('stopped', '0', now(), now())",
        )
        .await;
    let states = "rowcast.server?name=in.(killed,stopped)&order=name&select=name,state";
    let [serving, silent] = ["serving", "silent"];
    // Who could not know yet that somebody looks is given more time.
    let rows = world
        .until(&mut stream, states, |rows| {
            rows[0] == json!(["killed", silent])
        })
        .await;
    assert_eq!(rows[1], json!(["stopped", serving]));
    let is_told = |rows: &[serde_json::Value]| rows[1] == json!(["stopped", silent]);
    world.until(&mut stream, states, is_told).await;
    // Those who speak are not, however long somebody looks; and who speaks again says so itself.
    let others = "rowcast.server?name=not.in.(killed,stopped)&select=state";
    assert_eq!(world.rows(others).await, vec![json!([serving]); 2]);
    let port = other.addr.port();
    world
        .execute(&format!(
            "UPDATE rowcast.server SET state = 'silent' WHERE name LIKE '%:{port}'"
        ))
        .await;
    let all_speak = |rows: &[serde_json::Value]| rows.iter().all(|row| row[0] == serving);
    world.until(&mut stream, others, all_speak).await;
    other.stop().await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_server_tells_of_itself_at_its_start_in_place_of_one_that_was_killed_there() {
    let world = World::new().await;
    let port = crate::ports::free();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = format!("{}:{port}", host.trim());
    world
        .execute(&format!(
            "INSERT INTO rowcast.server (name, version, started_at, seen_at) VALUES
                 ('{name}', 'killed', now() - interval '1 h', now() - interval '1 s'),
                 ('another', 'killed', now() - interval '1 h', now() - interval '1 s')"
        ))
        .await;
    let there = world.another_at(format!("127.0.0.1:{port}")).await;
    // Nobody looks, and it is not a minute since it began.
    let versions = "rowcast.server?order=name&select=name,version";
    let is_told = async {
        loop {
            let rows = world.rows(versions).await;
            let of_it: Vec<_> = rows.iter().filter(|row| row[0] == name.as_str()).collect();
            if of_it.len() == 1 && of_it[0][1] != "killed" {
                return rows;
            }
        }
    };
    let rows = tokio::time::timeout(Duration::from_secs(30), is_told).await;
    assert!(rows.unwrap().contains(&json!(["another", "killed"])));
    there.stop().await;
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
