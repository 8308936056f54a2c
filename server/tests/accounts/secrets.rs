//! What is kept of accounts can't be read as tables are.

use crate::{
    browser::{Browser, PASSWORD, account, token},
    server::Server,
};

#[tokio::test]
async fn no_route_of_tables_knows_the_tables_of_accounts() {
    // A table of the user's that refers to one of them makes it no better known.
    let server = Server::guarded(
        "CREATE TABLE t (id int PRIMARY KEY, who int8 REFERENCES rowcast.account);
         INSERT INTO t VALUES (1, NULL)",
    )
    .await;
    let ann = account(&server, "ann", &["administrator"]).await;
    token(&server, ann, "admin").await;
    let mut ann = Browser::of(&server, "ann").await;
    let mut connection = server.database.connect().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'rowcast'::regnamespace \
            AND relkind = 'r' AND relname NOT IN ('saved_view', 'presence', 'audit', 'notification', 'channel', \
                                'channel_member', 'post', 'reaction', 'typing', 'comment', 'comment_count', \
                                'server', 'server_query')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for needed in [
        "account",
        "password",
        "session",
        "token",
        "link",
        "device",
        "attempt",
        "identity",
        "openid_answer",
        "openid_flow",
        "state",
    ] {
        assert!(tables.iter().any(|table| table == needed), "{needed}");
    }
    for table in &tables {
        for (method, path) in [
            ("GET", format!("/api/tables/rowcast.{table}")),
            ("GET", format!("/api/rows/rowcast.{table}")),
            ("GET", format!("/api/rows/rowcast.{table}.csv")),
            ("GET", format!("/api/rows/rowcast.{table}.json")),
            ("GET", format!("/api/live/rowcast.{table}")),
            ("GET", format!("/api/history/rowcast.{table}/1")),
            ("GET", format!("/api/chart/rowcast.{table}?chart=id")),
            ("GET", format!("/api/views/rowcast.{table}")),
            ("DELETE", format!("/api/rows/rowcast.{table}/1")),
        ] {
            let answer = ann.json(method, &path, "").await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (404, "unknown_table"),
                "{path}"
            );
        }
        for (method, path, body) in [
            ("POST", format!("/api/rows/rowcast.{table}"), "{}"),
            (
                "PATCH",
                format!("/api/rows/rowcast.{table}/1"),
                r#"{"set":{}}"#,
            ),
            (
                "POST",
                format!("/api/batch/rowcast.{table}"),
                r#"{"changes":[]}"#,
            ),
            (
                "POST",
                format!("/api/presence/rowcast.{table}"),
                r#"{"session":"x","name":"x"}"#,
            ),
        ] {
            let answer = ann.json(method, &path, body).await;
            assert!(answer.status >= 400, "{path}");
            assert!(!answer.text().contains("argon2"), "{path}");
        }
        assert_eq!(
            ann.get(&format!("/tables/rowcast.{table}")).await.status,
            404,
            "{table}"
        );
        let watched = sqlx::query("SELECT rowcast.watch($1::text::regclass)")
            .bind(format!("rowcast.{table}"))
            .execute(&mut connection)
            .await;
        assert!(watched.is_err(), "{table} can't be made live either");
    }
    let embedded = ann.get("/api/rows/t?select=id,account(name)").await;
    assert_eq!(embedded.status, 400, "{}", embedded.text());
    let rows = ann.get("/api/rows/t").await;
    assert_eq!(rows.status, 200, "{}", rows.text());
    server.stop().await;
}

#[tokio::test]
async fn what_proves_somebody_is_kept_as_a_hash_alone() {
    let server = Server::guarded("").await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let token = token(&server, ann, "admin").await;
    let mut browser = Browser::of(&server, "ann").await;
    let link = browser
        .json("POST", "/api/invitations", "{}")
        .await
        .json()
        .1;
    let link = link["path"]
        .as_str()
        .unwrap()
        .split('=')
        .nth(1)
        .unwrap()
        .to_owned();
    let mut secrets: Vec<String> = browser.cookies.values().cloned().collect();
    secrets.extend([token, link, PASSWORD.to_owned()]);
    let mut connection = server.database.connect().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(x::text, '') FROM rowcast.account x), \
                (SELECT string_agg(x::text, '') FROM rowcast.password x), \
                (SELECT string_agg(x::text, '') FROM rowcast.session x), \
                (SELECT string_agg(x::text, '') FROM rowcast.token x), \
                (SELECT string_agg(x::text, '') FROM rowcast.link x), \
                (SELECT string_agg(x::text, '') FROM rowcast.device x), \
                (SELECT string_agg(x::text, '') FROM rowcast.change_log x))",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(kept.contains("$argon2id$"));
    for secret in &secrets {
        assert!(!kept.contains(secret.as_str()));
    }
    // Nor is any of it in what others are told.
    for path in [
        "/api/tokens",
        "/api/sessions",
        "/api/users",
        "/api/me",
        "/account",
        "/users",
    ] {
        let text = browser.get(path).await.text();
        for secret in secrets.iter().map(String::as_str).chain(["argon2"]) {
            assert!(!text.contains(secret), "{path}");
        }
    }
    server.stop().await;
}
