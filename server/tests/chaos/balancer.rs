//! nginx before the servers, as `deploy/compose` has it.

use std::net::SocketAddr;

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
