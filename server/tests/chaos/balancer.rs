//! nginx before the servers, as `deploy/compose` has it.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{ports, proxy_program::Nginx};

const EXAMPLE: &str = include_str!("../../../deploy/compose/nginx.conf");

pub struct Balancer {
    pub address: SocketAddr,
    pub nginx: Nginx,
}

impl Balancer {
    /// Before any number of servers, where the example has two.
    pub async fn before(servers: &[String]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let mut example = EXAMPLE.to_owned();
        let first = "server rowcast-1:3000 ";
        let line = example.lines().find(|line| line.contains(first)).unwrap();
        let lines: Vec<String> = servers
            .iter()
            .map(|server| line.replace("rowcast-1:3000", server))
            .collect();
        let second = line.replace("rowcast-1", "rowcast-2");
        for (from, to) in [
            (line.to_owned(), lines.join("\n")),
            (second + "\n", String::new()),
            ("listen 80;".to_owned(), format!("listen {address};")),
        ] {
            assert_eq!(example.matches(&from).count(), 1, "{from}");
            example = example.replace(&from, &to);
        }
        Self {
            nginx: Nginx::start(&example).await,
            address,
        }
    }
}

/// Somebody who answers everybody with a name.
struct Named {
    name: &'static str,
    port: u16,
    task: JoinHandle<()>,
}

impl Named {
    async fn at(port: u16, name: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let router = Router::new().route("/", get(move || async move { name }));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { name, port, task }
    }

    /// Nobody is there afterwards.
    async fn leave(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    async fn come_back(&mut self) {
        *self = Self::at(self.port, self.name).await;
    }
}

impl Balancer {
    /// Who answers this client; the whole answer where that is nobody.
    async fn who_answers(&self, client: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\nConnection: \
             close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        match answer.split_once("\r\n\r\n") {
            Some((head, name)) if head.starts_with("HTTP/1.1 200 ") => name.to_owned(),
            _ => answer,
        }
    }
}

#[tokio::test]
async fn who_is_back_is_asked_at_once_for_those_who_stand_in_may_leave() {
    let mut ones = [
        Named::at(ports::free(), "one").await,
        Named::at(ports::free(), "other").await,
    ];
    let addresses = ones.each_ref().map(|of| format!("127.0.0.1:{}", of.port));
    let balancer = Balancer::before(&addresses).await;
    let client = "10.1.2.3";
    let usual = balancer.who_answers(client).await;
    if usual == ones[1].name {
        ones.reverse();
    }
    let [usual, other] = &mut ones;
    usual.leave().await;
    assert_eq!(balancer.who_answers(client).await, other.name);
    usual.come_back().await;
    other.leave().await;
    assert_eq!(balancer.who_answers(client).await, usual.name);
}
