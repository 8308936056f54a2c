//! An OpenID Connect provider, which may misbehave.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Form, Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::keys::Key;

pub const CLIENT_ID: &str = "rowcast client";

/// With what has to be encoded where it is sent.
pub const SECRET: &str = "s3cret:+/ of the client";

/// What the token's address answers.
pub enum Exchange {
    Token,
    Status(u16, String),
    Text(String),
    Elsewhere,
    /// More than is read, with its length said before, or without.
    Huge(bool),
}

/// What a provider knows and does. A test changes it.
pub struct Behaviour {
    pub key: Key,
    /// The name of the key in tokens, and of the one that is published.
    pub key_id: String,
    /// What is published instead of the key's public part.
    pub keys: Option<Value>,
    /// Who is signed in there.
    pub person: Value,
    /// What tokens say instead.
    pub claims: Value,
    /// What heads of tokens say instead.
    pub head: Value,
    /// What it says of itself instead.
    pub metadata: Value,
    /// What answers say of whom they are; `None`: nothing.
    pub iss: Option<String>,
    pub exchange: Exchange,
    /// Whether a code is good for once.
    pub forgets_codes: bool,
    pub has_secret: bool,
    codes: HashMap<String, Code>,
    /// How often it was asked for what.
    pub asked: Asked,
    /// What it has been sent or has given that nobody else may know.
    pub secrets: Vec<String>,
    issuer: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub metadata: u32,
    pub keys: u32,
    pub exchange: u32,
}

#[derive(Clone)]
struct Code {
    challenge: String,
    nonce: String,
    redirect: String,
}

type Shared = Arc<Mutex<Behaviour>>;

pub struct Provider {
    pub issuer: String,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Provider {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Behaviour::new(&issuer)));
        let router = router(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            issuer,
            shared,
            task,
        }
    }

    pub fn set(&self) -> MutexGuard<'_, Behaviour> {
        self.shared.lock().unwrap()
    }

    /// Nobody is there any more.
    pub async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Signs in whoever a client sends: the path that they come back to.
    pub fn sign_in(&self, address: &str) -> String {
        let (path, query) = address.split_once('?').unwrap();
        let mut behaviour = self.set();
        assert_eq!(path, format!("{}/authorize", self.issuer));
        let fields = fields(query);
        let field = |name: &str| fields.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(field("response_type"), "code");
        assert_eq!(field("client_id"), CLIENT_ID);
        assert_eq!(field("code_challenge_method"), "S256");
        assert!(field("scope").split(' ').any(|scope| scope == "openid"));
        assert!(field("state").len() >= 43 && field("nonce").len() >= 43);
        let code = format!("the code {} of a sign-in", behaviour.secrets.len());
        let known = Code {
            challenge: field("code_challenge").clone(),
            nonce: field("nonce").clone(),
            redirect: field("redirect_uri").clone(),
        };
        let (_, path) = known.redirect.split_once("//").unwrap();
        let path = path[path.find('/').unwrap()..].to_owned();
        behaviour.codes.insert(code.clone(), known);
        let mut answer = format!("{path}?code={}&state={}", encode(&code), field("state"));
        if let Some(iss) = &behaviour.iss {
            answer += &format!("&iss={}", encode(iss));
        }
        behaviour.secrets.push(code);
        answer
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Behaviour {
    fn new(issuer: &str) -> Self {
        Self {
            key: Key::p256(),
            key_id: "first".to_owned(),
            keys: None,
            person: json!({"sub": "248289761001", "preferred_username": "Ann Lee"}),
            claims: json!({}),
            head: json!({}),
            metadata: json!({}),
            iss: None,
            exchange: Exchange::Token,
            forgets_codes: true,
            has_secret: true,
            codes: HashMap::new(),
            asked: Asked::default(),
            secrets: Vec::new(),
            issuer: issuer.to_owned(),
        }
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256", "plain"],
        });
        change(&mut metadata, &self.metadata);
        metadata
    }

    fn token(&self, nonce: &str) -> String {
        let now = rowcast::auth::openid::now();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "nonce": nonce, "iat": now, "exp": now + 300,
        });
        change(&mut claims, &self.person);
        change(&mut claims, &self.claims);
        let mut head = json!({"alg": self.key.algorithm(), "kid": self.key_id, "typ": "JWT"});
        change(&mut head, &self.head);
        self.key.token(&head, claims.to_string().as_bytes())
    }

    /// The token for a code, if whoever brings it is the client that asked for it.
    fn exchange(&mut self, headers: &HeaderMap, form: &HashMap<String, String>) -> Option<String> {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let (client, secret) = match headers.get("authorization") {
            Some(value) => {
                let pair = value.to_str().unwrap().strip_prefix("Basic ")?;
                let pair = String::from_utf8(BASE64_STANDARD.decode(pair).unwrap()).unwrap();
                let (client, secret) = pair.split_once(':')?;
                (decode(client), decode(secret))
            }
            None => (
                field("client_id").to_owned(),
                field("client_secret").to_owned(),
            ),
        };
        let expected = if self.has_secret { SECRET } else { "" };
        let code = self.codes.get(field("code"))?.clone();
        self.secrets.push(field("code_verifier").to_owned());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
        let is_right = (client.as_str(), secret.as_str()) == (CLIENT_ID, expected)
            && field("grant_type") == "authorization_code"
            && field("redirect_uri") == code.redirect
            && challenge == code.challenge;
        if !is_right {
            return None;
        }
        if self.forgets_codes {
            self.codes.remove(field("code"));
        }
        Some(self.token(&code.nonce))
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/realm/.well-known/openid-configuration", get(metadata))
        .route("/realm/keys", get(keys))
        .route("/realm/token", post(token))
        .with_state(shared)
}

