//! One's own account.

use crate::{
    browser::{Browser, PASSWORD, account, secret},
    server::Server,
};

const NEW: &str = "another horse battery";

async fn change(browser: &mut Browser<'_>, now: &str, new: &str, again: &str) -> (u16, String) {
    let form = [("now", now), ("password", new), ("again", again)];
    let answer = browser.post("/account/password", &form).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn one_changes_ones_password() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut here = Browser::of(&server, "ann").await;
    let mut there = Browser::of(&server, "ann").await;
    for (now, new, again, says) in [
        ("wrong horse battery", NEW, NEW, "another one"),
        (PASSWORD, NEW, PASSWORD, "differ"),
        (PASSWORD, "short", "short", "fewer than 10"),
    ] {
        let (status, text) = change(&mut here, now, new, again).await;
        assert!(
            (400..500).contains(&status) && text.contains(says),
            "{says}: {status} {text}"
        );
    }
    assert_eq!(
        there.get("/api/me").await.status,
        200,
        "nothing has happened yet"
    );
    let stolen = here.cookie();
    assert_eq!(change(&mut here, PASSWORD, NEW, NEW).await.0, 303);
    assert_eq!(here.get("/account?done=password").await.status, 200);
    let headers = [("Cookie", stolen.as_str())];
    let thief = server.send("GET", "/api/me", &headers).await;
    assert_eq!(thief.status, 401, "the session has another secret");
    assert_eq!(there.get("/api/me").await.status, 401);
    assert_eq!(there.sign_in("ann", PASSWORD).await.status, 403);
    assert_eq!(there.sign_in("ann", NEW).await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn what_one_writes_is_ones_own() {
    let server = Server::guarded(crate::browser::TABLE).await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let mut bob = Browser::of(&server, "bob").await;
    let cookie = bob.cookie();
    let headers = [("Cookie", cookie.as_str()), ("Rowcast-Author", "ann")];
    let path = "/api/rows/t/1";
    let answer = server
        .write_with("PATCH", path, r#"{"set":{"name":"changed"}}"#, &headers)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let history = bob.get("/api/history/t/1").await.text();
    assert!(
        history.contains("\"bob\"") && !history.contains("ann"),
        "{history}"
    );
    server.stop().await;
}

#[tokio::test]
async fn whoever_sits_at_an_open_browser_does_not_guess_the_password() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    let mut tries = 0;
    while change(&mut browser, "wrong horse battery", NEW, NEW)
        .await
        .0
        == 403
    {
        tries += 1;
        assert!(tries < 20, "guessing is not slowed down");
    }
    assert_eq!(change(&mut browser, PASSWORD, NEW, NEW).await.0, 429);
    server.stop().await;
}

#[tokio::test]
async fn one_sees_and_ends_ones_sessions() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    account(&server, "bob", &[]).await;
    let mut here = Browser::of(&server, "ann").await;
    let mut there = Browser::of(&server, "ann").await;
    let mut bob = Browser::of(&server, "bob").await;
    let sessions = here.get("/api/sessions").await.json().1;
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "bob's are bob's");
    assert_eq!(sessions[0]["current"], true);
    assert_eq!(sessions[0]["user_agent"], "Test/1");
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    let other = sessions[1]["id"].to_string();
    // Nobody ends another's.
    let answer = bob
        .json("DELETE", &format!("/api/sessions/{other}"), "")
        .await;
    assert_eq!(answer.error().1, "unknown_session");
    assert_eq!(there.get("/api/me").await.status, 200);
    let page = here.get("/account").await.text();
    assert!(
        page.contains(&format!("/account/sessions/{other}")),
        "{page}"
    );
    let answer = here.post(&format!("/account/sessions/{other}"), &[]).await;
    assert_eq!(answer.header("location"), Some("/account?done=session"));
    assert_eq!(there.get("/api/me").await.status, 401);
    there.sign_in("ann", PASSWORD).await;
    assert_eq!(here.json("DELETE", "/api/sessions", "").await.status, 204);
    assert_eq!(there.get("/api/me").await.status, 401);
    assert_eq!(here.get("/api/me").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked_on_the_page() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let form = [("name", "ci <b>"), ("scope", "read"), ("expires", "30d")];
    let page = ann.post("/account/tokens", &form).await;
    assert_eq!(
        (page.status, page.header("cache-control")),
        (200, Some("no-store"))
    );
    let token = secret(&page.text());
    let header = format!("Bearer {token}");
    let asked = async || {
        server
            .send("GET", "/api/me", &[("Authorization", &header)])
            .await
            .status
    };
    assert_eq!(asked().await, 200);
    let page = ann.get("/account").await.text();
    assert!(
        page.contains("ci &lt;b&gt;") && !page.contains(&token),
        "{page}"
    );
    let id = page
        .split("/account/tokens/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        ann.post(&format!("/account/tokens/{id}"), &[]).await.status,
        303
    );
    assert_eq!(asked().await, 401);
    for (form, says) in [
        (
            [("name", ""), ("scope", "read"), ("expires", "30d")],
            "name",
        ),
        (
            [("name", "x"), ("scope", "root"), ("expires", "30d")],
            "scope",
        ),
        (
            [("name", "x"), ("scope", "read"), ("expires", "1s")],
            "time",
        ),
    ] {
        let answer = ann.post("/account/tokens", &form).await;
        assert!(
            answer.status == 400 && answer.text().contains(says),
            "{says}"
        );
    }
    server.stop().await;
}
