//! What administrators do with accounts.

use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, account, bearer, token},
    server::Server,
};

#[tokio::test]
async fn accounts_are_for_administrators() {
    let server = Server::guarded("").await;
    account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let mut browser = Browser::of(&server, "bob").await;
    let path = format!("/api/users/{}", bob.0);
    for (method, path, body) in [
        ("GET", "/api/users", ""),
        (
            "POST",
            "/api/users",
            r#"{"name":"eve","password":"correct horse"}"#,
        ),
        ("GET", path.as_str(), ""),
        ("PATCH", path.as_str(), r#"{"roles":["administrator"]}"#),
        ("POST", "/api/invitations", r#"{"roles":["administrator"]}"#),
    ] {
        let answer = browser.json(method, path, body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (403, "not_allowed"),
            "{method} {path}"
        );
    }
    let page = browser.get("/users").await;
    assert!(
        page.status == 403 && !page.text().contains("ann"),
        "{}",
        page.text()
    );
    for what in ["roles", "disable", "enable", "sign-out", "password"] {
        let answer = browser.post(&format!("/users/{}/{what}", bob.0), &[]).await;
        assert_eq!(answer.status, 403, "{what}");
    }
    assert_eq!(
        browser.get("/api/me").await.json().1["roles"],
        json!(["member"])
    );
    server.stop().await;
}

#[tokio::test]
async fn accounts_are_made_changed_and_listed() {
    let server = Server::guarded("").await;
    account(&server, "ann", &["administrator"]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let body = r#"{"name":"Bob","password":"correct horse battery","roles":["member"]}"#;
    let (status, bob) = ann.json("POST", "/api/users", body).await.json();
    assert_eq!(
        (status, &bob["name"], &bob["roles"]),
        (201, &json!("Bob"), &json!([]))
    );
    let taken = ann
        .json("POST", "/api/users", &body.replace("Bob", "BOB"))
        .await;
    assert_eq!((taken.status, &*taken.error().1), (409, "name_taken"));
    let mut browser = Browser::of(&server, "bob").await;
    let path = format!("/api/users/{}", bob["id"]);
    let edit = r#"{"email":"bob@example.com","attributes":{"team":7},"roles":["administrator"]}"#;
    let (status, changed) = ann.json("PATCH", &path, edit).await.json();
    assert_eq!(
        (status, &changed["email"]),
        (200, &json!("bob@example.com"))
    );
    // At once, for whoever is signed in.
    let me = browser.get("/api/me").await.json().1;
    assert_eq!(
        (&me["attributes"], &me["administrator"]),
        (&json!({"team":7}), &json!(true))
    );
    ann.json("PATCH", &path, r#"{"roles":[]}"#).await;
    assert_eq!(browser.get("/api/users").await.status, 403);
    let list = ann.get("/api/users").await.json().1;
    let names: Vec<_> = list["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| &u["name"])
        .collect();
    assert_eq!(names, [&json!("ann"), &json!("Bob")]);
    let rest = ann.get("/api/users?after=ann").await.json().1;
    assert_eq!(rest["users"].as_array().unwrap().len(), 1);
    for (edit, code) in [
        (r#"{"roles":["nosuch"]}"#, "unknown_role"),
        (r#"{"roles":["public"]}"#, "unknown_role"),
        (r#"{"email":"nobody"}"#, "invalid_attributes"),
        (r#"{"attributes":{"a":"\u0000"}}"#, "invalid_attributes"),
        (r#"{"name":"x"}"#, "invalid_json"),
    ] {
        assert_eq!(
            ann.json("PATCH", &path, edit).await.error().1,
            code,
            "{edit}"
        );
    }
    assert_eq!(
        ann.json("PATCH", "/api/users/999", "{}").await.error().1,
        "unknown_account"
    );
    assert_eq!(ann.get("/api/users/x").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_is_left() {
    let server = Server::guarded("").await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &["administrator"]).await;
    let mut browser = Browser::of(&server, "ann").await;
    let path = |id: rowcast::auth::AccountId| format!("/api/users/{}", id.0);
    assert_eq!(
        browser
            .json("PATCH", &path(bob), r#"{"disabled":true}"#)
            .await
            .status,
        200
    );
    for edit in [r#"{"disabled":true}"#, r#"{"roles":[]}"#] {
        let answer = browser.json("PATCH", &path(ann), edit).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (409, "last_administrator")
        );
    }
    let page = browser
        .post(&format!("/users/{}/disable", ann.0), &[])
        .await;
    assert!(page.status == 409 && page.text().contains("Nobody would be left"));
    // Of two who disable each other at once, one stays.
    browser
        .json("PATCH", &path(bob), r#"{"disabled":false}"#)
        .await;
    let mut other = Browser::of(&server, "bob").await;
    let (bobs, anns) = (path(bob), path(ann));
    let (one, two) = tokio::join!(
        browser.json("PATCH", &bobs, r#"{"disabled":true}"#),
        other.json("PATCH", &anns, r#"{"disabled":true}"#)
    );
    let done = [one.status, two.status]
        .iter()
        .filter(|status| **status == 200)
        .count();
    assert_eq!(done, 1, "{} {}", one.status, two.status);
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_account_is_out_until_it_is_enabled() {
    let server = Server::guarded("").await;
    account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let token = bearer(&token(&server, bob, "read").await);
    let mut ann = Browser::of(&server, "ann").await;
    let mut browser = Browser::of(&server, "bob").await;
    let by_token = async || {
        server
            .send("GET", "/api/me", &[("Authorization", &token)])
            .await
    };
    assert_eq!(by_token().await.status, 200);
    assert_eq!(
        ann.post(&format!("/users/{}/disable", bob.0), &[])
            .await
            .status,
        303
    );
    assert_eq!(by_token().await.status, 401);
    assert_eq!(browser.get("/api/me").await.status, 401);
    assert_eq!(browser.sign_in("bob", PASSWORD).await.status, 403);
    assert_eq!(
        ann.post(&format!("/users/{}/enable", bob.0), &[])
            .await
            .status,
        303
    );
    assert_eq!(
        browser.get("/api/me").await.status,
        401,
        "the session has ended for good"
    );
    assert_eq!(by_token().await.status, 200);
    assert_eq!(browser.sign_in("bob", PASSWORD).await.status, 303);
    let page = ann.get("/users").await.text();
    assert!(page.contains("bob") && page.contains("ann (you)"), "{page}");
    server.stop().await;
}
