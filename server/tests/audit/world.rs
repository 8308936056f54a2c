//! An administrator, a member, a table, and what was noted.

use serde_json::Value;

use crate::{
    browser::{account, bearer, token},
    server::{Answer, Server},
};

const SQL: &str = "
    CREATE TABLE item (id int PRIMARY KEY, title text, amount int CHECK (amount > 0));
    INSERT INTO item SELECT n, 'item ' || n, n FROM generate_series(1, 9) AS n;
    CREATE TABLE line (
        item int REFERENCES item DEFERRABLE INITIALLY DEFERRED, nth int, PRIMARY KEY (item, nth)
    );
    SELECT rowcast.watch('item');";

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
        let world = Self { server, ann, bob };
        world.execute("TRUNCATE rowcast.audit CASCADE").await;
        world
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        self.send_with(token, method, path, body, &[]).await
    }

    pub async fn send_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let csv = path.starts_with("/api/import");
        let kind = if csv { "text/csv" } else { "application/json" };
        let bearer = bearer(token);
        let mut headers = vec![("Authorization", bearer.as_str()), ("Content-Type", kind)];
        headers.extend(more);
        self.server.write_with(method, path, body, &headers).await
    }

    /// What ann is answered, who may do that.
    pub async fn ann(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(&self.ann, method, path, body).await;
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// What bob is answered, who may do that.
    pub async fn bob(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(&self.bob, method, path, body).await;
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub async fn execute(&self, sql: &str) {
        self.server.database.execute(sql).await;
    }

    /// All that was noted, the oldest first.
    pub async fn noted(&self) -> Vec<Value> {
        noted(&self.server).await
    }

    /// The only entry there is; then there is none.
    pub async fn last(&self) -> Value {
        let noted = self.noted().await;
        assert_eq!(noted.len(), 1, "{noted:#?}");
        self.execute("TRUNCATE rowcast.audit CASCADE").await;
        noted.into_iter().next().unwrap()
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let mut connection = self.server.database.connect().await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

/// All that was noted, the oldest first.
pub async fn noted(server: &Server) -> Vec<Value> {
    let mut connection = server.database.connect().await;
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT to_jsonb(a)::text FROM rowcast.audit a ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    rows.iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect()
}

/// The words for what was done.
pub fn actions(noted: &[Value]) -> Vec<&str> {
    let words = noted.iter().map(|entry| entry["action"].as_str().unwrap());
    words.collect()
}
