//! An administrator, members who see different rows, and a table that is watched.

use std::time::Duration;

use rowcast::{auth::AccountId, cli::Settings};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    browser::{account, bearer, token},
    cluster::Cluster,
    server::{Answer, Server},
};

pub const SQL: &str = "
    CREATE TABLE ticket (id int PRIMARY KEY, status text, assignee text, amount numeric, secret text);
    SELECT rowcast.watch('ticket');
    DELETE FROM rowcast.permission;
    INSERT INTO rowcast.role (name) VALUES ('all'), ('own');
    INSERT INTO rowcast.permission (role, table_path, relation, may_read, row_filter, hidden) VALUES
        ('all', 'public.ticket', 'ticket'::regclass, true, NULL, '{secret}'),
        ('own', 'public.ticket', 'ticket'::regclass, true, 'assignee=eq.$user.name', '{}');";

pub struct World {
    pub server: Server,
    pub pool: PgPool,
    /// An administrator.
    pub ann: (AccountId, String),
    /// Reads all rows, but one column.
    pub bob: (AccountId, String),
    /// Reads rows of their own.
    pub eve: (AccountId, String),
}

impl World {
    pub async fn new() -> Self {
        Self::of(Server::guarded(SQL).await).await
    }

    /// One whose changes are copied from the write-ahead log, which tells whole rows.
    pub async fn without_triggers() -> Self {
        let database = Cluster::shared().database().await;
        let whole = format!("{SQL} ALTER TABLE ticket REPLICA IDENTITY FULL;");
        let copied = |settings: &mut Settings| {
            settings.source.source = Some("replication".to_owned());
        };
        let world = Self::of(Server::set(database, &whole, copied).await).await;
        let ours = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'ticket'::regclass";
        assert_eq!(world.one::<i64>(ours).await, 0);
        world
    }

    pub async fn of(server: Server) -> Self {
        let pool = server.database.pool(2).await;
        let ann = account(&server, "ann", &["administrator"]).await;
        let bob = account(&server, "bob", &["all"]).await;
        let eve = account(&server, "eve", &["own"]).await;
        Self {
            ann: (ann, token(&server, ann, "admin").await),
            bob: (bob, token(&server, bob, "write").await),
            eve: (eve, token(&server, eve, "write").await),
            pool,
            server,
        }
    }

    pub async fn sql(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&self.pool)
            .await
            .unwrap();
    }

    pub async fn one<T>(&self, sql: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str())];
        match method {
            "GET" => self.server.send("GET", path, &headers).await,
            _ => self.server.write_with(method, path, body, &headers).await,
        }
    }

    pub async fn ok(&self, token: &str, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(token, method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The titles of what somebody was told, in their order.
    pub async fn titles(&self, account: AccountId) -> Vec<String> {
        sqlx::query_scalar("SELECT title FROM rowcast.notification WHERE account = $1 ORDER BY id")
            .bind(account.0)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// Waits until this is what somebody was told.
    pub async fn told(&self, account: AccountId, expected: &[&str]) {
        let asking = async {
            while self.titles(account).await != expected {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), asking)
            .await
            .is_err()
        {
            assert_eq!(self.titles(account).await, expected);
        }
    }

    /// Waits until all that has been committed was looked at: what is written now is hit by a rule
    /// of the administrator's, and told after all before it.
    pub async fn settled(&self) {
        self.sql(
            "CREATE TABLE IF NOT EXISTS mark (id serial PRIMARY KEY); SELECT rowcast.watch('mark')",
        )
        .await;
        // It also has rules looked at that were made in SQL.
        let mark = r#"{"name":"mark","table":"mark","kind":"enters","group_seconds":0}"#;
        let made = self.ok(&self.ann.1, "POST", "/api/watches", mark).await;
        let row: i32 = self
            .one("INSERT INTO mark DEFAULT VALUES RETURNING id")
            .await;
        let asked = format!(
            "SELECT count(*) FROM rowcast.notification WHERE title LIKE 'mark: %' AND body = 'mark: id {row}'"
        );
        let asking = async {
            while self.one::<i64>(&asked).await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking)
            .await
            .expect("a mark");
        let path = format!("/api/watches/{}", made["id"]);
        self.ok(&self.ann.1, "DELETE", &path, "").await;
        self.sql("DELETE FROM rowcast.notification WHERE title LIKE 'mark: %'")
            .await;
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A rule as it is asked for.
pub fn rule(name: &str, query: &str, kind: &str) -> Value {
    serde_json::json!({"name": name, "table": "ticket", "query": query, "kind": kind,
        "group_seconds": 0})
}
