//! `/account`: one's own password, sessions and tokens, as a page.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, header, request::Parts};
use rowcast_app::pages::accounts::{self, LinkedRow, OwnAccount, SessionRow, TokenRow};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{
    form::{self, Outcome},
    join::chosen,
};
use crate::{
    auth::{
        AccountId, Credential, Identity, account,
        cookie::{self, Kind},
        linked,
        rights::require_own,
        session,
        sign_in::{Client, Refusal, confirm},
        token::{self, NewToken},
    },
    peer::Peer,
    state::AppState,
};

/// What was done just now.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// A change of one's password.
#[derive(Deserialize)]
pub struct SentPassword {
    now: String,
    password: String,
    again: String,
}

/// A token to be made.
#[derive(Debug, Deserialize)]
pub struct SentToken {
    name: String,
    scope: String,
    expires: String,
}

/// The page.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    if identity.is_everyone() {
        return Redirect::to("/").into_response();
    }
    let done = match asked.done.as_deref() {
        Some("password") => Some("The password is changed. You are signed out everywhere else."),
        Some("session") => Some("Signed out there."),
        Some("sessions") => Some("Signed out everywhere else."),
        Some("token") => Some("The token is revoked."),
        Some("linked") => Some("Linked: you can sign in by it from now on."),
        Some("unlinked") => Some("Unlinked: nobody signs in by it any more."),
        _ => None,
    };
    page(&state, &identity, parts, Outcome::done(done), None).await
}

/// Changes the password.
pub async fn set_password(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(sent): Form<SentPassword>,
) -> Response {
    let change = async {
        let accounts = &state.accounts;
        require_own(&identity)?;
        let password = chosen(sent.password, &sent.again, &identity.name)?;
        let client = Client::of(&parts.headers, peer);
        let own = confirm(accounts, &identity, sent.now, &client).await?;
        let hash = accounts.hashing().hash(password).await?;
        let pool = accounts.pool();
        account::set_password(pool, own, &hash, current(&identity)).await?;
        // Whoever has come to know this session's secret is out, too.
        let renewed = match current(&identity) {
            Some(session) => Some(session::renew(pool, own, session).await?),
            None => None,
        };
        accounts.changed(Some(own)).await;
        tracing::info!(account = own.0, "the password was changed");
        Ok::<_, Refusal>(renewed)
    };
    let outcome = match change.await {
        Ok(renewed) => {
            let mut response = Redirect::to("/account?done=password").into_response();
            if let Some(secret) = renewed {
                response.headers_mut().append(
                    header::SET_COOKIE,
                    cookie::set(Kind::Session, &secret, session::LIFETIME, peer),
                );
            }
            return response;
        }
        Err(Refusal::Wrong) => {
            let text = "The password now is another one.".to_owned();
            Outcome::refused(StatusCode::FORBIDDEN, text)
        }
        Err(refusal) => refusal.into(),
    };
    page(&state, &identity, parts, outcome, None).await
}

/// Ends a session.
pub async fn end_session(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<i64>,
    parts: Parts,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        session::revoke(state.accounts.pool(), own, id).await?;
        told_all(&state, own, "a session was ended").await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/account?done=session").await
}

/// Ends all other sessions.
pub async fn end_others(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        session::revoke_others(state.accounts.pool(), own, current(&identity)).await?;
        told_all(&state, own, "all other sessions were ended").await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/account?done=sessions").await
}

/// Makes a token, and shows it this once.
pub async fn create_token(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentToken>,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        let new = NewToken {
            name: sent.name,
            scopes: vec![sent.scope],
            expires: Some(sent.expires),
        };
        let (token, secret) = token::create(state.accounts.pool(), own, &new).await?;
        told_all(&state, own, "a token was made").await?;
        Ok((token.name, secret.reveal().to_owned()))
    };
    match change.await {
        Ok(made) => page(&state, &identity, parts, Outcome::done(None), Some(made)).await,
        Err(error) => answer(&state, &identity, parts, Err(error), "").await,
    }
}

/// Revokes a token.
pub async fn revoke_token(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<i64>,
    parts: Parts,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        token::revoke(state.accounts.pool(), own, id).await?;
        told_all(&state, own, "a token was revoked").await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/account?done=token").await
}

/// The number of the session that a request is of.
pub fn current(identity: &Identity) -> Option<i64> {
    match identity.credential {
        Some(Credential::Session(id)) => Some(id),
        _ => None,
    }
}

/// Has all servers know of a change of one's account.
///
/// # Errors
/// None.
pub async fn told_all(state: &AppState, account: AccountId, what: &str) -> Result<(), ApiError> {
    state.accounts.changed(Some(account)).await;
    tracing::info!(account = account.0, "{what}");
    Ok(())
}

/// Leads on, or says on the page why not.
pub async fn answer(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    done: Result<(), ApiError>,
    then: &str,
) -> Response {
    match done {
        Ok(()) => Redirect::to(then).into_response(),
        Err(error) => page(state, identity, parts, error.into(), None).await,
    }
}

/// The page, with what came of what was sent.
pub async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    made: Option<(String, String)>,
) -> Response {
    let page = read(state, identity).await.map(|page| OwnAccount {
        notice: outcome.notice.clone(),
        made,
        ..page
    });
    let view = accounts::own_account;
    form::answer(state, parts, outcome, "Your account", page, view).await
}

async fn read(state: &AppState, identity: &Identity) -> Result<OwnAccount, ApiError> {
    let own = require_own(identity)?;
    let pool = state.accounts.pool();
    let sessions = session::list(pool, own, current(identity)).await?;
    let tokens = token::list(pool, own).await?;
    let linked = linked::list(pool, own).await?;
    let has_password = linked::has_password(pool, own).await?;
    Ok(OwnAccount {
        name: identity.name.clone(),
        manages: !identity.is_administrator() && identity.rights.manage_anything(),
        roles: identity.roles.iter().map(ToString::to_string).collect(),
        sessions: sessions
            .into_iter()
            .map(|session| SessionRow {
                id: session.id,
                is_current: session.current,
                user_agent: session.user_agent,
                address: session.address.unwrap_or_default(),
                seen_at: session.seen_at,
                expires_at: session.expires_at,
            })
            .collect(),
        tokens: tokens
            .into_iter()
            .map(|token| TokenRow {
                id: token.id,
                name: token.name,
                scope: token.scopes.last().cloned().unwrap_or_default(),
                expires_at: token.expires_at,
                last_used_at: token.last_used_at,
            })
            .collect(),
        linked: linked
            .into_iter()
            .map(|linked| LinkedRow {
                id: linked.id,
                provider: linked.issuer,
                name: linked.name,
                created_at: linked.created_at,
                used_at: linked.used_at,
            })
            .collect(),
        has_password,
        provider: state
            .openid
            .as_ref()
            .map(|openid| openid.label().to_owned()),
        made: None,
        notice: None,
    })
}
