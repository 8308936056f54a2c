//! Signing in by an identity provider: OpenID Connect, by code and PKCE.
//!
//! What comes from a provider is believed only where it is signed by it, for this server and for
//! the very sign-in that was asked for. It is asked at the addresses that it names itself, over
//! TLS, for a bounded time and a bounded answer; no user can give one.

mod address;
pub mod fetch;
pub mod flow;
pub mod id_token;
pub mod keys;
pub mod metadata;
mod person;
mod provider;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

pub use self::{address::Address, person::Person};
use self::{
    fetch::{Answer, Fetch, FetchError},
    flow::Flow,
    id_token::{Expected, TokenError},
    metadata::{Metadata, MetadataError},
    provider::Provider,
};
use crate::config::{InvalidSetting, OpenIdConfig, secret_in};

/// Where a provider's answers come to.
pub const ANSWER_PATH: &str = "/login/openid/answer";

/// How many answers are looked into at once.
const AT_ONCE: usize = 16;

/// The most bytes of a code.
const CODE_MAX: usize = 4096;

const SECRET: &str = "ROWCAST_OPENID_CLIENT_SECRET_FILE";

/// What stays as it is in a parameter.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why somebody is not known by a provider. It is logged; none of it is of the provider's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// It gives no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It says of itself what can't be.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Its keys can't be read.
    #[error("the provider's keys can't be read")]
    Keys,
    /// Too many answers are looked into at once.
    #[error("more sign-ins end at once than are looked into")]
    Busy,
    /// It let them not in, or they did not want to.
    #[error("the provider did not let them in")]
    Denied,
    /// It answered without a code, or with one that can be none.
    #[error("the provider's answer has no code")]
    NoCode,
    /// The answer is of another provider, or does not say of which.
    #[error("the answer does not say that it is of this provider")]
    Issuer,
    /// It does not take the code.
    #[error("the provider did not take the code")]
    Code,
    /// What it gives for the code can't be read.
    #[error("what the provider gave for the code can't be read")]
    Exchange,
    /// The token is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl OpenIdError {
    /// Whether it is the provider's trouble, and nobody's who signs in.
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::Fetch(_) | Self::Metadata(_) | Self::Keys | Self::Busy
        )
    }
}

/// What a browser brings from a provider.
#[derive(Clone, Default, Deserialize)]
pub struct Answered {
    /// What the sign-in is known by.
    #[serde(default)]
    pub state: String,
    /// What is exchanged for a token.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// That it comes to nothing.
    pub error: Option<String>,
}

/// What a code is exchanged for, as far as it is of use.
#[derive(Deserialize)]
pub struct Exchanged {
    id_token: String,
    token_type: Option<String>,
}

impl Exchanged {
    /// The token that says who somebody is; `None` if there is none.
    pub fn read(bytes: &[u8]) -> Option<String> {
        let exchanged: Self = read_json(bytes)?;
        let is_known = |kind: &String| kind.eq_ignore_ascii_case("bearer");
        let is_known = exchanged.token_type.as_ref().is_none_or(is_known);
        is_known.then_some(exchanged.id_token)
    }
}

/// A provider that one may sign in by.
pub struct OpenId {
    config: OpenIdConfig,
    secret: Option<String>,
    fetch: Fetch,
    provider: Provider,
    turns: Semaphore,
}

