//! A table about whose rows a policy decides, and people with roles in the database.

use rowcast::{auth::account, cli::Settings};
use serde_json::Value;

use crate::{
    browser::{account, bearer, token},
    cluster::Cluster,
    server::{Answer, Server},
};

/// Notes of ann's and bob's, who see their own; `{db}` is the database's name, for roles are the
/// cluster's. Whoever is called nil has no role, nor have those who have not signed in.
pub const NOTES: &str = "
    CREATE ROLE {db}_ann; CREATE ROLE {db}_bob; CREATE ROLE {db}_eve;
    CREATE TABLE note (id int PRIMARY KEY, owner text NOT NULL DEFAULT current_user, body text, size int);
    ALTER TABLE note ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON note USING (owner = current_user);
    GRANT SELECT, INSERT, UPDATE, DELETE ON note TO {db}_ann, {db}_bob;
    INSERT INTO note VALUES (1, '{db}_ann', 'annsnote one', 1), (2, '{db}_bob', 'bobsnote two', 2),
        (3, '{db}_ann', 'annsnote three', 3), (4, '{db}_bob', 'bobsnote four', 4);
    SELECT rowcast.watch('note');";

pub struct World {
    pub server: Server,
    /// Tokens: of an administrator, who has a role, and of members.
    pub ann: String,
    pub bob: String,
    pub nil: String,
}

impl World {
    pub async fn new(sql: &str) -> Self {
        Self::with(sql, |_, _| {}).await
    }

    /// With whatever settings, beside that the database decides; they are told its name.
    pub async fn with(sql: &str, change: impl FnOnce(&str, &mut Settings)) -> Self {
        let database = Cluster::shared().database().await;
        let name = database.name.clone();
        let server = Server::set(database, &sql.replace("{db}", &name), |settings| {
            settings.database_roles = Some("on".to_owned());
            change(&name, settings);
        })
        .await;
        let mut tokens = Vec::new();
        for (user, roles) in [("ann", &["administrator"][..]), ("bob", &[]), ("nil", &[])] {
            let id = account(&server, user, roles).await;
            if user != "nil" {
                let pool = server.database.pool(1).await;
                let role = format!("{name}_{user}");
                account::set_database_role(&pool, id, Some(&role))
                    .await
                    .unwrap();
            }
            let scope = if roles.is_empty() { "write" } else { "admin" };
            tokens.push(token(&server, id, scope).await);
        }
        let [ann, bob, nil] = tokens.try_into().unwrap();
        Self {
            server,
            ann,
            bob,
            nil,
        }
    }

    pub async fn execute(&self, sql: &str) {
        let database = &self.server.database;
        database.execute(&sql.replace("{db}", &database.name)).await;
    }

    /// The name of a role of this database's.
    pub fn role(&self, of: &str) -> String {
        format!("{}_{of}", self.server.database.name)
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(token, "GET", path, "").await
    }

    /// The JSON of a `GET` that succeeds.
    pub async fn json(&self, token: &str, path: &str) -> Value {
        let answer = self.get(token, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let csv = path.starts_with("/api/import");
        let kind = if csv { "text/csv" } else { "application/json" };
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        self.server.write_with(method, path, body, &headers).await
    }

    /// The keys of the rows that somebody is shown, and how many there are said to be.
    pub async fn keys(&self, token: &str, path: &str) -> (Vec<Value>, u64) {
        let list = self.json(token, path).await;
        let rows = list["rows"].as_array().unwrap();
        let keys = rows.iter().map(|row| row["key"][0].clone()).collect();
        (keys, list["total"].as_u64().unwrap())
    }
}
