//! Tables to write about: of the tickets bob and eve see their own and everybody's.

use serde_json::json;

use crate::{follower::Follower, server::Server, world::World};

pub const TICKETS: &str = "
    CREATE TABLE ticket (id int PRIMARY KEY, owner text NOT NULL, title text NOT NULL DEFAULT 'lamp');
    INSERT INTO ticket VALUES (1, 'bob'), (2, 'eve'), (3, 'all'), (4, 'ann');
    CREATE TABLE vault (id int PRIMARY KEY);
    INSERT INTO vault VALUES (1);
    CREATE TABLE pair (a text, b numeric, PRIMARY KEY (a, b));
    INSERT INTO pair VALUES ('x,y/z %2C \"q\"', 1.50), ('ä', 2);
    CREATE VIEW seen AS SELECT * FROM ticket;
    SELECT rowcast.watch('ticket'), rowcast.watch('vault'), rowcast.watch('pair');";

/// Ann administers.
pub async fn world() -> World {
    let world = World::of(Server::guarded(TICKETS).await).await;
    grant(
        &world,
        "ticket",
        r#"{"read":true,"rows":"or=(owner.eq.$user.name,owner.eq.all)"}"#,
    )
    .await;
    grant(&world, "vault", "{}").await;
    world
}

pub async fn grant(world: &World, table: &str, grant: &str) {
    let path = format!("/api/permissions/member/{table}");
    world.ok(&world.ann, "PUT", &path, grant).await;
}

/// Writes about a row, and says the comment's number.
pub async fn comment(world: &World, token: &str, row: &str, body: &str) -> i64 {
    let path = format!("/api/comments/{row}");
    let body = json!({"body": body}).to_string();
    world.ok(token, "POST", &path, &body).await["id"]
        .as_i64()
        .unwrap()
}

/// What is written about a row, as somebody reads it.
pub async fn bodies(world: &World, token: &str, table: &str, key: &str) -> Vec<String> {
    let path = format!(
        "/api/rows/rowcast.comment?table=eq.{table}&key=eq.{key}&select=body&order=id&limit=1000"
    );
    let rows = world.ok(token, "GET", &path, "").await;
    let rows = rows["rows"].as_array().unwrap().iter();
    rows.map(|row| row["cells"][0].as_str().unwrap().to_owned())
        .collect()
}

/// The status and the code of a refusal.
pub async fn refused(
    world: &World,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let (status, code, _) = world.send(token, method, path, body).await.error();
    (status, code)
}

/// Somebody's device, which follows what is written about a ticket.
pub async fn follower(world: &World, token: &str, key: &str) -> Follower {
    let query = format!("table=eq.ticket&key=eq.{key}&order=id&select=id,body&limit=1000");
    Follower::of(world.server.addr, token, "rowcast.comment", &query).await
}
