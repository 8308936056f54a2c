//! `/users`: all accounts, as a page for administrators.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::request::Parts;
use rowcast_app::pages::accounts::{self, AccountRow, InvitationRow, Users};
use rowcast_protocol::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    accounts::take_back,
    form::{self, Outcome},
};
use crate::{
    auth::{AccountId, Identity, account, link, rights::require_administrator, secret::Secret},
    database::impersonation::DatabaseRoles,
    peer::Peer,
    state::AppState,
};

/// Which of them, and what was done just now.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    after: String,
    done: Option<String>,
}

/// Boxes that were ticked: `role:NAME`.
type Ticked = Form<BTreeMap<String, String>>;

/// The page.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let done = match asked.done.as_deref() {
        Some("roles") => Some("The roles are set."),
        Some("disable") => Some("The account is disabled, and signed out everywhere."),
        Some("enable") => Some("The account may be used again."),
        Some("sign-out") => Some("Signed out everywhere."),
        Some("attributes") => Some("The attributes are set."),
        Some("database-role") => Some("The database role is set."),
        Some("withdraw") => Some("The link is void."),
        _ => None,
    };
    let outcome = Outcome::done(done);
    let more = More {
        after: asked.after,
        ..More::default()
    };
    page(&state, &identity, parts, outcome, more).await
}

/// Makes an invitation.
pub async fn invite(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    parts: Parts,
    Form(ticked): Ticked,
) -> Response {
    let change = async {
        require_administrator(&identity)?;
        let secret = link::invite(state.accounts.pool(), identity.account, &roles(&ticked)).await?;
        tracing::info!(
            by = identity.account.map(|by| by.0),
            "an invitation was made"
        );
        Ok(secret)
    };
    let what = "Send this link to whom you invite. It may be used once, within a week:";
    let made = change.await;
    link_made(&state, &identity, parts, peer, made, what).await
}

/// Takes back a link that nobody has used.
pub async fn withdraw(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<i64>,
    parts: Parts,
) -> Response {
    match take_back(&state, &identity, id).await {
        Ok(()) => Redirect::to("/users?done=withdraw").into_response(),
        Err(error) => page(&state, &identity, parts, error.into(), More::default()).await,
    }
}

/// Does one thing with an account.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(peer): Extension<Peer>,
    Path((id, what)): Path<(i64, String)>,
    parts: Parts,
    Form(ticked): Ticked,
) -> Response {
    let (pool, id) = (state.accounts.pool(), AccountId(id));
    if what == "password" {
        let change = async {
            require_administrator(&identity)?;
            let secret = link::set_password(pool, identity.account, id).await?;
            let by = identity.account.map(|by| by.0);
            tracing::info!(account = id.0, by, "a link to set the password was made");
            Ok(secret)
        };
        let what =
            "Send this link to the account’s owner. It sets the password, once, within a day:";
        let made = change.await;
        return link_made(&state, &identity, parts, peer, made, what).await;
    }
    let change = async {
        require_administrator(&identity)?;
        match what.as_str() {
            "roles" => account::set_roles(pool, id, &roles(&ticked)).await?,
            "disable" => account::set_disabled(pool, id, true).await?,
            "enable" => account::set_disabled(pool, id, false).await?,
            "sign-out" => account::sign_out(pool, id).await?,
            "attributes" => {
                let attributes = attributes(&ticked)?;
                account::describe(pool, id, None, Some(&attributes)).await?;
            }
            "database-role" => {
                let role = ticked.get("database_role").map(|role| role.trim());
                let role = role.filter(|role| !role.is_empty());
                account::set_database_role(pool, id, role).await?;
            }
            _ => {
                return Err(ApiError::new(
                    "not_found",
                    "there is nothing at this address",
                    "",
                ));
            }
        }
        state.accounts.changed(Some(id)).await;
        let by = identity.account.map(|by| by.0);
        tracing::info!(account = id.0, by, what, "an account was changed");
        Ok(())
    };
    match change.await {
        Ok(()) => Redirect::to(&format!("/users?done={what}")).into_response(),
        Err(error) => {
            let more = More {
                attributes: ticked.get("attributes").map(|text| (id.0, text.clone())),
                ..More::default()
            };
            page(&state, &identity, parts, error.into(), more).await
        }
    }
}

/// What was written of somebody: nothing is an object without members.
fn attributes(sent: &BTreeMap<String, String>) -> Result<Map<String, Value>, ApiError> {
    let text = sent.get("attributes").map_or("", |text| text.trim());
    if text.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| {
        ApiError::new(
            "invalid_attributes",
            format!("the attributes are no JSON object, such as {{\"team\": \"north\"}}: {error}"),
            "",
        )
    })
}

fn roles(ticked: &BTreeMap<String, String>) -> Vec<String> {
    let roles = ticked.keys().filter_map(|name| name.strip_prefix("role:"));
    roles.map(str::to_owned).collect()
}

async fn link_made(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    peer: Peer,
    made: Result<Secret, ApiError>,
    what: &str,
) -> Response {
    match made {
        Ok(secret) => {
            let base = state.origins.for_links(&parts.headers, peer);
            let link = (what.to_owned(), format!("{base}{}", link::path(&secret)));
            let more = More {
                link: Some(link),
                ..More::default()
            };
            page(state, identity, parts, Outcome::done(None), more).await
        }
        Err(error) => page(state, identity, parts, error.into(), More::default()).await,
    }
}

/// What else the page shows.
#[derive(Default)]
struct More {
    /// Behind which name the list begins.
    after: String,
    /// A link that was just made.
    link: Option<(String, String)>,
    /// What was written of an account, and not kept.
    attributes: Option<(i64, String)>,
}

async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    more: More,
) -> Response {
    let page = read(state, identity, &more.after).await.map(|mut page| {
        if let Some((id, text)) = more.attributes
            && let Some(row) = page.accounts.iter_mut().find(|row| row.id == id)
        {
            row.attributes = text;
        }
        page.notice = outcome.notice.clone();
        page.link = more.link;
        page
    });
    form::answer(state, parts, outcome, "Users", page, accounts::users).await
}

async fn read(state: &AppState, identity: &Identity, after: &str) -> Result<Users, ApiError> {
    require_administrator(identity)?;
    let pool = state.accounts.pool();
    let accounts = account::list(pool, after).await?;
    let is_more = accounts.len() == account::LISTED;
    let last = accounts.last().map(|account| account.name.clone());
    let is_asked = *state.accounts.database() != DatabaseRoles::Off;
    let row = |account: account::Account| AccountRow {
        id: account.id.0,
        is_own: identity.account == Some(account.id),
        name: account.name,
        roles: account.roles,
        is_disabled: account.disabled,
        attributes: match account.attributes.is_empty() {
            true => String::new(),
            false => Value::Object(account.attributes).to_string(),
        },
        database_role: is_asked.then(|| account.database_role.unwrap_or_default()),
        seen_at: account.seen_at,
    };
    Ok(Users {
        accounts: accounts.into_iter().map(row).collect(),
        roles: account::roles(pool).await?,
        after: last.filter(|_| is_more),
        invitations: link::open(pool)
            .await?
            .into_iter()
            .map(|link| InvitationRow {
                id: link.id,
                roles: link.roles,
                password_of: link.name,
                made_by: link.created_by,
                expires_at: link.expires_at,
            })
            .collect(),
        link: None,
        notice: None,
    })
}
