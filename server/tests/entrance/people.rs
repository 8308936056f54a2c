//! Accounts, and signing in to them.

use rowcast::auth::{
    AccountId, account,
    password::{Hashing, NewPassword},
    token::{self, NewToken},
};

use crate::{
    cluster::Database,
    server::{Answer, Server},
};

/// A table that is live.
pub const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text);
    INSERT INTO t VALUES (1, 'first'); SELECT rowcast.watch('t');";

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

pub async fn account(server: &Server, name: &str, roles: &[&str]) -> AccountId {
    account_in(&server.database, name, roles).await
}

pub async fn account_in(database: &Database, name: &str, roles: &[&str]) -> AccountId {
    let pool = database.pool(1).await;
    let password = NewPassword::new(PASSWORD.to_owned(), name).ok().unwrap();
    let hash = Hashing::default().hash(password).await.unwrap();
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    account::add(&pool, name, &roles, Some(&hash))
        .await
        .unwrap()
}

/// What a program of somebody's sends with its requests.
pub async fn bearer(server: &Server, owner: AccountId) -> String {
    bearer_in(&server.database, owner).await
}

pub async fn bearer_in(database: &Database, owner: AccountId) -> String {
    let pool = database.pool(1).await;
    let new = NewToken {
        name: "program".to_owned(),
        scopes: vec!["admin".to_owned()],
        expires: None,
    };
    let (_, secret) = token::create(&pool, owner, &new).await.unwrap();
    format!("Bearer {}", secret.reveal())
}

/// The form by which one signs in.
pub fn form(name: &str) -> String {
    format!("name={name}&password={}&next=/", PASSWORD.replace(' ', "+"))
}

/// Signs in, with further headers.
pub async fn sign_in(server: &Server, name: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    server.write_with("POST", "/login", &form(name), &all).await
}

/// The session's cookie of an answer, whole.
pub fn session(answer: &Answer) -> &str {
    let mut cookies = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let found = cookies.find(|(_, value)| value.contains("rowcast="));
    &found
        .unwrap_or_else(|| panic!("{}: {}", answer.status, answer.text()))
        .1
}
