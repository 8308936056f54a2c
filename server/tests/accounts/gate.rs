//! Who has not signed in.

use crate::{
    browser::{Browser, TABLE, account, bearer, token},
    server::Server,
};

#[tokio::test]
async fn nobody_gets_in_without_a_session_or_a_token() {
    let server = Server::guarded(TABLE).await;
    let nonsense = format!("rc_{}", "A".repeat(43));
    for (method, path) in [
        ("GET", "/api/tables"),
        ("GET", "/api/tables/t"),
        ("GET", "/api/rows/t"),
        ("GET", "/api/rows/t.csv"),
        ("GET", "/api/live/t"),
        ("GET", "/api/ws"),
        ("GET", "/api/history/t/1"),
        ("GET", "/api/chart/t?chart=id"),
        ("GET", "/api/views/t"),
        ("GET", "/api/me"),
        ("GET", "/api/users"),
        ("GET", "/api/tokens"),
        ("GET", "/api/sessions"),
        ("GET", "/api/nosuch"),
        ("POST", "/api/rows/t"),
        ("PATCH", "/api/rows/t/1"),
        ("DELETE", "/api/rows/t/1"),
        ("POST", "/api/batch/t"),
        ("POST", "/api/bulk/t"),
        ("POST", "/api/import/t"),
        ("POST", "/api/presence/t"),
        ("POST", "/api/tokens"),
        ("POST", "/api/users"),
        ("POST", "/api/invitations"),
    ] {
        for headers in [
            vec![],
            vec![("Authorization", bearer(&nonsense))],
            vec![("Authorization", bearer("x"))],
            vec![("Authorization", "Basic YTpi".to_owned())],
            vec![("Cookie", format!("rowcast={}", "A".repeat(43)))],
        ] {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let answer = server.send(method, path, &headers).await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (401, "unauthenticated"),
                "{method} {path} {headers:?}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_leads_to_the_sign_in_page_and_back() {
    let server = Server::guarded(TABLE).await;
    account(&server, "ann", &[]).await;
    for (path, to) in [
        ("/", "/login"),
        ("/tables/t?id=eq.1", "/login?next=/tables/t%3Fid%3Deq.1"),
        ("/nosuch", "/login?next=/nosuch"),
        ("/account", "/login?next=/account"),
        ("//example.com/", "/login"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert_eq!(answer.header("location"), Some(to), "{path}");
        assert!(!answer.text().contains("first"), "{path}");
    }
    let mut browser = Browser::new(&server);
    let page = browser.get("/login?next=/tables/t%3Fid%3Deq.1").await;
    assert_eq!(page.status, 200);
    let next = crate::browser::input(&page.text(), "next");
    assert_eq!(next, "/tables/t?id=eq.1");
    let form = [
        ("name", "ann"),
        ("password", crate::browser::PASSWORD),
        ("next", &next),
    ];
    let answer = browser.post("/login", &form).await;
    assert_eq!(answer.header("location"), Some("/tables/t?id=eq.1"));
    let page = browser.get("/tables/t?id=eq.1").await;
    assert!(page.status == 200 && page.text().contains("first"));
    // Whoever has signed in is not asked again.
    let again = browser.get("/login?next=/tables/t").await;
    assert_eq!(again.header("location"), Some("/tables/t"));
    server.stop().await;
}

#[tokio::test]
async fn nobody_is_led_to_another_server() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    for next in [
        "//example.com",
        "/\\example.com",
        "https://example.com",
        "javascript:x",
    ] {
        let mut browser = Browser::new(&server);
        let form = [
            ("name", "ann"),
            ("password", crate::browser::PASSWORD),
            ("next", next),
        ];
        let answer = browser.post("/login", &form).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/")),
            "{next}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_says_how_the_server_is_stays_open() {
    let server = Server::guarded("").await;
    for path in ["/healthz", "/readyz", "/metrics", "/login"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    // One that shows a token means to be somebody.
    let wrong = bearer("rc_x");
    let answer = server
        .send("GET", "/metrics", &[("Authorization", &wrong)])
        .await;
    assert_eq!(answer.status, 401);
    let ann = account(&server, "ann", &[]).await;
    let right = bearer(&token(&server, ann, "read").await);
    let answer = server
        .send("GET", "/metrics", &[("Authorization", &right)])
        .await;
    assert_eq!(answer.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_sites_files_are_everybodys() {
    let site = std::env::temp_dir().join(format!("rowcast-site-{}", std::process::id()));
    std::fs::create_dir_all(site.join("pkg")).unwrap();
    std::fs::write(site.join("pkg/rowcast.css"), "a {}").unwrap();
    std::fs::write(site.join("build-id"), "1").unwrap();
    let database = crate::cluster::Cluster::shared().database().await;
    let server = Server::start(database, "", site.clone(), "on").await;
    let file = server.get("/pkg/rowcast.css").await;
    assert_eq!((file.status, file.text()), (200, "a {}".to_owned()));
    for (hidden, to) in [
        ("/build-id", "/login?next=/build-id"),
        ("/pkg/nosuch.css", "/login?next=/pkg/nosuch.css"),
        ("/nosuch.js", "/login?next=/nosuch.js"),
        ("/nosuch.svg?a=b", "/login?next=/nosuch.svg%3Fa%3Db"),
        ("/pkg/../../etc/passwd", "/login?next=/pkg/../../etc/passwd"),
    ] {
        let answer = server.get(hidden).await;
        assert_eq!(answer.status, 303, "{hidden}");
        assert_eq!(answer.header("location"), Some(to));
    }
    account(&server, "ann", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    for path in ["/pkg/nosuch.css", "/nosuch.js"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(browser.get("/pkg/rowcast.css").await.text(), "a {}");
    server.stop().await;
    std::fs::remove_dir_all(site).unwrap();
}

#[tokio::test]
async fn where_nobody_has_to_sign_in_everybody_may_do_everything() {
    let server = Server::new(TABLE).await;
    let me = server.json("/api/me").await;
    assert_eq!(me["administrator"], true);
    assert_eq!(me["id"], serde_json::Value::Null);
    assert_eq!(
        server.get("/login?next=/tables/t").await.header("location"),
        Some("/tables/t")
    );
    assert_eq!(server.get("/account").await.header("location"), Some("/"));
    assert_eq!(server.get("/users").await.status, 200);
    let page = server.get("/tables/t").await.text();
    assert!(!page.contains("Sign out"), "{page}");
    assert_eq!(server.error("/api/tokens").await.1, "no_account");
    server.stop().await;
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_let_in_and_none_signed_out() {
    let cluster = crate::cluster::Cluster::start(&[]);
    let server = Server::guarding(cluster.database().await, TABLE).await;
    account(&server, "ann", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    assert_eq!(browser.get("/api/me").await.status, 200);
    cluster.kill();
    // The connection that tells of changes may be a moment from knowing that it is lost.
    while browser.get("/api/me").await.status == 200 {}
    assert_eq!(
        browser.get("/api/me").await.error().1,
        "database_unavailable"
    );
    // Whose page it is to be can't be known: one is led to it again, also without scripts.
    let page = browser.get("/tables/t?id=gt.0&order=id").await;
    let text = page.text();
    assert!(page.status == 503 && text.contains("<html"), "{text}");
    assert_eq!(page.header("refresh"), Some("5"));
    for shown in [
        "The database can't be reached right now.",
        "<a href=\"/tables/t?id=gt.0&amp;order=id\" class=\"button primary\">Try again</a>",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let sent = browser.post("/comments/t/1", &[("body", "Yes")]).await;
    assert_eq!((sent.status, sent.header("refresh")), (503, None));
    assert_eq!(
        browser
            .sign_in("ann", crate::browser::PASSWORD)
            .await
            .status,
        503
    );
    assert!(browser.cookies.contains_key("rowcast"));
    cluster.resume();
    while browser.get("/api/me").await.status != 200 {}
    server.stop().await;
}

#[tokio::test]
async fn the_browser_is_told_to_forget_what_pages_kept_at_a_session_s_end() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let told = |answer: &crate::server::Answer| {
        let header = answer.header("clear-site-data");
        header.map(str::to_owned)
    };
    let mut browser = Browser::of(&server, "ann").await;
    let session = browser.cookies.clone();
    assert_eq!(told(&browser.get("/").await), None);
    let storage = Some("\"storage\"".to_owned());
    assert_eq!(told(&browser.post("/logout", &[]).await), storage);
    // Who has none has nothing to forget; one that has ended elsewhere ends here.
    assert_eq!(told(&browser.get("/").await), None);
    browser.cookies = session;
    let ended = browser.get("/").await;
    assert_eq!((ended.status, told(&ended)), (303, storage));
    server.stop().await;
}
