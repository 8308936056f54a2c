//! API tokens.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, TABLE, account, bearer, token},
    server::{Answer, Server},
};

async fn send(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("Authorization", bearer(token))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    server.write_with(method, path, body, &headers).await
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_scope() {
    let server = Server::guarded(TABLE).await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let cases = [
        (ann, "read", 200, 403, 403, 403),
        (ann, "write", 200, 201, 403, 403),
        (ann, "admin", 200, 201, 200, 200),
        (bob, "admin", 200, 201, 200, 403),
    ];
    for (id, (owner, scope, reads, writes, own, users)) in (10..).zip(cases) {
        let token = token(&server, owner, scope).await;
        let what = format!("{scope} of {owner:?}");
        for path in ["/api/tables", "/api/rows/t", "/api/me", "/tables/t"] {
            let answer = send(&server, &token, "GET", path, "").await;
            assert_eq!(answer.status, reads, "{what} {path}");
        }
        let row = format!(r#"{{"id":{id}}}"#);
        let answer = send(&server, &token, "POST", "/api/rows/t", &row).await;
        assert_eq!(answer.status, writes, "{what}: {}", answer.text());
        for path in ["/api/tokens", "/api/sessions", "/account"] {
            assert_eq!(
                send(&server, &token, "GET", path, "").await.status,
                own,
                "{what} {path}"
            );
        }
        for path in ["/api/users", "/users"] {
            assert_eq!(
                send(&server, &token, "GET", path, "").await.status,
                users,
                "{what} {path}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_reads_changes_nothing() {
    let server = Server::guarded(TABLE).await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let token = token(&server, ann, "read").await;
    for (method, path) in [
        ("POST", "/api/rows/t"),
        ("PATCH", "/api/rows/t/1"),
        ("DELETE", "/api/rows/t/1"),
        ("POST", "/api/batch/t"),
        ("POST", "/api/bulk/t"),
        ("POST", "/api/import/t"),
        ("POST", "/api/views/t"),
        ("POST", "/api/presence/t"),
        ("POST", "/api/tokens"),
        ("DELETE", "/api/sessions"),
        ("POST", "/api/users"),
        ("POST", "/api/invitations"),
        ("POST", "/account/tokens"),
        ("POST", "/users/invite"),
        ("POST", "/logout"),
    ] {
        let answer = send(&server, &token, method, path, "{}").await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (403, "insufficient_scope"),
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let body = r#"{"name":"ci","scopes":["write"],"expires":"30d"}"#;
    let answer = ann.json("POST", "/api/tokens", body).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (status, made) = answer.json();
    assert_eq!((status, &made["scopes"]), (201, &json!(["read", "write"])));
    assert!(made["expires_at"].is_string());
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("rc_") && secret.len() == 46);
    let again = ann.json("POST", "/api/tokens", body).await;
    assert_eq!((again.status, &*again.error().1), (409, "name_taken"));
    let list = ann.get("/api/tokens").await.json().1;
    assert_eq!(list["tokens"].as_array().unwrap().len(), 1);
    assert_eq!(list["tokens"][0]["token"], Value::Null);
    assert_eq!(
        send(&server, secret, "GET", "/api/me", "").await.json().1["credential"],
        "token"
    );
    let path = format!("/api/tokens/{}", made["id"]);
    let mut bob = Browser::of(&server, "bob").await;
    assert_eq!(
        bob.json("DELETE", &path, "").await.error().1,
        "unknown_token"
    );
    assert_eq!(ann.json("DELETE", &path, "").await.status, 204);
    assert_eq!(
        send(&server, secret, "GET", "/api/me", "").await.status,
        401
    );
    assert_eq!(ann.json("DELETE", &path, "").await.status, 404);
    // Its name is free again.
    assert_eq!(ann.json("POST", "/api/tokens", body).await.status, 201);
    for wrong in [
        r#"{"name":"x","scopes":[]}"#,
        r#"{"name":"x","scopes":["root"]}"#,
        r#"{"name":"","scopes":["read"]}"#,
        r#"{"name":"x","scopes":["read"],"expires":"tomorrow"}"#,
        r#"{"name":"x","scopes":["read"],"account":1}"#,
    ] {
        assert_eq!(
            ann.json("POST", "/api/tokens", wrong).await.status,
            400,
            "{wrong}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_tokens_and_sessions() {
    let server = Server::guarded("").await;
    let ann = account(&server, "ann", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    server
        .database
        .execute(&format!(
            "INSERT INTO rowcast.token (account, name, token_hash, scopes)
             SELECT {0}, n, sha256(n::text::bytea), '{{read}}' FROM generate_series(1, 100) n;
             INSERT INTO rowcast.session (account, token_hash, expires_at, seen_at)
             SELECT {0}, sha256(n::text::bytea), now() + '1 day', now() - '1 hour'::interval
               FROM generate_series(1, 120) n",
            ann.0
        ))
        .await;
    let body = r#"{"name":"one more","scopes":["read"]}"#;
    let answer = browser.json("POST", "/api/tokens", body).await;
    assert_eq!(
        (answer.status, &*answer.error().1),
        (422, "too_many_tokens")
    );
    let mut other = Browser::of(&server, "ann").await;
    let sessions = other.get("/api/sessions").await.json().1;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 100);
    assert_eq!(
        browser.get("/api/me").await.status,
        200,
        "the last used stay"
    );
    server.stop().await;
}

#[tokio::test]
async fn that_a_token_was_used_is_known_to_the_minute() {
    let server = Server::guarded("").await;
    let ann = account(&server, "ann", &[]).await;
    let token = token(&server, ann, "admin").await;
    let list = send(&server, &token, "GET", "/api/tokens", "")
        .await
        .json()
        .1;
    assert_eq!(list["tokens"][0]["last_used_at"], Value::Null);
    let accounts = rowcast::auth::Accounts::new(server.database.pool(1).await, true);
    let digest = rowcast::auth::secret::Digest::of_token(&token).unwrap();
    let standing = accounts.identify(digest).await.unwrap().unwrap();
    accounts.write_down().await;
    assert_eq!(standing.identity().name, "ann");
    let list = send(&server, &token, "GET", "/api/tokens", "")
        .await
        .json()
        .1;
    let first = list["tokens"][0]["last_used_at"].clone();
    assert!(first.is_string(), "{list}");
    accounts.write_down().await;
    let list = send(&server, &token, "GET", "/api/tokens", "")
        .await
        .json()
        .1;
    assert_eq!(
        list["tokens"][0]["last_used_at"], first,
        "not again within the minute"
    );
    server.stop().await;
}
