//! Exports, finished and broken off.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{browser::bearer, world::World};

/// The only entry, once it tells that the export is over.
async fn ended(world: &World) -> Value {
    let ended = async {
        loop {
            let noted = world.noted().await;
            assert_eq!(noted.len(), 1, "{noted:#?}");
            if noted[0]["details"]["outcome"] != "begun" {
                return noted[0].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("an export ends")
}

#[tokio::test]
async fn an_export_is_noted_with_its_query_and_how_many_rows_it_had() {
    let world = World::new().await;
    world
        .bob("GET", "/api/rows/item.csv?id=lte.4&order=title.desc", "")
        .await;
    let entry = ended(&world).await;
    assert_eq!(
        (
            &entry["action"],
            &entry["name"],
            &entry["table_path"],
            &entry["rows"]
        ),
        (&json!("export"), &json!("bob"), &json!("item"), &json!(4))
    );
    assert_eq!(
        entry["details"],
        json!({"format": "csv", "query": "id=lte.4&order=title.desc", "outcome": "finished"})
    );
    world.server.stop().await;
}

#[tokio::test]
async fn one_that_nobody_reads_to_the_end_is_broken_off() {
    let world = World::new().await;
    world
        .execute(
            "CREATE TABLE large (id int PRIMARY KEY, x text);
             INSERT INTO large SELECT n, repeat('x', 1000) FROM generate_series(1, 60000) AS n",
        )
        .await;
    let mut stream = TcpStream::connect(world.server.addr).await.unwrap();
    let head = format!(
        "GET /api/rows/large.json HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
        world.server.addr,
        bearer(&world.bob)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut some = [0; 4096];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let entry = ended(&world).await;
    assert_eq!(entry["details"]["outcome"], "broken off");
    assert!(entry["rows"].as_u64().unwrap() < 60_000, "{entry}");
    world.server.stop().await;
}

#[tokio::test]
async fn one_of_which_a_row_can_not_be_read_is_broken_off() {
    let world = World::new().await;
    world
        .execute(
            "CREATE VIEW failing AS SELECT id, 1 / (6000 - id) AS x, repeat('x', 100) AS y
               FROM generate_series(1, 9000) AS id",
        )
        .await;
    let answer = world
        .send(&world.bob, "GET", "/api/rows/failing.csv?order=id", "")
        .await;
    assert!(answer.text().lines().count() < 9000);
    let entry = ended(&world).await;
    assert_eq!(entry["details"]["outcome"], "broken off");
    world.server.stop().await;
}

#[tokio::test]
async fn those_of_strangers_are_counted() {
    let world = World::new().await;
    world
        .ann("PUT", "/api/permissions/public/item", r#"{"read":true}"#)
        .await;
    world.execute("TRUNCATE rowcast.audit CASCADE").await;
    for _ in 0..4 {
        let answer = world.server.get("/api/rows/item.csv").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let entry = world.last().await;
    assert_eq!(
        (
            &entry["action"],
            &entry["table_path"],
            &entry["rows"],
            &entry["address"]
        ),
        (
            &json!("public_export"),
            &json!("item"),
            &json!(4),
            &json!("127.0.0.1")
        )
    );
    world.server.stop().await;
}
