//! `/join`: what links lead to that may be used once.

use axum::{
    Extension, Form,
    extract::{Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::request::Parts;
use rowcast_app::pages::accounts::{self, Join, JoinPurpose, Notice};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{
    form::{self, Outcome, sentence},
    login::admitted,
    pages,
};
use crate::{
    audit::{self, Actor, Means},
    auth::{
        account::check_name,
        link::{self, By, Purpose},
        password::NewPassword,
        secret::Digest,
        sign_in::{Client, SignedIn, admit},
    },
    error::status,
    peer::Peer,
    state::AppState,
};

/// The link.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    token: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Sent {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    password: String,
    again: String,
}

/// The page.
pub async fn show(
    State(state): State<AppState>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    if !state.accounts.is_required() {
        return Redirect::to("/").into_response();
    }
    match purpose(&state, &asked.token).await {
        Ok((_, purpose)) => {
            let page = page(asked.token, &purpose, String::new(), None);
            page_of(&state, parts, Outcome::done(None), page).await
        }
        Err(error) => void(&state, parts, error).await,
    }
}

/// Makes the account, or sets the password, and signs in.
pub async fn enter(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    if !state.accounts.is_required() {
        return Redirect::to("/").into_response();
    }
    let (digest, purpose) = match purpose(&state, &sent.token).await {
        Ok(found) => found,
        Err(error) => return void(&state, parts, error).await,
    };
    let (token, name) = (sent.token.clone(), sent.name.clone());
    let client = Client::of(&parts.headers, peer);
    let by_link = Actor::current().by(Means::Link);
    let redeemed = redeem(&state, digest, &purpose, sent, &client);
    match audit::scope(by_link, redeemed).await {
        Ok(signed_in) => admitted(&signed_in, "/", peer),
        Err(error) if error.code == "void_link" => void(&state, parts, error).await,
        Err(error) => {
            let outcome = Outcome::from(error);
            let page = page(token, &purpose, name, outcome.notice.clone());
            page_of(&state, parts, outcome, page).await
        }
    }
}

async fn purpose(state: &AppState, token: &str) -> Result<(Digest, Purpose), ApiError> {
    let digest = Digest::of_secret(token).ok_or_else(link::void_link)?;
    let purpose = link::look(state.accounts.pool(), digest).await?;
    Ok((digest, purpose.ok_or_else(link::void_link)?))
}

async fn redeem(
    state: &AppState,
    digest: Digest,
    purpose: &Purpose,
    sent: Sent,
    client: &Client,
) -> Result<SignedIn, ApiError> {
    let accounts = &state.accounts;
    let name = match purpose {
        Purpose::Password(_, name) => name.clone(),
        _ => check_name(&sent.name)?,
    };
    let password = chosen(sent.password, &sent.again, &name)?;
    let hash = accounts.hashing().hash(password).await?;
    let account = link::redeem(accounts.pool(), digest, &name, By::Password(&hash)).await?;
    accounts.changed(Some(account)).await;
    let address = client.browser.address;
    tracing::info!(account = account.0, %address, "a link was used");
    admit(accounts, account, client).await
}

/// A password that was written twice.
///
/// # Errors
/// `invalid_password`.
pub fn chosen(password: String, again: &str, name: &str) -> Result<NewPassword, ApiError> {
    if password != again {
        return Err(ApiError::new(
            "invalid_password",
            "the two passwords differ",
            "",
        ));
    }
    NewPassword::new(password, name)
}

async fn page_of(state: &AppState, parts: Parts, outcome: Outcome, page: Join) -> Response {
    let page = Join {
        provider: state
            .openid
            .as_ref()
            .map(|openid| openid.label().to_owned()),
        ..page
    };
    form::answer(state, parts, outcome, "Welcome", Ok(page), accounts::join).await
}

fn page(token: String, purpose: &Purpose, name: String, notice: Option<Notice>) -> Join {
    Join {
        token,
        purpose: match purpose {
            Purpose::FirstAdministrator => JoinPurpose::FirstAdministrator,
            Purpose::Invitation(_) => JoinPurpose::Account,
            Purpose::Password(_, name) => JoinPurpose::Password(name.clone()),
        },
        name,
        provider: None,
        notice,
    }
}

async fn void(state: &AppState, parts: Parts, error: ApiError) -> Response {
    let text = format!("{} {}", sentence(&error.message), sentence(&error.hint));
    let view = move |options| accounts::message(options, "This link leads nowhere", text.clone());
    pages::document(state, parts, status(&error.code), view).await
}