impl OpenId {
    /// The one of these settings. It is asked nothing yet: it may be away.
    ///
    /// # Errors
    /// What is wrong with the files that they name.
    pub fn new(config: &OpenIdConfig) -> Result<Self, InvalidSetting> {
        let fetch = Fetch::new(config.authorities.as_deref())?;
        let secret = config.secret.as_deref();
        let secret = secret.map(|file| secret_in(SECRET, file));
        Ok(Self {
            secret: secret.transpose()?,
            provider: Provider::new(config.issuer.clone(), fetch.clone()),
            fetch,
            config: config.clone(),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Who it is, as it names itself.
    pub fn issuer(&self) -> &str {
        self.config.issuer.as_str()
    }

    /// What is on the button.
    pub fn label(&self) -> &str {
        &self.config.label
    }

    /// The roles that it says something of.
    pub fn roles(&self) -> Vec<String> {
        let mut roles: Vec<String> = self
            .config
            .roles
            .iter()
            .map(|(_, role)| role.clone())
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }

    /// Where a browser goes to sign in, to come back to `redirect`.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn address(&self, flow: &Flow, redirect: &str) -> Result<String, OpenIdError> {
        let metadata = self.provider.metadata().await?;
        let form = form(&[
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", redirect),
            ("scope", &self.config.scopes),
            ("state", &flow.state()),
            ("nonce", &flow.nonce()),
            ("code_challenge", &flow.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let address = metadata.authorization.as_str();
        let sign = if address.contains('?') { '&' } else { '?' };
        Ok(format!("{address}{sign}{form}"))
    }

    /// Of whom the provider says that they have signed in, by an answer whose state is the
    /// flow's.
    ///
    /// # Errors
    /// Why nobody is believed to have.
    pub async fn person(
        &self,
        flow: &Flow,
        redirect: &str,
        answered: &Answered,
    ) -> Result<Person, OpenIdError> {
        let _turn = self.turns.try_acquire().map_err(|_| OpenIdError::Busy)?;
        let metadata = self.provider.metadata().await?;
        match answered.iss.as_deref() {
            Some(issuer) if issuer != self.issuer() => return Err(OpenIdError::Issuer),
            None if metadata.names_itself => return Err(OpenIdError::Issuer),
            _ => {}
        }
        if answered.error.is_some() {
            return Err(OpenIdError::Denied);
        }
        let is_code = |code: &&String| (1..=CODE_MAX).contains(&code.len());
        let code = answered.code.as_ref().filter(is_code);
        let code = code.ok_or(OpenIdError::NoCode)?;
        let token = self.exchange(&metadata, flow, redirect, code).await?;
        let claims = self.believed(&metadata, &token, flow).await?;
        Ok(Person::of(&claims, &self.config))
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        flow: &Flow,
        redirect: &str,
        code: &str,
    ) -> Result<String, OpenIdError> {
        let client_id = self.config.client_id.as_str();
        let verifier = flow.verifier();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &verifier),
        ];
        let mut authorization = None;
        match &self.secret {
            None => fields.push(("client_id", client_id)),
            Some(secret) if metadata.secret_in_form => {
                fields.extend([("client_id", client_id), ("client_secret", secret)]);
            }
            Some(secret) => authorization = Some(basic(client_id, secret)),
        }
        let answer = self
            .fetch
            .post(&metadata.token, form(&fields), authorization)
            .await?;
        match answer {
            Answer {
                is_success: false, ..
            } => Err(OpenIdError::Code),
            Answer { body, .. } => Exchanged::read(&body).ok_or(OpenIdError::Exchange),
        }
    }

    async fn believed(
        &self,
        metadata: &Metadata,
        token: &str,
        flow: &Flow,
    ) -> Result<id_token::Claims, OpenIdError> {
        let nonce = flow.nonce();
        let expected = Expected {
            issuer: self.issuer(),
            client_id: &self.config.client_id,
            nonce: &nonce,
            now: now(),
        };
        let keys = self.provider.keys(metadata).await?;
        match id_token::read(token, &keys, &expected) {
            // It may have others by now, under names that they had before, or under none.
            Err(error @ (TokenError::UnknownKey | TokenError::Signature)) => {
                let newer = self.provider.newer_keys(metadata, &keys).await?;
                let newer = newer.ok_or(error)?;
                Ok(id_token::read(token, &newer, &expected)?)
            }
            read => Ok(read?),
        }
    }
}

impl std::fmt::Debug for OpenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OpenId").field(&self.config.issuer).finish()
    }
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() as i64)
}

/// What is not text is no JSON, also where nobody reads it.
fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, PLAIN);
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    fields.join("&")
}

/// Both are encoded as in forms before (RFC 6749, 2.3.1).
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let encode = |text| utf8_percent_encode(text, PLAIN);
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(text).expect("Base64 is plain text");
    value.set_sensitive(true);
    value
}
