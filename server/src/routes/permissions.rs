//! `/api/permissions` and `/api/roles`: what roles there are, and what they may do.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};

use super::json_body;
use crate::{
    auth::{AccountId, Identity, account, rights::require_administrator},
    error::HttpError,
    permission::{
        Grant, Permission,
        manage::{managed, require_manager, right_over},
        path::EVERY_TABLE,
        preview::{Preview, Somebody, preview},
        roles::{self, Role},
        store::{self, By, Subject},
    },
    state::AppState,
};

/// All permissions.
#[derive(Debug, Serialize)]
pub struct Permissions {
    permissions: Vec<Permission>,
}

/// All roles.
#[derive(Debug, Serialize)]
pub struct Roles {
    roles: Vec<Role>,
}

/// A role that is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    name: String,
    #[serde(default)]
    about: String,
}

/// What a role might be allowed, and whom that is tried for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    grant: Grant,
    user: Option<AccountId>,
}

/// What is said of roles and tables, by both: to those who manage some, of these.
///
/// # Errors
/// `not_allowed`; `database_unavailable`.
pub async fn list(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Permissions>, HttpError> {
    let permissions = said(&state, &identity).await?;
    Ok(Json(Permissions { permissions }))
}

/// Sets what a role may do with a table: once this has answered, nobody is answered here by what
/// was before.
///
/// # Errors
/// `not_allowed`, `wrong_origin`; those of the body; those of [`store::set`].
pub async fn set(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((role, table)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Permission>, HttpError> {
    state.check_origin(&headers)?;
    require_manager(&identity)?;
    let grant: Grant = json_body::read(&headers, &body)?;
    Ok(Json(say(&state, &identity, &role, &table, &grant).await?))
}

/// Takes away what is said of a role and a table.
///
/// # Errors
/// `not_allowed`, `wrong_origin`; those of [`store::remove`].
pub async fn remove(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((role, table)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    unsay(&state, &identity, &role, &table).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a role would see of a table, if this were said of it. Nothing is changed.
///
/// # Errors
/// `not_allowed`, `wrong_origin`; those of the body; those of [`store::check`]; those of a read.
pub async fn attempt(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((_, table)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Preview>, HttpError> {
    state.check_origin(&headers)?;
    require_manager(&identity)?;
    let Trial { grant, user } = json_body::read(&headers, &body)?;
    let somebody = match user {
        None => Somebody::of(&identity),
        Some(id) => {
            require_administrator(&identity)?;
            let account = account::find(state.accounts.pool(), id).await?;
            Somebody::of_account(account, &state.accounts)
        }
    };
    let seen = look(&state, &identity, &table, &grant, somebody).await?;
    Ok(Json(seen))
}

/// What is said of roles and tables, as far as it is for somebody to say.
///
/// # Errors
/// `not_allowed`; `database_unavailable`.
pub async fn said(state: &AppState, identity: &Identity) -> Result<Vec<Permission>, ApiError> {
    require_manager(identity)?;
    let mut permissions = store::list(state.accounts.pool()).await?;
    if !identity.is_administrator() {
        let managed = managed(state.seen(identity), identity).await?;
        // What holds of a table may be what is said of every table.
        permissions.retain(|of| of.table == EVERY_TABLE || managed.contains(&of.table));
    }
    Ok(permissions)
}

/// Sets what a role may do with a table, by the right of whoever asks.
///
/// # Errors
/// `not_allowed`; those of [`store::set`].
pub async fn say(
    state: &AppState,
    identity: &Identity,
    role: &str,
    table: &str,
    grant: &Grant,
) -> Result<Permission, ApiError> {
    let (subject, by) = subject(state, identity, table).await?;
    let (pool, readers) = (state.accounts.pool(), state.readers.ours());
    let permission = store::set(pool, readers, &state.catalog, by, role, &subject, grant).await?;
    told(state, identity, role, &permission.table, "set").await;
    Ok(permission)
}

/// Takes away what is said of a role and a table, by the right of whoever asks.
///
/// # Errors
/// `not_allowed`; those of [`store::remove`].
pub async fn unsay(
    state: &AppState,
    identity: &Identity,
    role: &str,
    table: &str,
) -> Result<(), ApiError> {
    let (subject, by) = subject(state, identity, table).await?;
    store::remove(state.accounts.pool(), by, role, &subject).await?;
    told(state, identity, role, &subject.path(), "removed").await;
    Ok(())
}

/// What somebody would see of a table whose only role may do this with it.
///
/// # Errors
/// `not_allowed`; those of [`store::check`]; `unknown_table` of what is no table; those of a read.
pub async fn look(
    state: &AppState,
    identity: &Identity,
    table: &str,
    grant: &Grant,
    somebody: Somebody,
) -> Result<Preview, ApiError> {
    let (subject, _) = subject(state, identity, table).await?;
    store::check(state.readers.ours(), &state.catalog, &subject, grant).await?;
    match subject {
        Subject::Table(table) => preview(state, somebody, &table, grant).await,
        Subject::EveryTable | Subject::Gone(_) => Err(crate::error::unknown_table(table)),
    }
}

/// What is meant by a table's name, and by whose right it is spoken of.
///
/// # Errors
/// Those of [`right_over`].
pub async fn subject(
    state: &AppState,
    identity: &Identity,
    table: &str,
) -> Result<(Subject, By), ApiError> {
    require_manager(identity)?;
    let subject = Subject::named(&state.catalog, table).await?;
    let by = right_over(state.seen(identity), identity, &subject, table).await?;
    Ok((subject, by))
}

/// What roles there are.
///
/// # Errors
/// `not_allowed`; `database_unavailable`.
pub async fn roles(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Roles>, HttpError> {
    require_manager(&identity)?;
    let roles = roles::roles(state.accounts.pool()).await?;
    Ok(Json(Roles { roles }))
}

/// Makes a role, which may do nothing yet.
///
/// # Errors
/// `not_allowed`, `wrong_origin`; those of the body; `invalid_role`, `name_taken`.
pub async fn add_role(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Role>), HttpError> {
    state.check_origin(&headers)?;
    require_administrator(&identity)?;
    let NewRole { name, about } = json_body::read(&headers, &body)?;
    let role = make_role(&state, &identity, &name, &about).await?;
    Ok((StatusCode::CREATED, Json(role)))
}

/// Removes a role, what it may do, and from whoever has it.
///
/// # Errors
/// `not_allowed`, `wrong_origin`; `unknown_role`; `invalid_role` for one that is built in.
pub async fn remove_role(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(role): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    drop_role(&state, &identity, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a role.
///
/// # Errors
/// `not_allowed`; those of [`roles::add_role`].
pub async fn make_role(
    state: &AppState,
    identity: &Identity,
    name: &str,
    about: &str,
) -> Result<Role, ApiError> {
    require_administrator(identity)?;
    let role = roles::add_role(state.accounts.pool(), name, about).await?;
    told(state, identity, name, "", "role made").await;
    Ok(role)
}

/// Removes a role.
///
/// # Errors
/// `not_allowed`; those of [`roles::remove_role`].
pub async fn drop_role(state: &AppState, identity: &Identity, role: &str) -> Result<(), ApiError> {
    require_administrator(identity)?;
    roles::remove_role(state.accounts.pool(), role).await?;
    told(state, identity, role, "", "role removed").await;
    Ok(())
}

async fn told(state: &AppState, by: &Identity, role: &str, table: &str, what: &str) {
    state.accounts.changed(None).await;
    let by = by.account.map(|by| by.0);
    tracing::info!(by, role, table, what, "permissions were changed");
}
