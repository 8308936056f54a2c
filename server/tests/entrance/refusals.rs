//! What is logged of those who try doors.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::{
    cluster::{Cluster, Database},
    people,
};

/// How long one waits for a line of the log, however busy the machine is.
const SOON: Duration = Duration::from_secs(60);

async fn send(address: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A program that logs, with its address.
async fn started(
    database: &Database,
    format: &str,
) -> (Child, Lines<BufReader<ChildStderr>>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .env("DATABASE_URL", &database.url)
        .env("ROWCAST_ADDR", "127.0.0.1:0")
        .env("ROWCAST_LOG_FORMAT", format)
        .env("RUST_LOG", "info")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let log = BufReader::new(program.stderr.take().unwrap()).lines();
    let line = said.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("Rowcast is on http://").expect(&line);
    (program, log, address.to_owned())
}

#[tokio::test]
async fn a_line_of_json_names_the_request_as_its_caller_does() {
    let database = Cluster::shared().database().await;
    let (_program, mut log, address) = started(&database, "json").await;
    let head = "GET /api/tables HTTP/1.1\r\nHost: evil.example\r\nX-Request-Id: abc-7\r\n";
    let answer = send(&address, &format!("{head}Connection: close\r\n\r\n")).await;
    assert!(answer.contains("x-request-id: abc-7\r\n"), "{answer}");
    let next = async {
        loop {
            let line = log.next_line().await.unwrap().expect("the server runs");
            let line: Value = serde_json::from_str(&line).expect(&line);
            if line["message"] == "refused" {
                return line;
            }
        }
    };
    let line = timeout(SOON, next).await.expect("a line of the log");
    assert_eq!(line["span"]["id"], "abc-7", "{line}");
    assert_eq!(line["code"], "wrong_host", "{line}");
    assert_eq!(line["level"], "INFO", "{line}");
}

#[tokio::test]
async fn who_is_refused_what_is_logged_without_what_was_asked_or_shown() {
    let database = Cluster::shared().database().await;
    let (_program, mut log, address) = started(&database, "text").await;
    let member = people::account_in(&database, "mia", &["member"]).await;
    let bearer = people::bearer_in(&database, member).await;
    let wrong: String = bearer.split_at(7).1.chars().rev().collect();
    let own = format!("Host: localhost\r\nAuthorization: {bearer}\r\n");
    for (head, status, expected) in [
        (
            "GET /api/rows/nothing?secret_column=eq.secret-value HTTP/1.1\r\n".to_owned() + &own,
            "404",
            format!(
                "account={} address=127.0.0.1 method=GET route=\"/api/rows/{{table}}\" \
                 status=404 code=\"unknown_table\"",
                member.0
            ),
        ),
        (
            "GET /api/users?x=secret-value HTTP/1.1\r\n".to_owned() + &own,
            "403",
            format!("account={}", member.0),
        ),
        (
            "POST /api/rows/nothing HTTP/1.1\r\nOrigin: https://evil.example\r\n".to_owned() + &own,
            "403",
            "code=\"wrong_origin\"".to_owned(),
        ),
        (
            "GET /secret-value HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
            "403",
            "code=\"wrong_host\"".to_owned(),
        ),
        (
            format!("GET /join?token={wrong} HTTP/1.1\r\nHost: localhost\r\n"),
            "400",
            "route=\"/join\" status=400".to_owned(),
        ),
        (
            format!(
                "GET /api/tables HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {wrong}\r\n"
            ),
            "401",
            "status=401 code=\"unauthenticated\"".to_owned(),
        ),
    ] {
        let answer = send(&address, &format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        let next = async {
            loop {
                let line = log.next_line().await.unwrap().expect("the server runs");
                for shown in ["secret", wrong.as_str(), bearer.split_at(7).1, "evil"] {
                    assert!(!line.contains(shown), "{line}");
                }
                if line.contains("refused") {
                    return line;
                }
            }
        };
        let line = timeout(SOON, next).await.expect("a line of the log");
        assert!(line.contains(&expected), "{expected}: {line}");
    }
}
