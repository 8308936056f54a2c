//! `rowcast user` and `rowcast token`.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
};

use crate::{
    browser::{Browser, PASSWORD, bearer, input},
    cluster::{Cluster, Database},
    server::Server,
};

fn rowcast(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowcast"));
    command
        .args(arguments)
        .env("DATABASE_URL", &database.url)
        .env("ROWCAST_ADDR", "127.0.0.1:0")
        .env("ROWCAST_AUTH", "on")
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(database: &Database, arguments: &[&str], input: &str) -> Output {
    let mut command = rowcast(database, arguments);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn users_and_tokens_are_seen_to_in_the_terminal() {
    let server = Server::guarded("").await;
    let database = server.database.clone();
    let password = format!("{PASSWORD}\n");
    let run = |arguments: &[&str], input: &str| run(&database, arguments, input);
    let refused = |arguments: &[&str], input: &str| {
        let output = run(arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    said(&run(
        &["user", "add", "ann", "--role", "administrator"],
        &password,
    ));
    assert!(refused(&["user", "add", "Ann"], &password).contains("already"));
    assert!(refused(&["user", "add", "bob"], "short\n").contains("fewer than 10"));
    assert!(refused(&["user", "add", "bob"], "").contains("fewer than 10"));
    said(&run(&["user", "add", "bob"], &password));
    let list = said(&run(&["user", "list"], ""));
    assert!(
        list.lines().count() == 3 && list.contains("administrator"),
        "{list}"
    );

    let mut browser = Browser::of(&server, "bob").await;
    said(&run(&["user", "roles", "bob", "administrator"], ""));
    assert_eq!(browser.get("/api/me").await.json().1["administrator"], true);
    said(&run(&["user", "roles", "bob"], ""));
    assert!(refused(&["user", "roles", "ann"], "").contains("nobody would be left"));
    said(&run(&["user", "sign-out", "bob"], ""));
    assert_eq!(browser.get("/api/me").await.status, 401);
    said(&run(&["user", "disable", "bob"], ""));
    assert_eq!(browser.sign_in("bob", PASSWORD).await.status, 403);
    said(&run(&["user", "enable", "bob"], ""));
    said(&run(
        &["user", "password", "bob"],
        "another horse battery\n",
    ));
    assert_eq!(
        browser.sign_in("bob", "another horse battery").await.status,
        303
    );
    assert!(refused(&["user", "disable", "eve"], "").contains("no such account"));
    let link = said(&run(&["user", "invite"], ""));
    assert!(
        link.contains("/join?token=") && link.lines().count() == 1,
        "{link}"
    );

    let made = [
        "token",
        "create",
        "bob",
        "--name",
        "ci",
        "--scope",
        "read",
        "--expires",
        "30d",
    ];
    let token = said(&run(&made, ""));
    let header = bearer(token.trim());
    assert!(token.starts_with("rc_") && token.lines().count() == 1);
    let by_token = async || {
        server
            .send("GET", "/api/me", &[("Authorization", &header)])
            .await
    };
    assert_eq!(by_token().await.status, 200);
    let list = said(&run(&["token", "list", "bob"], ""));
    assert!(
        list.contains("ci") && !list.contains(token.trim()),
        "{list}"
    );
    said(&run(&["token", "revoke", "bob", "ci"], ""));
    assert_eq!(by_token().await.status, 401);
    assert!(refused(&["token", "revoke", "bob", "ci"], "").contains("no such token"));
    server.stop().await;
}

/// What a start prints, line by line, until it says no more of this.
fn start(database: &Database, auth: &str, lines: usize) -> Vec<String> {
    let mut command = rowcast(database, &["serve"]);
    let mut child = command.env("ROWCAST_AUTH", auth).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines = output.lines().take(lines).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[tokio::test]
async fn the_first_start_prints_the_way_in_and_later_ones_do_not() {
    let database = Cluster::shared().database().await;
    let off = start(&database, "off", 2);
    assert!(off[1].contains("ROWCAST_AUTH=off"), "{off:?}");
    let first = start(&database, "on", 3);
    let second = start(&database, "on", 3);
    let server = Server::guarding(database.clone(), "").await;
    let path = |lines: &[String]| {
        let at = lines[2].find("/join?token=").expect("a link");
        lines[2][at..].to_owned()
    };
    let mut browser = Browser::new(&server);
    assert_eq!(
        browser.get(&path(&first)).await.status,
        400,
        "void since the second start"
    );
    let page = browser.get(&path(&second)).await.text();
    let token = input(&page, "token");
    let form = [
        ("token", token.as_str()),
        ("name", "ann"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    assert_eq!(browser.post("/join", &form).await.status, 303);
    assert_eq!(browser.get("/users").await.status, 200);
    let mut command = rowcast(&database, &["serve"]);
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.contains("Rowcast is on"));
    child.kill().unwrap();
    child.wait().unwrap();
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "", "nothing else was said");
    server.stop().await;
}