async fn metadata(State(shared): State<Shared>) -> Json<Value> {
    let mut behaviour = shared.lock().unwrap();
    behaviour.asked.metadata += 1;
    Json(behaviour.metadata())
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    let mut behaviour = shared.lock().unwrap();
    behaviour.asked.keys += 1;
    let own = || json!([behaviour.key.public(&behaviour.key_id)]);
    let keys = behaviour.keys.clone().unwrap_or_else(own);
    Json(json!({"keys": keys}))
}

async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut behaviour = shared.lock().unwrap();
    behaviour.asked.exchange += 1;
    match &behaviour.exchange {
        Exchange::Token => {}
        Exchange::Status(status, text) => {
            return (StatusCode::from_u16(*status).unwrap(), text.clone()).into_response();
        }
        Exchange::Text(text) => return text.clone().into_response(),
        Exchange::Elsewhere => {
            return Redirect::temporary(&format!("{}/token", behaviour.issuer)).into_response();
        }
        Exchange::Huge(is_told) => {
            let huge = vec![b' '; 1024 * 1024];
            return match is_told {
                true => huge.into_response(),
                false => {
                    let parts = huge.chunks(4096).map(|part| Ok::<_, String>(part.to_vec()));
                    let parts: Vec<_> = parts.collect();
                    Body::from_stream(futures::stream::iter(parts)).into_response()
                }
            };
        }
    }
    match behaviour.exchange(&headers, &form) {
        Some(token) => {
            behaviour.secrets.push(token.clone());
            let access = "an access token";
            Json(json!({"access_token": access, "token_type": "Bearer", "id_token": token}))
                .into_response()
        }
        None => {
            let error = json!({"error": "invalid_grant", "error_description": "<b>no</b>"});
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
    }
}

/// What is said instead; `null` is said by nobody.
fn change(value: &mut Value, by: &Value) {
    let value = value.as_object_mut().unwrap();
    for (name, instead) in by.as_object().unwrap() {
        match instead {
            Value::Null => value.remove(name),
            other => value.insert(name.clone(), other.clone()),
        };
    }
}

fn fields(query: &str) -> HashMap<String, String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
