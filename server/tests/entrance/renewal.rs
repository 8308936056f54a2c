//! Certificates that are renewed while they are in use.

use std::{process::Stdio, time::Duration};

use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    certificates::{Certificate, Files},
    cluster::Cluster,
};

/// How long a test waits for what takes a few seconds, however busy the machine is.
const SOON: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_is_not_and_nobody_is_dropped() {
    let (old, new, newest) = (Certificate::new(), Certificate::new(), Certificate::new());
    let files = Files::of(&old);
    let database = Cluster::shared().database().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .env("DATABASE_URL", &database.url)
        .env("ROWCAST_ADDR", "127.0.0.1:0")
        .env("ROWCAST_AUTH", "off")
        .env("ROWCAST_TLS_CERT", files.certificate())
        .env("ROWCAST_TLS_KEY", files.key())
        .env("RUST_LOG", "info")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
    let line = said.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("Rowcast is on https://").expect(&line);
    let address = address.parse().unwrap();

    let stream = old.connect(address).await.unwrap();
    let (mut socket, _) = client_async("wss://localhost/api/ws", stream)
        .await
        .unwrap();

    // A key that is not the certificate's, as between the two writes of one who renews.
    let mut told = async |word: &str| {
        let wait = async {
            loop {
                let line = log.next_line().await.unwrap().expect("the server runs");
                if line.contains(word) {
                    return line;
                }
            }
        };
        timeout(SOON, wait).await.expect("it is told")
    };
    files.write(&new.pem(), &old.key());
    let warning = told("the one before is shown").await;
    assert!(
        warning.contains("ROWCAST_TLS_KEY") && warning.contains("allowed is"),
        "{warning}"
    );
    assert!(old.connect(address).await.is_ok());
    assert!(new.connect(address).await.is_err());

    files.write(&new.pem(), &new.key());
    told("the new one is shown").await;
    assert!(new.connect(address).await.is_ok());
    assert!(old.connect(address).await.is_err());

    files.write("", "");
    let warning = told("the one before is shown").await;
    assert!(warning.contains("ROWCAST_TLS_CERT"), "{warning}");
    assert!(new.connect(address).await.is_ok());

    files.write(&newest.pem(), &newest.key());
    told("the new one is shown").await;
    assert!(newest.connect(address).await.is_ok());

    // Whoever came by the first of them is still there.
    socket
        .send(Message::Ping("still there".into()))
        .await
        .unwrap();
    while socket.next().await.unwrap().unwrap() != Message::Pong("still there".into()) {}
}
