//! `/login/openid`: signing in by an identity provider; `/account/openid`: linking an account to
//! whom it knows.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State, rejection::QueryRejection},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use rowcast_app::pages::accounts::{self, Login};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{
    form::{Outcome, sentence},
    login, own_account, pages,
};
use crate::{
    auth::{
        Credential, Identity,
        cookie::{self, Kind},
        link, linked,
        next::local,
        openid::{
            ANSWER_PATH, Answered, OpenId, OpenIdError,
            flow::{self, Flow, Kind as For, Purpose},
            now,
        },
        provided::{Entered, Refusal, enter},
        rights::require_own,
        secret::Digest,
        sign_in::{self, Client, confirm},
    },
    error::status,
    peer::Peer,
    state::AppState,
};

/// What the button sends, on the page where one signs in or on that of a link.
#[derive(Deserialize)]
pub struct Sent {
    #[serde(default)]
    next: String,
    #[serde(default)]
    token: String,
}

/// What the form sends that links an account.
#[derive(Deserialize)]
pub struct SentLink {
    #[serde(default)]
    now: String,
}

/// Sends a browser to the provider.
pub async fn begin(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let Some(openid) = state.openid.clone() else {
        return none(&state, parts).await;
    };
    let purpose = match sent.token.as_str() {
        "" => Ok(Purpose::SignIn),
        token => joining(&state, token).await,
    };
    let next = local(Some(&sent.next)).to_owned();
    let sent = match purpose {
        Ok(purpose) => leave(&state, &openid, purpose, &next, parts.clone(), peer).await,
        Err(error) => return message(&state, parts, status(&error.code), &error).await,
    };
    match sent {
        Ok(response) => response,
        Err(refusal) => login_page(&state, parts, refused(refusal), next).await,
    }
}

/// Sends a browser to the provider, to link the account that it is signed in to.
pub async fn begin_link(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(sent): Form<SentLink>,
) -> Response {
    let Some(openid) = state.openid.clone() else {
        return none(&state, parts).await;
    };
    let confirmed = async {
        let own = require_own(&identity)?;
        // The answer comes to a browser, which a token is none of.
        if !matches!(identity.credential, Some(Credential::Session(_))) {
            let error = ApiError::new("not_allowed", "that needs a session", "sign in at /login");
            return Err(error.into());
        }
        // Whoever sits at an open browser must not get a way in of their own.
        if linked::has_password(state.accounts.pool(), own).await? {
            let client = Client::of(&parts.headers, peer);
            confirm(&state.accounts, &identity, sent.now, &client).await?;
        }
        Ok::<_, sign_in::Refusal>(own)
    };
    let outcome = match confirmed.await {
        Ok(own) => {
            let purpose = Purpose::Link(own);
            let sent = leave(&state, &openid, purpose, "/account", parts.clone(), peer).await;
            match sent {
                Ok(response) => return response,
                Err(refusal) => refused(refusal),
            }
        }
        Err(sign_in::Refusal::Wrong) => {
            let text = "The password now is another one.".to_owned();
            Outcome::refused(StatusCode::FORBIDDEN, text)
        }
        Err(refusal) => refusal.into(),
    };
    own_account::page(&state, &identity, parts, outcome, None).await
}

/// What the provider sends a browser back with.
pub async fn answer(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    answered: Result<UrlQuery<Answered>, QueryRejection>,
    parts: Parts,
) -> Response {
    let Some(openid) = state.openid.clone() else {
        return none(&state, parts).await;
    };
    // One that has a part twice is none.
    let answered = answered
        .map(|UrlQuery(answered)| answered)
        .unwrap_or_default();
    let flow = cookie::value(&parts.headers, Kind::OpenId, peer);
    let flow = flow.and_then(|flow| Flow::read(&flow, now()));
    let redirect = redirect(&state, &parts, peer);
    let client = Client::of(&parts.headers, peer);
    let entered = enter(
        &state.accounts,
        &openid,
        flow.as_ref(),
        &answered,
        &redirect,
        &identity,
        &client,
    )
    .await;
    let is_link = |flow: &Flow| flow.kind == For::Link;
    let mut response = match entered {
        Ok(Entered::SignedIn(signed_in)) => {
            let next = flow.as_ref().map_or("/", |flow| flow.next.as_str());
            login::admitted(&signed_in, next, peer)
        }
        Ok(Entered::Linked) => Redirect::to("/account?done=linked").into_response(),
        Err(refusal) if identity.account.is_some() && flow.as_ref().is_some_and(is_link) => {
            own_account::page(&state, &identity, parts, refused(refusal), None).await
        }
        Err(refusal) => {
            let next = flow.map_or_else(|| "/".to_owned(), |flow| flow.next);
            login_page(&state, parts, refused(refusal), next).await
        }
    };
    // Whatever it came to, it has ended.
    response
        .headers_mut()
        .append(header::SET_COOKIE, cookie::remove(Kind::OpenId, peer));
    response
}

