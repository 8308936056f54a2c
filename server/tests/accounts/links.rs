//! Links that may be used once.

use rowcast::auth::link;

use crate::{
    browser::{Browser, PASSWORD, account, input, secret},
    server::{Answer, Server},
};

async fn first(server: &Server) -> Option<String> {
    let pool = server.database.pool(1).await;
    let link = link::first_administrator(&pool).await.unwrap();
    link.map(|secret| link::path(&secret))
}

async fn join(browser: &mut Browser<'_>, path: &str, name: &str) -> Answer {
    let page = browser.get(path).await;
    if page.status != 200 {
        return page;
    }
    let token = input(&page.text(), "token");
    let form = [
        ("token", token.as_str()),
        ("name", name),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    browser.post("/join", &form).await
}

#[tokio::test]
async fn the_first_administrator_comes_by_a_link_that_works_once() {
    let server = Server::guarded("").await;
    let old = first(&server).await.unwrap();
    let path = first(&server).await.unwrap();
    let mut ann = Browser::new(&server);
    let answer = join(&mut ann, &old, "mallory").await;
    assert_eq!(
        answer.status,
        400,
        "a later start voids it: {}",
        answer.text()
    );
    let answer = join(&mut ann, &path, "ann").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let me = ann.get("/api/me").await.json().1;
    assert_eq!(
        (&me["name"], &me["administrator"]),
        (&"ann".into(), &true.into())
    );
    let mut mallory = Browser::new(&server);
    assert_eq!(join(&mut mallory, &path, "mallory").await.status, 400);
    assert_eq!(first(&server).await, None, "there is one now");
    server.stop().await;
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_gets_in() {
    let server = Server::guarded("").await;
    let path = first(&server).await.unwrap();
    let token = path.split('=').nth(1).unwrap();
    let attempts = (0..4).map(|n| {
        let name = format!("user{n}");
        let server = &server;
        async move {
            let form = [
                ("token", token),
                ("name", name.as_str()),
                ("password", PASSWORD),
                ("again", PASSWORD),
            ];
            Browser::new(server).post("/join", &form).await.status
        }
    });
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400, 400, 400]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_leaves_the_link_as_it_is() {
    let server = Server::guarded("").await;
    account(&server, "taken", &[]).await;
    let path = first(&server).await.unwrap();
    let token = path.split('=').nth(1).unwrap();
    let mut browser = Browser::new(&server);
    for (name, password, again, says) in [
        ("ann", "short", "short", "fewer than 10"),
        ("ann", "correct horse", "correct house", "differ"),
        ("ann", "password1234", "password1234", "tried first"),
        ("annabella", "annabella1", "annabella1", "the name"),
        ("", PASSWORD, PASSWORD, "empty"),
        ("Taken", PASSWORD, PASSWORD, "already"),
        (&"a".repeat(65), PASSWORD, PASSWORD, "longer than 64"),
        (
            "ann",
            &"ab c".repeat(300),
            &"ab c".repeat(300),
            "1024 bytes",
        ),
    ] {
        let form = [
            ("token", token),
            ("name", name),
            ("password", password),
            ("again", again),
        ];
        let answer = browser.post("/join", &form).await;
        assert!(
            (400..500).contains(&answer.status),
            "{says}: {}",
            answer.status
        );
        let text = answer.text();
        assert!(text.contains(says), "{says}: {text}");
        assert!(password.len() < 6 || !text.contains(password), "{text}");
    }
    assert_eq!(join(&mut browser, &path, "ann").await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn links_expire_and_nonsense_leads_nowhere() {
    let server = Server::guarded("").await;
    let path = first(&server).await.unwrap();
    let mut browser = Browser::new(&server);
    server
        .database
        .execute("UPDATE rowcast.link SET expires_at = now()")
        .await;
    let unknown = format!("/join?token={}", "A".repeat(43));
    for path in [
        path.as_str(),
        "/join",
        "/join?token=",
        "/join?token=x",
        &unknown,
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains("leads nowhere"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_invites_others() {
    let server = Server::guarded("").await;
    account(&server, "ann", &["administrator"]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let page = ann.post("/users/invite", &[]).await;
    assert_eq!(page.status, 200);
    let link = secret(&page.text());
    let path = link
        .strip_prefix(&format!("http://{}", server.addr))
        .unwrap();
    let mut bob = Browser::new(&server);
    assert_eq!(join(&mut bob, path, "bob").await.status, 303);
    let me = bob.get("/api/me").await.json().1;
    assert_eq!(
        (&me["name"], &me["administrator"]),
        (&"bob".into(), &false.into())
    );
    assert_eq!(
        join(&mut Browser::new(&server), path, "eve").await.status,
        400
    );
    let page = ann
        .post("/users/invite", &[("role:administrator", "on")])
        .await;
    let link = secret(&page.text());
    let path = link.split(&server.addr.to_string()).nth(1).unwrap();
    let mut eve = Browser::new(&server);
    assert_eq!(join(&mut eve, path, "eve").await.status, 303);
    assert_eq!(eve.get("/api/me").await.json().1["administrator"], true);
    // A member invites nobody.
    assert_eq!(bob.post("/users/invite", &[]).await.status, 403);
    // Nor does what was offered by who may not any more hold.
    let made = eve.json("POST", "/api/invitations", "{}").await.json();
    assert_eq!(made.0, 201);
    let id = eve.get("/api/me").await.json().1["id"].to_string();
    assert_eq!(
        ann.post(&format!("/users/{id}/disable"), &[]).await.status,
        303
    );
    let path = made.1["path"].as_str().unwrap();
    assert_eq!(Browser::new(&server).get(path).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn a_password_link_sets_the_password_of_its_account_alone() {
    let server = Server::guarded("").await;
    account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let mut there = Browser::of(&server, "bob").await;
    let mut ann = Browser::of(&server, "ann").await;
    let page = ann.post(&format!("/users/{}/password", bob.0), &[]).await;
    let link = secret(&page.text());
    let path = link.split(&server.addr.to_string()).nth(1).unwrap();
    let mut here = Browser::new(&server);
    let page = here.get(path).await.text();
    assert!(page.contains("value=\"bob\""), "{page}");
    let token = input(&page, "token");
    let new = "another horse battery";
    let form = [
        ("token", token.as_str()),
        ("name", "ann"),
        ("password", new),
        ("again", new),
    ];
    assert_eq!(here.post("/join", &form).await.status, 303);
    assert_eq!(here.get("/api/me").await.json().1["name"], "bob");
    assert_eq!(
        there.get("/api/me").await.status,
        401,
        "signed out elsewhere"
    );
    assert_eq!(there.sign_in("bob", PASSWORD).await.status, 403);
    assert_eq!(there.sign_in("bob", new).await.status, 303);
    assert_eq!(ann.get("/api/me").await.status, 200);
    // One's own needs the old one.
    let own = ann.get("/api/me").await.json().1["id"].to_string();
    let refused = ann.post(&format!("/users/{own}/password"), &[]).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(!refused.text().contains("/join?token="));
    server.stop().await;
}
