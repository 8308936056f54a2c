//! What is reached by a reference.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    stream::Stream,
    world::{MARK, World},
};

const SOON: Duration = Duration::from_secs(30);

/// The column of that name in a list.
fn column<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut columns = list["columns"].as_array().unwrap().iter();
    columns.find(|column| column["name"] == name).unwrap()
}

#[tokio::test]
async fn what_related_columns_refer_to_is_told_to_those_alone_who_see_everything() {
    let world = World::new().await;
    world
        .server
        .database
        .execute("ALTER TABLE people ADD box int REFERENCES vault")
        .await;
    let path = "/api/rows/ticket?select=id,people(name,box)";
    let all = world.admin("GET", path, "").await.json().1;
    assert_eq!(column(&all, "people.box")["references"]["table"], "vault");
    let bobs = world.bobs(path).await;
    assert_eq!(column(&bobs, "people.box")["references"], Value::Null);
    assert!(!bobs.to_string().contains("vault"), "{bobs}");
    // Over a stream, too.
    let path = "/api/live/ticket?select=id,people(name,box)";
    let mut stream = Stream::open(&world.server, &world.bob, path).await;
    stream.next().await.unwrap();
    assert!(!stream.heard.contains("vault"), "{}", stream.heard);
    world.server.stop().await;
}

#[tokio::test]
async fn a_reference_that_is_turned_elsewhere_shows_nothing_of_what_it_refers_to_then() {
    let world = World::new().await;
    world
        .server
        .database
        .execute(
            "CREATE TABLE agents (id int PRIMARY KEY, name text);
             INSERT INTO agents VALUES (1, 'zanzibar 1'), (2, 'zanzibar 2');
             SELECT rowcast.watch('agents')",
        )
        .await;
    world.grant("member", "agents", "{}").await;
    let path = "/api/live/ticket?select=id,who:person(name)&order=id";
    let mut bobs = Stream::open(&world.server, &world.bob, path).await;
    let (event, list) = bobs.next().await.unwrap();
    assert_eq!(event, "snapshot");
    assert_eq!(list["rows"][0]["cells"], json!([1, "bob"]));
    let mut anns = Stream::open(&world.server, &world.admin, path).await;
    assert_eq!(anns.next().await.unwrap().0, "snapshot");
    world
        .server
        .database
        .execute(
            "ALTER TABLE ticket DROP CONSTRAINT ticket_person_fkey,
                ADD CONSTRAINT ticket_person_fkey FOREIGN KEY (person) REFERENCES agents;
             UPDATE agents SET name = 'zanzibar 3'",
        )
        .await;
    let error = async {
        loop {
            match bobs.next().await {
                Some((event, error)) if event == "error" => return error,
                Some(_) => {}
                None => panic!("it ends without a word: {}", bobs.heard),
            }
        }
    };
    let error = timeout(SOON, error).await.expect("it ends");
    assert_eq!(error["error"]["code"], "catalog_changed", "{error}");
    assert!(!bobs.heard.contains(MARK), "{}", bobs.heard);
    // Who may see it goes on with what it refers to now.
    let follows = async {
        while !anns.heard.contains("zanzibar 3") {
            anns.next().await.unwrap();
        }
    };
    timeout(SOON, follows)
        .await
        .expect("the list is read again");
    // Asking again finds nothing of it.
    let again = Stream::open(&world.server, &world.bob, path).await;
    let refused = world.bob("GET", &path.replace("live", "rows"), "").await;
    assert_eq!(refused.error().1, "unknown_relation");
    drop(again);
    world.server.stop().await;
}

#[tokio::test]
async fn a_change_of_all_that_match_passes_over_what_another_writer_has_taken_away_meanwhile() {
    let world = World::new().await;
    let database = &world.server.database;
    for (set, status) in [("assignee = 'ann'", 409), ("amount = 77", 200)] {
        // Another has the row, and has not said yet what becomes of it.
        let mut other = database.connect().await;
        let held = format!("BEGIN; UPDATE ticket SET {set} WHERE id = 1");
        sqlx::raw_sql(sqlx::AssertSqlSafe(held))
            .execute(&mut other)
            .await
            .unwrap();
        let path = "/api/bulk/ticket?select=*,who:person(name)&who.name=eq.bob";
        let body = r#"{"set":{"person":1},"count":2}"#;
        let change = world.bob("POST", path, body);
        let released = async {
            let pool = database.pool(1).await;
            let sql = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while sqlx::query_scalar::<_, i64>(sql)
                .fetch_one(&pool)
                .await
                .unwrap()
                == 0
            {
                tokio::task::yield_now().await;
            }
            sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        };
        let (answer, ()) = tokio::join!(change, released);
        assert_eq!(answer.status, status, "{set}: {}", answer.text());
        let row = world
            .admin("GET", "/api/rows/ticket?id=eq.1", "")
            .await
            .json()
            .1;
        let person = if status == 200 { 1 } else { 2 };
        assert_eq!(row["rows"][0]["cells"][5], person, "{set}: {row}");
        database
            .execute("UPDATE ticket SET assignee = 'bob', person = 2 WHERE id IN (1, 3)")
            .await;
    }
    world.server.stop().await;
}
