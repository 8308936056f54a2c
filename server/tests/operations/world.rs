//! A server, an administrator and a member.

use std::time::Duration;

use rowcast::cli::Settings;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    browser::{account, bearer, token},
    cluster::Database,
    server::{Answer, Server},
    stream::Stream,
};

const SQL: &str = "
    CREATE TABLE item (id int PRIMARY KEY, n int);
    INSERT INTO item SELECT i, 0 FROM generate_series(1, 20) AS i;
    SELECT rowcast.watch('item');";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub server: Server,
    /// Tokens of ann, an administrator, and of bob, who is a member.
    pub ann: String,
    pub bob: String,
}

impl World {
    pub async fn new() -> Self {
        let server = Server::guarded(SQL).await;
        let ann = account(&server, "ann", &["administrator"]).await;
        let bob = account(&server, "bob", &[]).await;
        let ann = token(&server, ann, "admin").await;
        let bob = token(&server, bob, "write").await;
        Self { server, ann, bob }
    }

    /// Another server of the same database.
    pub async fn another(&self) -> Server {
        Server::guarding(self.database(), "SELECT 1").await
    }

    /// The same at an address.
    pub async fn another_at(&self, address: String) -> Server {
        let change = |settings: &mut Settings| settings.addr = address;
        Server::set(self.database(), "SELECT 1", change).await
    }

    fn database(&self) -> Database {
        let database = &self.server.database;
        Database {
            options: database.options.clone(),
            url: database.url.clone(),
            name: database.name.clone(),
        }
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let csv = path.starts_with("/api/import");
        let kind = if csv { "text/csv" } else { "application/json" };
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        self.server.write_with(method, path, body, &headers).await
    }

    /// The cells of a list's rows as ann reads it.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/rows/{query}");
        let answer = self.send(&self.ann, "GET", &path, "").await;
        let (status, list) = answer.json();
        assert_eq!(status, 200, "{list}");
        let rows = list["rows"].as_array().unwrap().iter();
        rows.map(|row| row["cells"].clone()).collect()
    }

    /// A table that ann follows.
    pub async fn follow(&self, table: &str) -> Stream {
        Stream::open(&self.server, &self.ann, &format!("/api/live/{table}")).await
    }

    /// Waits, at each event of a stream, until a list is so.
    pub async fn until(
        &self,
        stream: &mut Stream,
        query: &str,
        is_so: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let mut rows = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                rows = self.rows(query).await;
                if is_so(&rows) {
                    return;
                }
                stream.next().await.unwrap();
            }
        });
        let found = found.await;
        assert!(found.is_ok(), "{query}: {rows:?}");
        rows
    }

    pub async fn execute(&self, sql: &str) {
        self.server.database.execute(sql).await;
    }
}
