//! Signing in and out.

use std::time::{Duration, Instant};

use crate::{
    browser::{Browser, PASSWORD, TABLE, account, set_cookies},
    server::Server,
};

#[tokio::test]
async fn one_signs_in_and_out() {
    let server = Server::guarded(TABLE).await;
    account(&server, "Ann Lee", &[]).await;
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in(" ann LEE ", PASSWORD).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let me = browser.get("/api/me").await.json().1;
    assert_eq!(me["name"], "Ann Lee");
    assert_eq!(me["roles"], serde_json::json!(["member"]));
    assert_eq!(me["administrator"], false);
    assert_eq!(me["credential"], "session");
    let page = browser.get("/tables/t").await.text();
    assert!(
        page.contains("Ann Lee") && page.contains("action=\"/logout\""),
        "{page}"
    );
    assert_eq!(browser.get("/api/rows/t").await.status, 200);
    let before = browser.cookie();
    let answer = browser.post("/logout", &[]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/login"))
    );
    assert!(!browser.cookies.contains_key("rowcast"));
    // What was in the cookie is worth nothing any more.
    let answer = server
        .send("GET", "/api/rows/t", &[("Cookie", &before)])
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        browser.post("/logout", &[]).await.status,
        303,
        "again, and nothing happens"
    );
    server.stop().await;
}

#[tokio::test]
async fn nobody_learns_what_was_wrong() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let gone = account(&server, "gone", &[]).await;
    account(&server, "other", &["administrator"]).await;
    let pool = server.database.pool(1).await;
    rowcast::auth::account::set_disabled(&pool, gone, true)
        .await
        .unwrap();
    sqlx::query("INSERT INTO rowcast.account (name) VALUES ('invited')")
        .execute(&pool)
        .await
        .unwrap();
    let mut texts = Vec::new();
    for (name, password) in [
        ("ann", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("invited", PASSWORD),
        ("ann", ""),
        ("", ""),
        ("a\0b", "c\0d"),
    ] {
        let mut browser = Browser::new(&server);
        let answer = browser.sign_in(name, password).await;
        assert_eq!(answer.status, 403, "{name}");
        assert_eq!(set_cookies(&answer), Vec::<&str>::new());
        let text = answer.text();
        assert!(!text.contains(PASSWORD), "no password is sent back");
        let alert = text.split("role=\"alert\"").nth(1).expect(&text);
        let alert = alert.split(['<', '>']).nth(1).unwrap();
        assert!(alert.contains("fit"), "{alert}");
        texts.push(alert.to_owned());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_missing_account_costs_as_much_as_a_wrong_password() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let time = async |name: &str| {
        let mut browser = Browser::new(&server);
        let begun = Instant::now();
        let answer = browser.sign_in(name, "wrong horse battery").await;
        assert_eq!(answer.status, 403);
        begun.elapsed()
    };
    // In turns, and the fastest of each: what else the machine does is in both.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..4 {
        known = known.min(time("ann").await);
        unknown = unknown.min(time("nobody").await);
    }
    // Hashing is most of either, so one that skips it shows by far.
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.2..5.0).contains(&ratio), "{known:?} and {unknown:?}");
    server.stop().await;
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in("ann", PASSWORD).await;
    let cookies = set_cookies(&answer);
    assert_eq!(cookies.len(), 2);
    let session = cookies
        .iter()
        .find(|cookie| cookie.starts_with("rowcast="))
        .unwrap();
    let device = cookies
        .iter()
        .find(|cookie| cookie.starts_with("rowcast-device="))
        .unwrap();
    for (cookie, site) in [(session, "SameSite=Lax"), (device, "SameSite=Strict")] {
        for attribute in ["HttpOnly", "Path=/", site] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // The browser is known from now on, and keeps what it has.
    assert_eq!(
        set_cookies(&browser.sign_in("ann", PASSWORD).await).len(),
        1
    );
    server.stop().await;
}

#[tokio::test]
async fn signing_in_ends_the_session_that_the_browser_had() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    let before = browser.cookie();
    browser.sign_in("bob", PASSWORD).await;
    assert_eq!(browser.get("/api/me").await.json().1["name"], "bob");
    let answer = server.send("GET", "/api/me", &[("Cookie", &before)]).await;
    assert_eq!(answer.status, 401);
    // One that somebody planted is taken for nothing.
    let planted = "A".repeat(43);
    let mut browser = Browser::new(&server);
    browser
        .cookies
        .insert("rowcast".to_owned(), planted.clone());
    browser.sign_in("ann", PASSWORD).await;
    assert_ne!(browser.cookies["rowcast"], planted);
    server.stop().await;
}

#[tokio::test]
async fn what_may_change_something_comes_from_a_page_of_this_server() {
    let server = Server::guarded(TABLE).await;
    account(&server, "ann", &["administrator"]).await;
    let browser = Browser::of(&server, "ann").await;
    let cookie = browser.cookie();
    let form = "application/x-www-form-urlencoded";
    let own = format!("http://{}", server.addr);
    for (method, path) in [
        ("POST", "/login"),
        ("POST", "/login/openid"),
        ("POST", "/account/openid"),
        ("POST", "/account/openid/1"),
        ("POST", "/logout"),
        ("POST", "/join"),
        ("POST", "/account/password"),
        ("POST", "/account/sessions"),
        ("POST", "/account/sessions/1"),
        ("POST", "/account/tokens"),
        ("POST", "/account/tokens/1"),
        ("POST", "/users/invite"),
        ("POST", "/users/1/disable"),
        ("POST", "/api/tokens"),
        ("DELETE", "/api/tokens/1"),
        ("DELETE", "/api/sessions"),
        ("DELETE", "/api/sessions/1"),
        ("POST", "/api/users"),
        ("PATCH", "/api/users/1"),
        ("POST", "/api/invitations"),
        ("POST", "/api/rows/t"),
        ("PATCH", "/api/rows/t/1"),
        ("DELETE", "/api/rows/t/1"),
        ("POST", "/api/batch/t"),
        ("POST", "/api/bulk/t"),
        ("POST", "/api/import/t"),
        ("POST", "/api/views/t"),
        ("PATCH", "/api/views/t/1"),
        ("DELETE", "/api/views/t/1"),
        ("POST", "/api/presence/t"),
        ("DELETE", "/api/presence/t?session=x"),
        ("POST", "/"),
        ("PUT", "/tables/t"),
    ] {
        for foreign in [
            [("Origin", "http://evil.example"), ("X-Any", "x")],
            [("Origin", "null"), ("X-Any", "x")],
            [("Sec-Fetch-Site", "cross-site"), ("X-Any", "x")],
            [("Sec-Fetch-Site", "same-site"), ("Origin", &own)],
        ] {
            let mut headers = vec![("Cookie", cookie.as_str()), ("Content-Type", form)];
            headers.extend(foreign);
            let answer = server.write_with(method, path, "a=b", &headers).await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (403, "wrong_origin"),
                "{method} {path} {foreign:?}"
            );
        }
    }
    let answer = server.send("GET", "/api/me", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.status, 200, "still signed in");
    server.stop().await;
}
