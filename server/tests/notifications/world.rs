//! An administrator and two members, whom somebody tells something.

use rowcast::auth::AccountId;
use serde_json::Value;

use crate::{
    browser::{account, bearer, token},
    server::{Answer, Server},
};

pub struct World {
    pub server: Server,
    /// The administrator's token.
    pub ann: String,
    /// The members'.
    pub bob: String,
    pub eve: String,
    pub bobs: AccountId,
}

impl World {
    pub async fn new() -> Self {
        Self::of(Server::guarded("CREATE TABLE item (id int PRIMARY KEY)").await).await
    }

    pub async fn of(server: Server) -> Self {
        let ann = account(&server, "ann", &["administrator"]).await;
        let bobs = account(&server, "bob", &[]).await;
        let eve = account(&server, "eve", &[]).await;
        Self {
            ann: token(&server, ann, "admin").await,
            bob: token(&server, bobs, "write").await,
            eve: token(&server, eve, "write").await,
            server,
            bobs,
        }
    }

    pub async fn execute(&self, sql: &str) {
        self.server.database.execute(sql).await;
    }

    /// What somebody is answered.
    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str())];
        match method {
            "GET" => self.server.send("GET", path, &headers).await,
            _ => self.server.write_with(method, path, body, &headers).await,
        }
    }

    /// What somebody is answered who may do that.
    pub async fn ok(&self, token: &str, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(token, method, path, body).await;
        let text = answer.text();
        assert!(answer.status < 300, "{method} {path}: {text}");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The titles that somebody reads, by number.
    pub async fn titles(&self, token: &str) -> Vec<String> {
        let path = "/api/rows/rowcast.notification?select=title&order=id&limit=1000";
        let rows = self.ok(token, "GET", path, "").await;
        let rows = rows["rows"].as_array().unwrap().iter();
        rows.map(|row| row["cells"][0].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many somebody has not read.
    pub async fn unread(&self, token: &str) -> i64 {
        let settings = self.ok(token, "GET", "/api/notifications", "").await;
        settings["unread"].as_i64().unwrap()
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}
