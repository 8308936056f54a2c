//! Signing in, joining and linking by what a provider says.

use std::time::Duration;

use rowcast_protocol::ApiError;

use super::{
    account::{self, failed},
    identity::{AccountId, Credential, Identity},
    known::Accounts,
    link::{self, By},
    linked,
    lockout::{self, Slowed, subjects_of_answer},
    openid::{
        Answered, OpenId, OpenIdError, Person,
        flow::{Flow, Purpose},
    },
    secret::Digest,
    sign_in::{Client, SignedIn, admit_by},
};
use crate::audit::{self, Actor, Means};

/// What an answer came to.
#[derive(Debug)]
pub enum Entered {
    /// A session.
    SignedIn(SignedIn),
    /// The account that was signed in is found by the provider from now on.
    Linked,
}

/// Why an answer came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No sign-in of this browser is waiting for it: it was begun elsewhere, or too long ago, or
    /// was ended already.
    NotAsked,
    /// Too much was wrong: there is no point in trying for so long.
    Slowed(Duration),
    /// The provider says nothing that is believed.
    Provider(OpenIdError),
    /// Whom it knows has no account here that may be used, and gets none.
    Unknown,
    /// Whom it knows is to have an account, but it does not say what they are called.
    Nameless,
    /// It can't be known now, or can't be done.
    Failed(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Does what a sign-in was begun for. `flow`: the one that the browser has, if it has one;
/// `redirect`: where answers come to; `identity`: who makes the request that brings this one.
///
/// # Errors
/// See [`Refusal`].
pub async fn enter(
    accounts: &Accounts,
    openid: &OpenId,
    flow: Option<&Flow>,
    answered: &Answered,
    redirect: &str,
    identity: &Identity,
    client: &Client,
) -> Result<Entered, Refusal> {
    let pool = accounts.pool();
    let address = client.browser.address;
    let asked = flow.filter(|flow| {
        // Compared as hashes: how long that takes tells nothing.
        Digest::of(flow.state().as_bytes()) == Digest::of(answered.state.as_bytes())
    });
    let Some(flow) = asked else {
        tracing::info!(%address, "an answer was refused that nobody has asked for");
        audit::counted(pool, "openid_refused", None).await?;
        return Err(Refusal::NotAsked);
    };
    let attempt = lockout::begin(pool, subjects_of_answer(address)).await;
    let attempt = match attempt.map_err(|error| failed(&error))? {
        Ok(attempt) => attempt,
        Err(Slowed(wait)) => {
            tracing::info!(%address, "an answer of the provider was slowed down");
            audit::counted(pool, "sign_in_slowed", None).await?;
            return Err(Refusal::Slowed(wait));
        }
    };
    let Some(purpose) = linked::take_answer(pool, flow).await? else {
        tracing::info!(%address, "an answer was refused that was taken before, or is for what nobody began");
        audit::counted(pool, "openid_refused", None).await?;
        return Err(Refusal::NotAsked);
    };
    let person = match openid.person(flow, redirect, answered).await {
        Ok(person) => person,
        Err(error) => {
            // What goes wrong at the provider is nobody's guess.
            if error.is_outage() {
                tracing::warn!(reason = %error, "the provider can't be signed in by");
                attempt
                    .succeed(pool)
                    .await
                    .map_err(|error| failed(&error))?;
            } else {
                tracing::info!(reason = %error, %address, "an answer of the provider was refused");
                audit::counted(pool, "openid_refused", None).await?;
            }
            return Err(Refusal::Provider(error));
        }
    };
    let entered = match purpose {
        Purpose::SignIn => {
            let account = own(accounts, openid, &person, address).await?;
            admitted(accounts, openid, account, &person, client).await
        }
        Purpose::Join(link) => {
            let account = join(accounts, openid, link, &person).await?;
            admitted(accounts, openid, account, &person, client).await
        }
        Purpose::Link(account) => link_to(accounts, openid, account, identity, &person).await,
    };
    let entered = entered?;
    attempt
        .succeed(pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(entered)
}

/// The account of whom the provider knows; a new one, if they get one.
async fn own(
    accounts: &Accounts,
    openid: &OpenId,
    person: &Person,
    address: std::net::IpAddr,
) -> Result<AccountId, Refusal> {
    let pool = accounts.pool();
    let refused = async |account: Option<AccountId>| {
        let number = account.map(|account| account.0);
        tracing::info!(account = number, %address, "whom the provider knows has no account that may be used");
        audit::counted(pool, "openid_refused", account).await?;
        Err(Refusal::Unknown)
    };
    match linked::find(pool, openid.issuer(), person).await? {
        Some(owned) if owned.is_disabled => refused(Some(owned.account)).await,
        Some(owned) => Ok(owned.account),
        None if !person.may_join => refused(None).await,
        None => {
            let name = person.name.as_deref().ok_or(Refusal::Nameless)?;
            let make = async {
                let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
                let account = account::create(&mut transaction, name, &[], None).await?;
                linked::link(&mut transaction, account, openid.issuer(), person).await?;
                transaction.commit().await.map_err(|error| failed(&error))?;
                Ok::<_, ApiError>(account)
            };
            Ok(audit::scope(by_provider(), make).await?)
        }
    }
}

/// The account that a link makes for whom the provider knows.
async fn join(
    accounts: &Accounts,
    openid: &OpenId,
    link: Digest,
    person: &Person,
) -> Result<AccountId, Refusal> {
    let name = person.name.as_deref().ok_or(Refusal::Nameless)?;
    let by = By::Provider(openid.issuer(), person);
    let redeemed = link::redeem(accounts.pool(), link, name, by);
    let actor = Actor::current().by(Means::Link);
    Ok(audit::scope(actor, redeemed).await?)
}

async fn admitted(
    accounts: &Accounts,
    openid: &OpenId,
    account: AccountId,
    person: &Person,
    client: &Client,
) -> Result<Entered, Refusal> {
    let of = openid.roles();
    if !of.is_empty() {
        let set = account::set_roles_of(accounts.pool(), account, &of, &person.roles);
        audit::scope(by_provider(), set).await?;
    }
    accounts.changed(Some(account)).await;
    let signed_in = admit_by(accounts, account, client, openid.issuer()).await?;
    let address = client.browser.address;
    tracing::info!(account = account.0, %address, "signed in by the provider");
    Ok(Entered::SignedIn(signed_in))
}

/// Whoever has begun to link an account is signed in to it still.
async fn link_to(
    accounts: &Accounts,
    openid: &OpenId,
    account: AccountId,
    identity: &Identity,
    person: &Person,
) -> Result<Entered, Refusal> {
    // A token reaches less far than whoever it is of, and gives nobody a way in.
    let is_session = matches!(identity.credential, Some(Credential::Session(_)));
    if identity.account != Some(account) || !is_session {
        return Err(Refusal::NotAsked);
    }
    let pool = accounts.pool();
    let link = async {
        let mut connection = pool.acquire().await.map_err(|error| failed(&error))?;
        linked::link(&mut connection, account, openid.issuer(), person).await
    };
    link.await?;
    tracing::info!(
        account = account.0,
        "an account was linked to whom the provider knows"
    );
    Ok(Entered::Linked)
}

fn by_provider() -> Actor {
    Actor::current().by(Means::Provider)
}
