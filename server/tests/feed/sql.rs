//! `rowcast.post` in SQL, and `rowcast post`.

use sqlx::{Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::{api::channels, follower::Follower, world::World};

async fn post(connection: &mut PgConnection, channel: &str, body: &str) -> i64 {
    sqlx::query_scalar("SELECT rowcast.post($1, $2)")
        .bind(channel)
        .bind(body)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_rolled_back_is_never_posted_and_what_is_committed_once_in_order() {
    let world = World::new().await;
    channels(&world).await;
    let query = "order=id&select=id,body&limit=1000";
    let mut eve = Follower::of(world.server.addr, &world.eve, "rowcast.post", query).await;
    let mut connection = world.server.database.connect().await;
    let mut never = connection.begin().await.unwrap();
    post(&mut never, "general", "never @eve").await;
    never.rollback().await.unwrap();
    let mut kept = connection.begin().await.unwrap();
    let first = post(&mut kept, "general", "first").await;
    kept.execute("SAVEPOINT a").await.unwrap();
    post(&mut kept, "general", "never").await;
    kept.execute("ROLLBACK TO a").await.unwrap();
    let second = post(&mut kept, " General ", "second @eve").await;
    post(&mut kept, "den", "zanzibar @eve @bob").await;
    let third = post(&mut kept, "general", "third").await;
    kept.commit().await.unwrap();
    eve.until(|eve| eve.arrived.len() >= 3).await;
    assert_eq!(eve.arrived, [first, second, third]);
    assert!(!eve.heard.contains("never") && !eve.heard.contains("zanzibar"));
    assert_eq!(world.titles(&world.eve).await.len(), 1);
    assert_eq!(world.titles(&world.bob).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn who_calls_it_is_told_what_is_wrong_and_needs_the_right() {
    let world = World::new().await;
    channels(&world).await;
    world
        .execute("UPDATE rowcast.channel SET archived_at = now() WHERE name = 'news'")
        .await;
    let mut connection = world.server.database.connect().await;
    let long = "x".repeat(10_001);
    for (channel, body, code) in [
        ("none", "x", "P0002"),
        ("general", " \n", "22023"),
        ("general", "\u{1b}[2J", "22023"),
        ("general", &long, "22023"),
        ("news", "x", "22023"),
    ] {
        let refused = sqlx::query("SELECT rowcast.post($1, $2)")
            .bind(channel)
            .bind(body)
            .execute(&mut connection)
            .await
            .unwrap_err();
        let refused = refused.into_database_error().unwrap();
        assert_eq!(refused.code().as_deref(), Some(code), "{channel}");
    }
    // Roles are the whole cluster's, which other tests share.
    let role = format!("poster_{}", std::process::id());
    world
        .execute(&format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA rowcast TO {role};"
        ))
        .await;
    let take = format!("SET SESSION AUTHORIZATION {role}; SET application_name = 'nightly'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(take))
        .execute(&mut connection)
        .await
        .unwrap();
    for sql in [
        "SELECT rowcast.post('general', 'spam')",
        "SELECT rowcast.put_post(1, 1, 'ann', 'spam')",
        "INSERT INTO rowcast.post (channel, is_private, author_name, body) VALUES (1, false, 'ann', 'spam')",
        "SELECT * FROM rowcast.post",
        "SELECT rowcast.delete_post(1, 1)",
    ] {
        let refused = sqlx::raw_sql(sql)
            .execute(&mut connection)
            .await
            .unwrap_err();
        let refused = refused.into_database_error().unwrap();
        assert_eq!(refused.code().as_deref(), Some("42501"), "{sql}");
    }
    let grant = format!("GRANT EXECUTE ON FUNCTION rowcast.post(text, text) TO {role}");
    world.execute(&grant).await;
    post(&mut connection, "general", "allowed").await;
    let rows = world
        .ok(
            &world.bob,
            "GET",
            "/api/rows/rowcast.post?select=author,author_name",
            "",
        )
        .await;
    // It can't make up who it is.
    assert_eq!(rows["rows"][0]["cells"][0], serde_json::Value::Null);
    assert_eq!(rows["rows"][0]["cells"][1], format!("{role} (nightly)"));
    drop(connection);
    world
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    world.stop().await;
}

#[tokio::test]
async fn the_terminal_posts_too() {
    let world = World::new().await;
    channels(&world).await;
    let run = |line: [&'static str; 3]| {
        Command::new(env!("CARGO_BIN_EXE_rowcast"))
            .args(line)
            .env("DATABASE_URL", &world.server.database.url)
            .env("ROWCAST_ADDR", "127.0.0.1:0")
            .env("RUST_LOG", "error")
            .output()
    };
    let output = run(["post", "news", "Version **2** is out"]).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        world.titles(&world.bob).await,
        ["rowcast post announced in news"]
    );
    let path = "/api/rows/rowcast.audit?action=eq.post_sent&select=means";
    let noted = world.ok(&world.ann, "GET", path, "").await;
    assert_eq!(noted["rows"][0]["cells"][0], "terminal");
    for (line, said) in [
        (["post", "none", "x"], "no such channel"),
        (["post", "news", " "], "the body is empty"),
    ] {
        let output = run(line).await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
    world.stop().await;
}
