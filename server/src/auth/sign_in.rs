//! Signing in by name and password.

use std::time::Duration;

use http::{HeaderMap, header};
use rowcast_protocol::ApiError;
use sqlx::Row;

use super::{
    account::{NAME_LONGEST, failed},
    cookie::{self, Kind},
    device,
    identity::{AccountId, Identity},
    known::Accounts,
    lockout::{self, Slowed, subjects},
    secret::{Digest, Secret},
    session::{self, Browser},
};
use crate::{audit, peer::Peer};

/// A browser that wants to sign in.
#[derive(Clone, Debug)]
pub struct Client {
    /// What is known of it.
    pub browser: Browser,
    /// What it has from having signed in before.
    pub device: Option<Digest>,
    /// The session that it has, which the new one replaces.
    pub session: Option<Digest>,
}

impl Client {
    /// The one that makes a request.
    pub fn of(headers: &HeaderMap, peer: Peer) -> Self {
        let user_agent = headers.get(header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Self {
            browser: Browser {
                address: peer.address,
                user_agent: user_agent.unwrap_or_default().to_owned(),
            },
            device: cookie::read(headers, Kind::Device, peer),
            session: cookie::read(headers, Kind::Session, peer),
        }
    }
}

/// What a browser is to keep.
#[derive(Debug)]
pub struct SignedIn {
    /// Whose it is.
    pub account: AccountId,
    /// Proves its session.
    pub session: Secret,
    /// Proves that it has signed in, if it is to keep a new one.
    pub device: Option<Secret>,
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such account, or it has another password, or none, or may not be used.
    Wrong,
    /// Too much was wrong: there is no point in trying for so long.
    Slowed(Duration),
    /// It can't be known now.
    Failed(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Signs a browser in, whatever session it had.
///
/// # Errors
/// See [`Refusal`]. What is wrong takes as long to be said whatever it is.
pub async fn sign_in(
    accounts: &Accounts,
    name: &str,
    password: String,
    client: &Client,
) -> Result<SignedIn, Refusal> {
    let pool = accounts.pool();
    // What is longer than any name is nobody's.
    let name: String = name.trim().chars().take(NAME_LONGEST + 1).collect();
    let name = name.replace('\0', "\u{fffd}");
    let row = sqlx::query(
        "SELECT a.id, p.hash, EXISTS (SELECT FROM rowcast.device d \
                                       WHERE d.account = a.id AND d.token_hash = $2) \
           FROM rowcast.account a LEFT JOIN rowcast.password p \
             ON p.account = a.id AND a.disabled_at IS NULL \
          WHERE lower(a.name) = lower($1)",
    )
    .bind(&name)
    .bind(client.device.as_ref().map(|device| &device.bytes()[..]))
    .fetch_optional(pool)
    .await;
    let known = row.and_then(|row| {
        let known =
            row.map(|row| Ok((AccountId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?)));
        known.transpose()
    });
    let (id, hash, is_known): (Option<AccountId>, Option<String>, bool) =
        match known.map_err(|error: sqlx::Error| failed(&error))? {
            Some((id, hash, is_known)) => (Some(id), hash, is_known),
            None => (None, None, false),
        };
    let device = client.device.filter(|_| is_known);
    let address = client.browser.address;
    let attempt = lockout::begin(pool, subjects(&name, address, device)).await;
    let attempt = match attempt.map_err(|error| failed(&error))? {
        Ok(attempt) => attempt,
        Err(Slowed(wait)) => {
            tracing::info!(account = id.map(|id| id.0), %address, "a sign-in was slowed down");
            audit::counted(pool, "sign_in_slowed", id).await?;
            return Err(Refusal::Slowed(wait));
        }
    };
    let is_right = accounts.hashing().verify(password, hash).await?;
    let Some(account) = id.filter(|_| is_right) else {
        tracing::info!(account = id.map(|id| id.0), %address, "a sign-in was refused");
        // What is no account's name is not kept: it may be a password that was put there.
        audit::counted(pool, "sign_in_refused", id).await?;
        return Err(Refusal::Wrong);
    };
    attempt
        .succeed(pool)
        .await
        .map_err(|error| failed(&error))?;
    let signed_in = admit(accounts, account, client).await?;
    tracing::info!(account = account.0, %address, "signed in");
    Ok(signed_in)
}

/// Begins a session of an account for whoever has proved to be its owner.
///
/// # Errors
/// Those of a write.
pub async fn admit(
    accounts: &Accounts,
    account: AccountId,
    client: &Client,
) -> Result<SignedIn, ApiError> {
    let session = begin(accounts, account, client, None).await?;
    Ok(SignedIn {
        account,
        session,
        device: device::remember(accounts.pool(), account, client.device).await?,
    })
}

/// The same for whom a provider has signed in. That the browser did nothing of a password makes it
/// known for none.
///
/// # Errors
/// Those of a write.
pub async fn admit_by(
    accounts: &Accounts,
    account: AccountId,
    client: &Client,
    provider: &str,
) -> Result<SignedIn, ApiError> {
    Ok(SignedIn {
        account,
        session: begin(accounts, account, client, Some(provider)).await?,
        device: None,
    })
}

async fn begin(
    accounts: &Accounts,
    account: AccountId,
    client: &Client,
    provider: Option<&str>,
) -> Result<Secret, ApiError> {
    let pool = accounts.pool();
    if let Some(old) = client.session
        && let Some(owner) = session::end(pool, old).await?
    {
        accounts.changed(Some(owner)).await;
    }
    session::begin(pool, account, &client.browser, provider).await
}

/// Checks the password of whoever has signed in, before something is done that a stranger at
/// their browser must not do.
///
/// # Errors
/// As [`sign_in`].
pub async fn confirm(
    accounts: &Accounts,
    identity: &Identity,
    password: String,
    client: &Client,
) -> Result<AccountId, Refusal> {
    let Some((account, name)) = identity.signed_in() else {
        return Err(Refusal::Wrong);
    };
    let pool = accounts.pool();
    let hash = sqlx::query_scalar("SELECT p.hash FROM rowcast.password p WHERE p.account = $1")
        .bind(account.0)
        .fetch_optional(pool)
        .await
        .map_err(|error| failed(&error))?;
    // Counted by the account, whatever it is proven by: each new token would be a few more
    // guesses. Nobody but who has signed in to it can spend these.
    let proof = format!("account {}", account.0);
    let by = subjects(
        name,
        client.browser.address,
        Some(Digest::of(proof.as_bytes())),
    );
    let attempt = lockout::begin(pool, by).await;
    let attempt = match attempt.map_err(|error| failed(&error))? {
        Ok(attempt) => attempt,
        Err(Slowed(wait)) => {
            audit::counted(pool, "sign_in_slowed", Some(account)).await?;
            return Err(Refusal::Slowed(wait));
        }
    };
    if !accounts.hashing().verify(password, hash).await? {
        tracing::info!(account = account.0, "a password was not confirmed");
        audit::counted(pool, "password_refused", Some(account)).await?;
        return Err(Refusal::Wrong);
    }
    attempt
        .succeed(pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(account)
}
