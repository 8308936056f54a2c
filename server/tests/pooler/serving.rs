//! What a server does, through a pooler.

use std::path::PathBuf;

use serde_json::json;
use sqlx::{Connection, Row};

use crate::{
    browser::{Browser, account},
    cluster::{Cluster, Database},
    server::{Server, pgbouncer::PgBouncer},
    socket::Socket,
};

pub const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text, price float8);
    INSERT INTO t SELECT g, 'row ' || g, g / 3.0 FROM generate_series(1, 50) g;
    SELECT rowcast.watch('t');";

/// A server behind a pooler of so many sessions.
pub async fn behind(sessions: u32, sql: &str, auth: &str) -> (PgBouncer, Server) {
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let pooler = PgBouncer::start(cluster, &database, sessions).await;
    let server = on(&pooler, database, sql, auth).await;
    (pooler, server)
}

pub async fn on(pooler: &PgBouncer, database: Database, sql: &str, auth: &str) -> Server {
    let url = pooler.url(&database);
    let direct = database.url.clone();
    Server::set(database, sql, |settings| {
        (settings.database_url, settings.direct_url) = (Some(url), Some(direct));
        settings.auth = auth.to_owned();
    })
    .await
}

/// What the pooler's sessions have kept of those who had them.
async fn kept(pooler: &PgBouncer, database: &Database, sessions: usize) -> Vec<String> {
    let mut found = Vec::new();
    let options = database.options.clone().port(pooler.port);
    let options = options.extra_float_digits(None);
    let mut open = Vec::new();
    for _ in 0..sessions {
        // In a transaction each, so each of a session of its own.
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("BEGIN")
            .execute(&mut connection)
            .await
            .unwrap();
        let rows = sqlx::raw_sql(
            "SELECT concat_ws(' ', current_setting('rowcast.actor', true), \
                 current_setting('search_path'), current_setting('statement_timeout'), \
                 current_setting('transaction_read_only'), current_setting('jit'), \
                 (SELECT count(*) FROM pg_prepared_statements), \
                 (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() \
                   AND locktype = 'advisory'))",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        found.push(rows[0].get::<String, _>(0).trim().to_owned());
        open.push(connection);
    }
    found
}

/// The database's numbers of the pooler's sessions, all of them.
async fn sessions(pooler: &PgBouncer, database: &Database, number: usize) -> Vec<i32> {
    let options = database.options.clone().port(pooler.port);
    let options = options.extra_float_digits(None);
    let (mut found, mut open) = (Vec::new(), Vec::new());
    while open.len() < number {
        // In a transaction each, so each of a session of its own.
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let rows = sqlx::raw_sql("BEGIN; SELECT pg_backend_pid()")
            .fetch_all(&mut connection)
            .await;
        found.push(rows.unwrap()[0].get::<i32, _>(0));
        open.push(connection);
    }
    for mut connection in open {
        sqlx::raw_sql("COMMIT")
            .execute(&mut connection)
            .await
            .unwrap();
    }
    found
}

#[tokio::test]
async fn one_signs_in_reads_writes_imports_and_is_told() {
    let (pooler, server) = behind(2, TABLE, "on").await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let mut browser = Browser::of(&server, "ann").await;
    let page = browser.get("/tables/t").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("row 50"), "the rows are in the page");
    let written = browser
        .json("POST", "/api/rows/t", r#"{"id":60,"name":"new"}"#)
        .await;
    assert_eq!(written.status, 201, "{}", written.text());
    let path = "/api/rows/t?id=eq.60";
    let rows = browser.get(path).await.json().1;
    assert_eq!(rows["rows"][0]["cells"], json!([60, "new", null]));
    let refused = browser.json("POST", "/api/rows/t", r#"{"id":60}"#).await;
    assert_eq!(
        refused.error().1,
        "unique",
        "an error is told as what it is"
    );
    let file = browser
        .get("/api/rows/t.csv?order=id&id=lte.2")
        .await
        .text();
    assert_eq!(file.lines().count(), 3, "{file}");
    assert!(file.contains("0.3333333333333333"), "every digit: {file}");
    let moved = file.replace("\n1,", "\n71,").replace("\n2,", "\n72,");
    let token = crate::browser::token(&server, ann, "write").await;
    let bearer = crate::browser::bearer(&token);
    let headers = [
        ("Content-Type", "text/csv"),
        ("Authorization", bearer.as_str()),
    ];
    let imported = server
        .write_with("POST", "/api/import/t", &moved, &headers)
        .await;
    assert_eq!(imported.text(), r#"{"count":2}"#);
    server
        .database
        .execute("SELECT rowcast.notify('ann', 'It is done')")
        .await;
    let told = browser.get("/api/notifications").await.json().1;
    assert_eq!(told["unread"], 1, "{told}");
    let noted = sqlx::query("SELECT name, action FROM rowcast.audit WHERE action LIKE '%import%'")
        .fetch_all(&server.database.pool(1).await)
        .await
        .unwrap();
    assert_eq!(noted.len(), 1);
    assert_eq!(
        noted[0].get::<&str, _>(0),
        "ann",
        "who did it is known over any session"
    );
    let left = kept(&pooler, &server.database, 2).await;
    assert_eq!(
        left, ["\"$user\", public 0 off on 0 0"; 2],
        "a session keeps nothing"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_list_is_followed_with_every_patch_once() {
    let (_pooler, server) = behind(2, TABLE, "off").await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    let snapshot = socket.subscribe(1, "t", "order=id&limit=100").await;
    assert_eq!(snapshot["rows"].as_array().map(Vec::len), Some(50));
    for id in 100..120 {
        let sql = format!("INSERT INTO t VALUES ({id}, 'came')");
        server.database.execute(&sql).await;
        let patch = socket.next_of(1, "patch").await;
        assert_eq!(patch["ops"].as_array().map(Vec::len), Some(1), "{patch}");
        assert_eq!(patch["total"], id - 49);
    }
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn sessions_that_are_ended_are_replaced() {
    let (pooler, server) = behind(2, TABLE, "off").await;
    let mut socket = Socket::open(&server.addr.to_string()).await;
    socket.subscribe(1, "t", "order=id&limit=100").await;
    let mut connection = server.database.connect().await;
    let mut before = sessions(&pooler, &server.database, 2).await;
    for round in 0..3 {
        // With the time that each has to end: it is waited for.
        let ended: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid, 60000) FROM unnest($1::int[]) pid",
        )
        .bind(&before)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(ended, [true, true]);
        // A connection that is dead shows when it is used: each is found so once.
        let mut refused = 0;
        loop {
            let answer = server.get("/api/rows/t?limit=1").await;
            match answer.status {
                200 => break,
                503 => refused += 1,
                status => panic!("{status}: {}", answer.text()),
            }
            assert!(refused < 20, "it comes back");
        }
        let sql = format!("INSERT INTO t VALUES ({}, 'came')", 200 + round);
        server.database.execute(&sql).await;
        let patch = socket.next_of(1, "patch").await;
        assert_eq!(patch["total"], 51 + round, "{patch}");
        let now = sessions(&pooler, &server.database, 2).await;
        assert!(now.iter().all(|session| !before.contains(session)));
        before = now;
    }
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn the_way_to_a_pooler_may_be_encrypted_and_proven() {
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let settings = "auth_type = scram-sha-256\nclient_tls_sslmode = require\n\
        client_tls_key_file = DIRECTORY/key\nclient_tls_cert_file = DIRECTORY/certificate\n";
    let (certificate, private) = (key.cert.pem(), key.signing_key.serialize_pem());
    let files = [("key", &*private), ("certificate", &*certificate)];
    let pooler = PgBouncer::with(cluster, &database, 2, settings, &files).await;
    let file = cluster.directory().join(format!("{}.pem", database.name));
    std::fs::write(&file, &certificate).unwrap();
    let url = |host: &str, password: &str, how: &str| {
        let at = format!("{host}:{}/{}", pooler.port, database.name);
        format!("postgres://postgres:{password}@{at}?{how}")
    };
    let trusted = format!("sslmode=verify-full&sslrootcert={}", file.display());
    for (host, password, how, fits) in [
        ("localhost", "secret", trusted.as_str(), true),
        ("localhost", "secret", "sslmode=require", true),
        ("localhost", "wrong", "sslmode=require", false),
        ("localhost", "secret", "sslmode=verify-full", false),
        ("localhost", "secret", "sslmode=disable", false),
        ("127.0.0.1", "secret", trusted.as_str(), false),
        ("127.0.0.1", "secret", &trusted.replace("full", "ca"), true),
    ] {
        let url = url(host, password, how);
        let options = rowcast::database::pool::parse_url("DATABASE_URL", &url).unwrap();
        let way = rowcast::database::pooler::Pooler::new(&url, options).unwrap();
        let started = way.start_beside(&database.options).await;
        assert_eq!(started.is_ok(), fits, "{host} {how}: {:?}", started.err());
    }
    let direct = database.url.clone();
    let pooled = url("localhost", "secret", &trusted);
    let server = Server::set(database, TABLE, |settings| {
        (settings.database_url, settings.direct_url) = (Some(pooled), Some(direct));
        (settings.auth, settings.site) =
            ("off".to_owned(), Some(PathBuf::new().display().to_string()));
    })
    .await;
    let rows = server.json("/api/rows/t?limit=1000").await;
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(50));
    server.stop().await;
}
