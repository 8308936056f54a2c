//! `/login` and `/logout`.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, header, request::Parts};
use rowcast_app::pages::accounts::{self, Login};
use serde::Deserialize;

use super::{
    form::{self, Outcome},
    pages,
};
use crate::{
    auth::{
        Identity,
        cookie::{self, Kind},
        device,
        next::local,
        session,
        sign_in::{Client, SignedIn, sign_in},
    },
    error::status,
    peer::Peer,
    state::AppState,
};

/// Where to go then.
#[derive(Debug, Deserialize)]
pub struct Asked {
    next: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Sent {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// The page; whoever has signed in already goes on at once.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let next = local(asked.next.as_deref());
    if identity.account.is_some() || identity.is_everyone() {
        return Redirect::to(next).into_response();
    }
    let page = Login {
        next: next.to_owned(),
        ..Login::default()
    };
    page_of(&state, parts, Outcome::done(None), page).await
}

/// Signs in.
pub async fn enter(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let next = local(Some(&sent.next));
    if identity.is_everyone() {
        return Redirect::to(next).into_response();
    }
    let client = Client::of(&parts.headers, peer);
    match sign_in(&state.accounts, &sent.name, sent.password, &client).await {
        Ok(signed_in) => admitted(&signed_in, next, peer),
        Err(refusal) => {
            let outcome = Outcome::from(refusal);
            let page = Login {
                next: next.to_owned(),
                name: sent.name,
                notice: outcome.notice.clone(),
                provider: None,
            };
            page_of(&state, parts, outcome, page).await
        }
    }
}

/// Signs out: the session ends, if there is one.
pub async fn leave(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
) -> Response {
    let accounts = &state.accounts;
    if let Some(session) = cookie::read(&parts.headers, Kind::Session, peer) {
        match session::end(accounts.pool(), session).await {
            Ok(Some(account)) => {
                accounts.changed(Some(account)).await;
                tracing::info!(account = account.0, "signed out");
            }
            Ok(None) => {}
            // A session that goes on must not look as if it had ended.
            Err(error) => {
                let text = "You are still signed in: the server can’t end the session right now. \
                            Try again in a moment."
                    .to_owned();
                let options = move |options| accounts::message(options, "Sign out", text.clone());
                return pages::document(&state, parts, status(&error.code), options).await;
            }
        }
    }
    let mut response = Redirect::to("/login").into_response();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, cookie::remove(Kind::Session, peer));
    cookie::forget(headers);
    response
}

/// What a browser that has been let in is answered with.
pub fn admitted(signed_in: &SignedIn, next: &str, peer: Peer) -> Response {
    let mut response = Redirect::to(next).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(
        header::SET_COOKIE,
        cookie::set(Kind::Session, &signed_in.session, session::LIFETIME, peer),
    );
    if let Some(device) = &signed_in.device {
        headers.append(
            header::SET_COOKIE,
            cookie::set(Kind::Device, device, device::KEPT, peer),
        );
    }
    response
}

/// The page, with what came of it.
pub async fn page_of(state: &AppState, parts: Parts, outcome: Outcome, page: Login) -> Response {
    let page = Login {
        provider: state
            .openid
            .as_ref()
            .map(|openid| openid.label().to_owned()),
        ..page
    };
    form::answer(state, parts, outcome, "Sign in", Ok(page), accounts::login).await
}
