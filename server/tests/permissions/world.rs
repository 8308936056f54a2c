//! Tables with something to keep back, and people who may see some of it.

use serde_json::Value;

use crate::{
    browser::{account, bearer, token},
    server::{Answer, Server},
};

/// Stands wherever bob may not look.
pub const MARK: &str = "zanzibar";

const SQL: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, phone text);
    INSERT INTO people VALUES (1, 'ann', 'zanzibar 1'), (2, 'bob', 'zanzibar 2');
    CREATE TABLE vault (id int PRIMARY KEY, content text);
    INSERT INTO vault VALUES (1, 'zanzibar');
    CREATE TABLE ticket (
        id int PRIMARY KEY, title text NOT NULL DEFAULT 'untitled', assignee text, note text DEFAULT 'zanzibar',
        amount int, person int REFERENCES people, box int CONSTRAINT ticket_box REFERENCES vault
    );
    INSERT INTO ticket VALUES
        (1, 'broken lamp', 'bob', 'zanzibar', 10, 2, 1),
        (2, 'leaking tap', 'ann', 'zanzibar', 1000, 1, 1),
        (3, 'squeaking door', 'bob', NULL, 30, 2, NULL),
        (4, 'zanzibar', 'zanzibar', 'zanzibar', 987654321, 1, 1);
    SELECT rowcast.watch('ticket'), rowcast.watch('people'), rowcast.watch('vault');";

pub struct World {
    pub server: Server,
    /// Tokens of an administrator, and of bob, who is a member.
    pub admin: String,
    pub bob: String,
}

impl World {
    /// Members may see people without phones, no vault, and of the tickets those that are
    /// theirs, without notes; titles are not theirs to write.
    pub async fn new() -> Self {
        let world = Self::open().await;
        for (table, grant) in [
            ("vault", "{}"),
            ("people", r#"{"read":true,"hidden":["phone"]}"#),
            (
                "ticket",
                r#"{"read":true,"insert":true,"update":true,"delete":true,
                    "rows":"assignee=eq.$user.name","hidden":["note"],"read_only":["title"]}"#,
            ),
        ] {
            world.grant("member", table, grant).await;
        }
        world
    }

    /// The same without any rule but those that are there from the start.
    pub async fn open() -> Self {
        let server = Server::guarded(SQL).await;
        let ann = account(&server, "ann", &["administrator"]).await;
        let bob = account(&server, "bob", &[]).await;
        let admin = token(&server, ann, "admin").await;
        let bob = token(&server, bob, "write").await;
        Self { server, admin, bob }
    }

    pub async fn grant(&self, role: &str, table: &str, grant: &str) {
        let path = format!("/api/permissions/{role}/{table}");
        let answer = self.admin("PUT", &path, grant).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub async fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(&self.admin, method, path, body).await
    }

    pub async fn bob(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(&self.bob, method, path, body).await
    }

    /// What bob gets, as JSON.
    pub async fn bobs(&self, path: &str) -> Value {
        let answer = self.bob("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The status and the code of the error that bob gets.
    pub async fn refused(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, code, _) = self.bob(method, path, body).await.error();
        (status, code)
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let csv = path.starts_with("/api/import");
        let kind = if csv { "text/csv" } else { "application/json" };
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        self.server.write_with(method, path, body, &headers).await
    }
}
