//! Everybody has caught up, and every list is looked at.

use rowcast_protocol::list::List;
use sqlx::PgConnection;
use tokio::time::timeout;

use crate::{
    client::Client,
    queries::{LEDGER, MARKER, QUERIES, Query},
    truth::Expected,
    world::{PATIENCE, World},
    writers::try_connect,
};

impl World {
    /// Waits until all lists are what their SQL is, while nobody writes.
    pub async fn settle(&mut self, after: &str) {
        let settled = async {
            // Whatever happened, it is over: writing goes on.
            self.writers.count(100).await;
            let pause = self.writers.pause().await;
            let marked = self.marker.count(1).await;
            let mut connection = self.connection().await;
            let mut expected: Vec<(&'static Query, Expected)> = Vec::new();
            for query in QUERIES.iter().chain([&LEDGER]) {
                expected.push((query, query.now(&mut connection).await.unwrap()));
            }
            for client in &self.clients {
                until_equal(client, &expected, marked).await;
            }
            drop(pause);
        };
        let failed = async {
            while self.failures().is_empty() {
                self.marker.count(20).await;
            }
        };
        let over = async {
            tokio::select! {
                () = settled => {}
                () = failed => {}
            }
        };
        let is_over = timeout(PATIENCE, over).await.is_ok();
        let failures = self.failures();
        assert!(
            failures.is_empty(),
            "after {after}: {}",
            failures.join("\n")
        );
        assert!(is_over, "after {after}: {}", self.state());
        for (nth, server) in self.servers.iter_mut().enumerate() {
            assert!(!server.has_ended(), "after {after}: server {nth} has ended");
        }
    }

    async fn connection(&self) -> PgConnection {
        loop {
            if let Some(connection) = try_connect(&self.database).await {
                return connection;
            }
            self.marker.count(1).await;
        }
    }

    fn failures(&self) -> Vec<String> {
        let clients = self.clients.iter();
        let failures = clients.filter_map(|client| client.seen().failure);
        failures.chain(self.writers.failure()).collect()
    }

    /// For one who has to find out why something does not come.
    fn state(&self) -> String {
        let newest = self.marker.newest();
        let commits = self.writers.commits();
        let behind = self.clients.iter().filter_map(|client| {
            let behind = client.difference(|query, list| {
                let is_behind = std::ptr::eq(query, &MARKER) && !is_marked(list, newest);
                is_behind.then(|| format!("{:?}", list.rows))
            });
            behind.map(|behind| format!("{behind}, {:?}", client.seen()))
        });
        let behind: Vec<String> = behind.collect();
        format!(
            "{commits} commits, marker {newest}, {} clients behind: {}",
            behind.len(),
            behind.join("\n")
        )
    }
}

fn is_marked(list: &List, number: u64) -> bool {
    let shown = list.rows.first().and_then(|row| row.cells.get(1));
    let shown = shown.and_then(|cell| cell.to_json().parse::<u64>().ok());
    shown.is_some_and(|shown| shown >= number)
}

async fn until_equal(client: &Client, expected: &[(&'static Query, Expected)], marked: u64) {
    let difference = || {
        client.difference(|query, list| {
            if std::ptr::eq(query, &MARKER) {
                let is_behind = !is_marked(list, marked);
                return is_behind.then(|| format!("{:?}, not {marked} yet", list.rows));
            }
            let of = expected.iter().find(|(of, _)| std::ptr::eq(*of, query));
            of.expect("each is asked").1.difference(list)
        })
    };
    let wait = async {
        loop {
            let changed = client.changed.notified();
            // One that has failed is told of afterwards.
            if client.seen().failure.is_some() || difference().is_none() {
                return;
            }
            changed.await;
        }
    };
    if timeout(PATIENCE * 2 / 3, wait).await.is_err() {
        panic!(
            "it is not what its SQL is: {:?}, {:?}",
            difference(),
            client.seen()
        );
    }
}
