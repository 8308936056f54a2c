//! The pages and their files.

use std::fs;

use crate::{cluster::Cluster, server::Server};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text);
    INSERT INTO t VALUES (1, 'first <b>row</b>'), (2, NULL); SELECT rowcast.watch('t');
    CREATE TABLE still (id int PRIMARY KEY, name text); INSERT INTO still VALUES (1, 'not live');";

#[tokio::test]
async fn a_page_shows_what_its_rows_refer_to() {
    let server = Server::new(
        "CREATE TABLE people (id int PRIMARY KEY, name text);
         CREATE TABLE task (id int PRIMARY KEY, who int REFERENCES people);
         CREATE TABLE quiet (id int PRIMARY KEY, who int REFERENCES people);
         INSERT INTO people VALUES (1, 'Ann'); INSERT INTO task VALUES (7, 1);
         INSERT INTO quiet VALUES (8, 1); SELECT rowcast.watch('task');",
    )
    .await;
    let path = "/tables/quiet?select=id,by:people(name)&by.name=eq.Ann&order=by(name)";
    let page = server.get(path).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("Ann"), "{text}");
    // The header, its link, and the form that filters.
    assert!(text.contains("data-column=\"by.name\""), "{text}");
    assert!(text.contains("order=by(name).desc"), "{text}");
    assert!(text.contains("<option value=\"by.name\">"), "{text}");
    assert!(text.contains("by.name is Ann"), "{text}");
    let filtered = server
        .get("/tables/quiet/filter?query=select%3Did,by:people(name)&column=by.name&operator=is.null")
        .await;
    assert_eq!(
        filtered.header("location"),
        Some("/tables/quiet?by.name=is.null&select=id,by:people(name)")
    );
    // A live page is live as a whole, or says what is missing.
    let half = server.get("/tables/task?select=id,people(name)").await;
    assert_eq!(half.status, 400);
    assert!(
        half.text().contains("rowcast watch people"),
        "{}",
        half.text()
    );
    server.stop().await;
}

#[tokio::test]
async fn figures_stand_below_the_rows_where_they_are_asked_for() {
    let server = Server::new(TABLE).await;
    let text = server
        .get("/tables/t?select=name&aggregate=count_by(name),max(id)")
        .await
        .text();
    let foot = text.find("<tfoot>").expect("a footer");
    assert!(text[foot..].contains("max(id)"), "{text}");
    assert!(
        text[foot..].contains("first &lt;b&gt;row&lt;/b&gt; 1 · NULL 1"),
        "{text}"
    );
    assert!(!server.get("/tables/t").await.text().contains("<tfoot>"));
    let refused = server.get("/tables/t?aggregate=sum(name)").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("sum can"), "{}", refused.text());
    let csv = server.get("/api/rows/t.csv?aggregate=max(id)").await;
    assert_eq!(csv.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn pages_that_nobody_takes_leave_the_others_their_places() {
    let server = Server::new(TABLE).await;
    // More than there are places.
    for _ in 0..600 {
        let page = server.send("HEAD", "/nothing", &[]).await;
        assert_eq!(page.status, 404);
    }
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn pages_are_whole_without_javascript() {
    let server = Server::new(TABLE).await;
    let home = server.get("/").await;
    assert_eq!(home.status, 200);
    assert!(
        home.text().contains("href=\"/tables/t\""),
        "{}",
        home.text()
    );
    let page = server.get("/tables/t?order=id").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("first &lt;b>row&lt;/b>")
            || page.text().contains("first &lt;b&gt;row&lt;/b&gt;")
    );
    let policy = page.header("content-security-policy").unwrap();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(page.text().contains(&format!("nonce=\"{nonce}\"")));
    assert!(!policy.contains("unsafe-inline"));
    let again = server.get("/tables/t?order=id").await;
    assert!(
        !again
            .header("content-security-policy")
            .unwrap()
            .contains(nonce)
    );
    assert!(
        server
            .get("/tables/still")
            .await
            .text()
            .contains("not live")
    );
    for (path, status) in [
        ("/tables/nosuch", 404),
        ("/nosuch", 404),
        ("/tables/t?nosuch=eq.1", 400),
        ("/tables/t?id=eq.x", 400),
        ("/tables/t?limit=9999", 400),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/html"),
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn the_filter_form_leads_to_the_address_of_its_result() {
    let server = Server::new(TABLE).await;
    let answer = server
        .get("/tables/t/filter?query=order%3Did&column=name&operator=eq&value=a%26b%20c")
        .await;
    assert_eq!(answer.status, 303);
    let to = answer.header("location").unwrap();
    assert!(to.starts_with("/tables/t?") && to.contains("a%26b"), "{to}");
    assert_eq!(server.get(to).await.status, 200);
    let wrong = server
        .get("/tables/t/filter?query=&column=nosuch&operator=eq&value=//evil.example")
        .await;
    let to = wrong.header("location").unwrap();
    assert!(to.starts_with("/tables/t?nosuch="), "{to}");
    assert_eq!(server.get(to).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn files_are_served_compressed_and_kept_where_their_version_is_named() {
    let cluster = Cluster::shared();
    let site = cluster.directory().join("site");
    fs::create_dir_all(site.join("pkg")).unwrap();
    for (name, content) in [
        ("build-id", "b1\n"),
        ("pkg/rowcast.js", "plain"),
        ("pkg/rowcast.js.br", "brotli"),
        ("pkg/rowcast.js.gz", "gzip"),
        (".hidden", "secret"),
    ] {
        fs::write(site.join(name), content).unwrap();
    }
    fs::write(cluster.directory().join("outside"), "secret").unwrap();
    let server = Server::on(cluster.database().await, TABLE, site).await;
    let plain = server.get("/pkg/rowcast.js?v=b1").await;
    assert_eq!((plain.status, plain.text().as_str()), (200, "plain"));
    assert_eq!(
        plain.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        plain.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    let brotli = server
        .send("GET", "/pkg/rowcast.js", &[("Accept-Encoding", "gzip, br")])
        .await;
    assert_eq!(
        (brotli.text().as_str(), brotli.header("content-encoding")),
        ("brotli", Some("br"))
    );
    assert_eq!(brotli.header("cache-control"), Some("no-cache"));
    let modified = brotli.header("last-modified").unwrap();
    let unchanged = server
        .send("GET", "/pkg/rowcast.js", &[("If-Modified-Since", modified)])
        .await;
    assert_eq!(unchanged.status, 304);
    for path in [
        "/build-id",
        "/.hidden",
        "/pkg/rowcast.js.br",
        "/pkg/",
        "/pkg",
        "/../outside",
        "/%2e%2e/outside",
        "/pkg/..%2f..%2foutside",
        "/pkg/nosuch.js",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
    server.stop().await;
}
