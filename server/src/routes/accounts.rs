//! `/api/users` and `/api/invitations`: all accounts, for administrators.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{json_body, me::number};
use crate::{
    auth::{
        AccountId, Identity,
        account::{self, Account},
        link::{self, OpenLink},
        password::NewPassword,
        rights::require_administrator,
    },
    error::HttpError,
    state::AppState,
};

/// Which of them.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    after: String,
}

/// Accounts.
#[derive(Debug, Serialize)]
pub struct Accounts {
    users: Vec<Account>,
}

/// An account to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    password: String,
    #[serde(default)]
    roles: Vec<String>,
}

/// What is to be another of an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    roles: Option<Vec<String>>,
    disabled: Option<bool>,
    #[serde(default)]
    sign_out: bool,
    email: Option<String>,
    attributes: Option<Map<String, Value>>,
    database_role: Option<String>,
}

/// Links that wait to be used.
#[derive(Debug, Serialize)]
pub struct Invitations {
    invitations: Vec<OpenLink>,
}

/// A link to be made: for an account of these roles, or for the password of this one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLink {
    #[serde(default)]
    roles: Vec<String>,
    user: Option<AccountId>,
}

/// A link.
#[derive(Serialize)]
struct Link {
    path: String,
    expires_in: u64,
}

/// The accounts by name, at most a thousand, those behind `after`.
///
/// # Errors
/// `not_allowed`; those of a read.
pub async fn list(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
) -> Result<Json<Accounts>, HttpError> {
    require_administrator(&identity)?;
    let users = account::list(state.accounts.pool(), &asked.after).await?;
    Ok(Json(Accounts { users }))
}

/// One account.
///
/// # Errors
/// `not_allowed`, `unknown_account`; those of a read.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Account>, HttpError> {
    require_administrator(&identity)?;
    let id = AccountId(number(&id)?);
    Ok(Json(account::find(state.accounts.pool(), id).await?))
}

/// Makes an account with a password. Where its owner is to choose that, an invitation is better.
///
/// # Errors
/// `wrong_origin`, `not_allowed`; those of the body; `invalid_name`, `invalid_password`,
/// `name_taken`, `unknown_role`.
pub async fn create(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Account>), HttpError> {
    require_administrator(&identity)?;
    let new = json_body::read::<NewAccount>(&headers, &body)?;
    let accounts = &state.accounts;
    let name = account::check_name(&new.name)?;
    let password = NewPassword::new(new.password, &name)?;
    let hash = accounts.hashing().hash(password).await?;
    let id = account::add(accounts.pool(), &name, &new.roles, Some(&hash)).await?;
    let by = identity.account.map(|by| by.0);
    tracing::info!(account = id.0, by, "an account was made");
    let made = account::find(accounts.pool(), id).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Changes an account. What is given is changed in the order: email and attributes, the role in the
/// database, roles, whether it is disabled, and its sessions.
///
/// # Errors
/// `wrong_origin`, `not_allowed`; those of the body; `unknown_account`, `unknown_role`,
/// `last_administrator`, `invalid_attributes`, `invalid_database_role`.
pub async fn alter(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Account>, HttpError> {
    require_administrator(&identity)?;
    let id = AccountId(number(&id)?);
    let edit = json_body::read::<Edit>(&headers, &body)?;
    let accounts = &state.accounts;
    let changed = apply(&state, id, &edit).await;
    // Also where only a part of it could be done.
    accounts.changed(Some(id)).await;
    changed?;
    let by = identity.account.map(|by| by.0);
    tracing::info!(account = id.0, by, "an account was changed");
    Ok(Json(account::find(accounts.pool(), id).await?))
}

async fn apply(state: &AppState, id: AccountId, edit: &Edit) -> Result<(), ApiError> {
    let pool = state.accounts.pool();
    account::describe(pool, id, edit.email.as_deref(), edit.attributes.as_ref()).await?;
    if let Some(role) = &edit.database_role {
        let role = Some(role.as_str()).filter(|role| !role.is_empty());
        account::set_database_role(pool, id, role).await?;
    }
    if let Some(roles) = &edit.roles {
        account::set_roles(pool, id, roles).await?;
    }
    if let Some(disabled) = edit.disabled {
        account::set_disabled(pool, id, disabled).await?;
    }
    if edit.sign_out {
        account::sign_out(pool, id).await?;
    }
    Ok(())
}

/// Makes a link that may be used once: by which somebody makes an account, or sets the password
/// of theirs. It is told this once.
///
/// # Errors
/// `wrong_origin`, `not_allowed`; those of the body; `unknown_role`, `unknown_account`,
/// `too_many_links`.
pub async fn invite(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, HttpError> {
    require_administrator(&identity)?;
    let new = json_body::read::<NewLink>(&headers, &body)?;
    let (pool, by) = (state.accounts.pool(), identity.account);
    let (secret, lasts) = match new.user {
        Some(user) => (link::set_password(pool, by, user).await?, link::PASSWORD),
        None => (link::invite(pool, by, &new.roles).await?, link::INVITATION),
    };
    let by = by.map(|by| by.0);
    tracing::info!(account = new.user.map(|user| user.0), by, "a link was made");
    let link = Link {
        path: link::path(&secret),
        expires_in: lasts.as_secs(),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(link)).into_response())
}

/// The links that wait to be used, without what proves them.
///
/// # Errors
/// `not_allowed`; those of a read.
pub async fn invitations(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Invitations>, HttpError> {
    require_administrator(&identity)?;
    let invitations = link::open(state.accounts.pool()).await?;
    Ok(Json(Invitations { invitations }))
}

/// Takes back a link that nobody has used yet.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `unknown_invitation`.
pub async fn withdraw(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    require_administrator(&identity)?;
    take_back(&state, &identity, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back a link, by the right of whoever asks.
///
/// # Errors
/// `not_allowed`, `unknown_invitation`.
pub async fn take_back(state: &AppState, identity: &Identity, id: i64) -> Result<(), ApiError> {
    require_administrator(identity)?;
    link::withdraw(state.accounts.pool(), id).await?;
    let by = identity.account.map(|by| by.0);
    tracing::info!(link = id, by, "a link was withdrawn");
    Ok(())
}
