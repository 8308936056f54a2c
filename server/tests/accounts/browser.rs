//! A browser, as far as forms and cookies go, and accounts for it.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rowcast::auth::{
    AccountId, account,
    password::{Hashing, NewPassword},
    token::{self, NewToken},
};

use crate::server::{Answer, Server};

/// A table that is live.
pub const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text);
    INSERT INTO t VALUES (1, 'first'); SELECT rowcast.watch('t');";

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// Makes an account.
pub async fn account(server: &Server, name: &str, roles: &[&str]) -> AccountId {
    let pool = server.database.pool(1).await;
    let password = NewPassword::new(PASSWORD.to_owned(), name).ok().unwrap();
    let hash = Hashing::default().hash(password).await.unwrap();
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    account::add(&pool, name, &roles, Some(&hash))
        .await
        .unwrap()
}

/// Makes a token.
pub async fn token(server: &Server, owner: AccountId, scope: &str) -> String {
    let pool = server.database.pool(1).await;
    let new = NewToken {
        name: scope.to_owned(),
        scopes: vec![scope.to_owned()],
        expires: None,
    };
    let (_, secret) = token::create(&pool, owner, &new).await.unwrap();
    secret.reveal().to_owned()
}

/// Sends a token with a request.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A browser that keeps its cookies.
pub struct Browser<'a> {
    pub server: &'a Server,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn new(server: &'a Server) -> Self {
        Self {
            server,
            cookies: BTreeMap::new(),
        }
    }

    /// One that has signed in.
    pub async fn of(server: &'a Server, name: &str) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    pub async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password)])
            .await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let cookie = self.cookie();
        let answer = self.server.send("GET", path, &[("Cookie", &cookie)]).await;
        self.keep(&answer);
        answer
    }

    /// Sends a form, as a page of the server does.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let kind = "application/x-www-form-urlencoded";
        // Pages that name themselves to nobody send forms so.
        self.write("POST", path, &body.join("&"), kind, "null")
            .await
    }

    /// Sends JSON, as a script of such a page does.
    pub async fn json(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let origin = format!("http://{}", self.server.addr);
        self.write(method, path, body, "application/json", &origin)
            .await
    }

    async fn write(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        kind: &str,
        origin: &str,
    ) -> Answer {
        let cookie = self.cookie();
        let headers = [
            ("Cookie", cookie.as_str()),
            ("Origin", origin),
            ("Sec-Fetch-Site", "same-origin"),
            ("User-Agent", "Test/1"),
            ("Content-Type", kind),
        ];
        let answer = self.server.write_with(method, path, body, &headers).await;
        self.keep(&answer);
        answer
    }

    pub fn cookie(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in set_cookies(answer) {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What an answer has a browser keep.
pub fn set_cookies(answer: &Answer) -> Vec<&str> {
    let set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    set.map(|(_, value)| value.as_str()).collect()
}

/// The value of the first input of that name in a page.
pub fn input(page: &str, name: &str) -> String {
    let tag = page
        .split("<input")
        .find(|tag| tag.contains(&format!("name=\"{name}\"")))
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    let tag = tag.split('>').next().unwrap();
    let value = tag.split("value=\"").nth(1).unwrap_or_default();
    value.split('"').next().unwrap().to_owned()
}

/// What a page shows once.
pub fn secret(page: &str) -> String {
    let shown = page.split("<code class=\"secret\">").nth(1).expect(page);
    shown.split('<').next().unwrap().to_owned()
}