/// Ends that an account is found by whom the provider knows.
pub async fn unlink(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<i64>,
    parts: Parts,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        let issuer = state.openid.as_ref().map(|openid| openid.issuer());
        let current = own_account::current(&identity);
        linked::unlink(state.accounts.pool(), own, id, issuer, current).await?;
        own_account::told_all(&state, own, "an account was unlinked").await
    };
    let done = change.await;
    own_account::answer(&state, &identity, parts, done, "/account?done=unlinked").await
}

/// Has a browser keep what the sign-in is known by, and go to the provider. It is not redirected:
/// the policy of our pages lets forms lead here alone, wherever the provider leads on to.
async fn leave(
    state: &AppState,
    openid: &OpenId,
    purpose: Purpose,
    next: &str,
    parts: Parts,
    peer: Peer,
) -> Result<Response, Refusal> {
    let flow = Flow::begin(purpose.kind(), next, now());
    let redirect = redirect(state, &parts, peer);
    let address = openid.address(&flow, &redirect).await;
    let address = address.inspect_err(|error| {
        tracing::warn!(reason = %error, "the provider can't be signed in by");
    });
    let address = address.map_err(Refusal::Provider)?;
    let refresh = HeaderValue::try_from(format!("0; url={address}"));
    let refresh = refresh.map_err(|_| Refusal::Provider(OpenIdError::Exchange))?;
    linked::keep_purpose(state.accounts.pool(), &flow, purpose).await?;
    let view = move |options| accounts::leaving(options, address.clone());
    let mut response = pages::document(state, parts, StatusCode::OK, view).await;
    let headers = response.headers_mut();
    headers.insert("refresh", refresh);
    headers.append(
        header::SET_COOKIE,
        cookie::set_value(Kind::OpenId, flow.cookie(), flow::LASTS, peer),
    );
    Ok(response)
}

/// Where answers come to.
fn redirect(state: &AppState, parts: &Parts, peer: Peer) -> String {
    let origin = state.origins.for_links(&parts.headers, peer);
    format!("{origin}{ANSWER_PATH}")
}

/// A link that makes an account is used by whom the provider knows.
async fn joining(state: &AppState, token: &str) -> Result<Purpose, ApiError> {
    let digest = Digest::of_secret(token).ok_or_else(link::void_link)?;
    match link::look(state.accounts.pool(), digest).await? {
        None | Some(link::Purpose::Password(..)) => Err(link::void_link()),
        Some(_) => Ok(Purpose::Join(digest)),
    }
}

async fn login_page(state: &AppState, parts: Parts, outcome: Outcome, next: String) -> Response {
    let page = Login {
        next,
        notice: outcome.notice.clone(),
        ..Login::default()
    };
    login::page_of(state, parts, outcome, page).await
}

async fn none(state: &AppState, parts: Parts) -> Response {
    let error = ApiError::new("not_found", "one signs in by name and password here", "");
    message(state, parts, StatusCode::NOT_FOUND, &error).await
}

async fn message(state: &AppState, parts: Parts, status: StatusCode, error: &ApiError) -> Response {
    let text = sentence(&error.message);
    let view = move |options| accounts::message(options, "Sign in", text.clone());
    pages::document(state, parts, status, view).await
}

/// What is said of it. None of the provider's words is.
fn refused(refusal: Refusal) -> Outcome {
    let said = |status, text: &str| Outcome::refused(status, text.to_owned());
    match refusal {
        Refusal::NotAsked => said(
            StatusCode::BAD_REQUEST,
            "That sign-in was begun in another browser, or too long ago, or has ended already. \
             Try again.",
        ),
        Refusal::Slowed(wait) => sign_in::Refusal::Slowed(wait).into(),
        Refusal::Provider(error) if error.is_outage() => said(
            StatusCode::SERVICE_UNAVAILABLE,
            "The service that you sign in by can’t be used right now. Try again in a moment.",
        ),
        Refusal::Provider(OpenIdError::Denied) => said(
            StatusCode::FORBIDDEN,
            "The service that you sign in by did not let you in.",
        ),
        Refusal::Provider(_) => said(
            StatusCode::FORBIDDEN,
            "What the service answered that you sign in by is not believed. Try again, and tell an \
             administrator if it stays so.",
        ),
        Refusal::Unknown => said(
            StatusCode::FORBIDDEN,
            "No account here belongs to you. Ask an administrator for an invitation; if you have \
             an account, sign in to it by name and password and link it on its page.",
        ),
        Refusal::Nameless => said(
            StatusCode::FORBIDDEN,
            "The service that you sign in by does not say what you are called. Tell an \
             administrator.",
        ),
        Refusal::Failed(error) if error.code == "name_taken" => said(
            StatusCode::CONFLICT,
            "There is an account of that name already. If it is yours, sign in to it by name and \
             password and link it on its page; if not, tell an administrator.",
        ),
        Refusal::Failed(error) => error.into(),
    }
}
