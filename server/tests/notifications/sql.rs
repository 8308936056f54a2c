//! `rowcast.notify` in SQL.

use sqlx::{Connection, Executor, PgConnection};

use crate::{follower::Follower, world::World};

async fn notify(connection: &mut PgConnection, user: &str, title: &str) -> i64 {
    sqlx::query_scalar("SELECT rowcast.notify($1, $2)")
        .bind(user)
        .bind(title)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_rolled_back_is_never_told_and_what_is_committed_once_in_order() {
    let world = World::new().await;
    let mut bob = Follower::new(world.server.addr, &world.bob).await;
    let mut connection = world.server.database.connect().await;
    let mut never = connection.begin().await.unwrap();
    notify(&mut never, "bob", "never").await;
    never.rollback().await.unwrap();
    // A part of a transaction alone, too.
    let mut kept = connection.begin().await.unwrap();
    let first = notify(&mut kept, "bob", "first").await;
    kept.execute("SAVEPOINT a").await.unwrap();
    notify(&mut kept, "bob", "never").await;
    kept.execute("ROLLBACK TO a").await.unwrap();
    let second = notify(&mut kept, "bob", "second").await;
    let third = notify(&mut kept, "BOB ", "third").await;
    kept.execute("INSERT INTO item VALUES (1)").await.unwrap();
    kept.commit().await.unwrap();
    bob.until(|bob| bob.arrived.len() >= 3).await;
    assert_eq!(bob.arrived, [first, second, third]);
    let last = notify(&mut connection, "bob", "last").await;
    bob.until(|bob| bob.held.contains_key(&last)).await;
    assert_eq!(bob.arrived, [first, second, third, last]);
    assert!(!bob.heard.contains("never"));
    assert_eq!(
        world.titles(&world.bob).await,
        ["first", "second", "third", "last"]
    );
    world.stop().await;
}

#[tokio::test]
async fn who_calls_it_is_told_what_is_wrong() {
    let world = World::new().await;
    let mut connection = world.server.database.connect().await;
    let long = "x".repeat(201);
    for (user, title, body, link, code) in [
        ("nobody", "t", "", "", "P0002"),
        ("#0", "t", "", "", "P0002"),
        ("#99999999999999999999", "t", "", "", "P0002"),
        ("bob", "", "", "", "22023"),
        ("bob", "  ", "", "", "22023"),
        ("bob", "a\nb", "", "", "22023"),
        ("bob", &long, "", "", "22023"),
        ("bob", "t", &"x".repeat(2001), "", "22023"),
        ("bob", "t", "\u{1b}[2J", "", "22023"),
        ("bob", "t", "", "javascript:alert(1)", "22023"),
        ("bob", "t", "", "//evil.example/", "22023"),
        ("bob", "t", "", "/\\evil.example/", "22023"),
        ("bob", "t", "", "/\t/evil.example/", "22023"),
        ("bob", "t", "", "http://evil.example/", "22023"),
        ("bob", "t", "", "https://here@evil.example/", "22023"),
        ("bob", "t", "", "https://", "22023"),
        ("bob", "t", "", "tables/t", "22023"),
    ] {
        let refused = sqlx::query("SELECT rowcast.notify($1, $2, $3, $4)")
            .bind(user)
            .bind(title)
            .bind(body)
            .bind(link)
            .execute(&mut connection)
            .await
            .unwrap_err();
        let refused = refused.into_database_error().unwrap();
        assert_eq!(
            refused.code().as_deref(),
            Some(code),
            "{user} {title} {link}"
        );
    }
    for (body, link) in [
        ("", "/"),
        ("two\nlines", "/tables/orders?id=eq.7"),
        ("", "https://example.com"),
        ("", "https://example.com:8443/a?b=@c#d"),
    ] {
        sqlx::query("SELECT rowcast.notify($1, 'fine', $2, $3)")
            .bind(format!("#{}", world.bobs.0))
            .bind(body)
            .bind(link)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    assert_eq!(world.unread(&world.bob).await, 4);
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_given_the_right_may_call_it_and_nobody_else() {
    let world = World::new().await;
    let mut connection = world.server.database.connect().await;
    let of = |sql: &'static str| sqlx::raw_sql(sql);
    // Roles are the whole cluster's, which other tests share.
    let role = format!("teller_{}", std::process::id());
    world
        .execute(&format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA rowcast TO {role};"
        ))
        .await;
    let take = format!("SET SESSION AUTHORIZATION {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(take.clone()))
        .execute(&mut connection)
        .await
        .unwrap();
    for sql in [
        "SELECT rowcast.notify('bob', 'spam')",
        "SELECT rowcast.deliver('me', 'bob', 'spam', '', '')",
        "INSERT INTO rowcast.notification (account, title, sender) VALUES (1, 'spam', '')",
        "SELECT * FROM rowcast.notification",
    ] {
        let refused = of(sql).execute(&mut connection).await.unwrap_err();
        let code = refused
            .into_database_error()
            .unwrap()
            .code()
            .map(Into::into);
        assert_eq!(code, Some("42501".to_owned()), "{sql}");
    }
    world
        .execute(&format!(
            "GRANT EXECUTE ON FUNCTION rowcast.notify(text, text, text, text) TO {role}"
        ))
        .await;
    of("SET application_name = 'nightly'; SET rowcast.actor = '{\"name\":\"ann\"}'")
        .execute(&mut connection)
        .await
        .unwrap();
    of("SELECT rowcast.notify('bob', 'allowed')")
        .execute(&mut connection)
        .await
        .unwrap();
    let path = "/api/rows/rowcast.notification?select=title,sender";
    let rows = world.ok(&world.bob, "GET", path, "").await;
    // It can't make up who it is.
    assert_eq!(rows["rows"][0]["cells"][1], format!("{role} (nightly)"));
    drop(connection);
    world
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    world.stop().await;
}
