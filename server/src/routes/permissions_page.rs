//! `/permissions`: what roles may do, as pages for administrators, and for those who manage a
//! table of that table.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::request::Parts;
use rowcast_app::{
    address::encode,
    pages::accounts::{
        self, ColumnRow, Permissions, RoleForm, RoleRow, TablePermissions, TableRow, table_address,
    },
};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{
    form::{self, Outcome, sentence},
    permissions::{drop_role, look, make_role, said, say, subject, unsay},
};
use crate::{
    auth::{Identity, account, identity::ADMINISTRATOR, rights::require_administrator},
    database::catalog::TableMeta,
    error::status,
    permission::{
        Grant, Permission,
        manage::managed,
        path::{EVERY_TABLE, parts as parts_of},
        preview::{Preview, Somebody},
        roles::{Role, roles},
        store::{By, Subject},
    },
    state::AppState,
};

/// What every table of which nothing else is said is called.
const EVERY_TABLE_NAME: &str = "Every table (*)";

/// What was done just now, and of which role.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
    #[serde(default)]
    role: String,
}

/// A role that is to be.
#[derive(Debug, Deserialize)]
pub struct NewRole {
    #[serde(default)]
    name: String,
    #[serde(default)]
    about: String,
}

/// What a form about a role and a table holds: `what` is to be done; ticked boxes.
type Sent = BTreeMap<String, String>;

/// The page of all tables and roles.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let done = match asked.done.as_deref() {
        Some("made") => Some("The role is made."),
        Some("removed") => Some("The role is removed, and from whoever had it."),
        _ => None,
    };
    page(&state, &identity, parts, Outcome::done(done)).await
}

/// Makes a role.
pub async fn add_role(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<NewRole>,
) -> Response {
    match make_role(&state, &identity, sent.name.trim(), &sent.about).await {
        Ok(_) => Redirect::to("/permissions?done=made").into_response(),
        Err(error) => page(&state, &identity, parts, explained(&error)).await,
    }
}

/// Removes a role.
pub async fn remove_role(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(role): Path<String>,
    parts: Parts,
) -> Response {
    match drop_role(&state, &identity, &role).await {
        Ok(()) => Redirect::to("/permissions?done=removed").into_response(),
        Err(error) => page(&state, &identity, parts, explained(&error)).await,
    }
}

/// The page of one table.
pub async fn show_table(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(table): Path<String>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let done = match asked.done.as_deref() {
        Some("set") => Some("Set. It holds from now on."),
        Some("removed") => Some("Taken away. It holds from now on."),
        _ => None,
    };
    let outcome = Outcome::done(done);
    let mut page = read_table(&state, &identity, &table).await;
    if let Ok(page) = &mut page
        && let Some(form) = page.roles.iter_mut().find(|form| form.role == asked.role)
    {
        form.notice = outcome.notice.clone();
    }
    let view = accounts::table_permissions;
    form::answer(&state, parts, outcome, "Permissions", page, view).await
}

/// Sets what a role may do with a table, takes that away, or shows what it would see.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((table, role)): Path<(String, String)>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let grant = grant(&sent);
    let what = sent.get("what").map_or("", String::as_str);
    let user = sent.get("user").map_or("", |name| name.trim());
    let done = match what {
        "look" => seen(&state, &identity, &table, &grant, user)
            .await
            .map(Some),
        "remove" => unsay(&state, &identity, &role, &table).await.map(|()| None),
        _ => say(&state, &identity, &role, &table, &grant)
            .await
            .map(|_| None),
    };
    let (outcome, seen) = match done {
        Ok(None) => {
            let done = if what == "remove" { "removed" } else { "set" };
            let to = format!(
                "{}?done={done}&role={}",
                table_address(&table),
                encode(&role)
            );
            return Redirect::to(&to).into_response();
        }
        Ok(seen) => (Outcome::done(None), seen),
        Err(error) => (explained(&error), None),
    };
    // What was sent stands in the form again.
    let page = read_table(&state, &identity, &table).await.map(|mut page| {
        if let Some(form) = page.roles.iter_mut().find(|form| form.role == role) {
            let kept = filled(&grant);
            *form = RoleForm {
                user: user.to_owned(),
                seen,
                notice: outcome.notice.clone(),
                may: kept.may,
                rows: kept.rows,
                hidden: kept.hidden,
                read_only: kept.read_only,
                ..form.clone()
            };
        }
        page
    });
    let view = accounts::table_permissions;
    form::answer(&state, parts, outcome, "Permissions", page, view).await
}

/// What somebody would see who had a role alone that may do this: in words.
async fn seen(
    state: &AppState,
    identity: &Identity,
    table: &str,
    grant: &Grant,
    user: &str,
) -> Result<String, ApiError> {
    let somebody = match user {
        "" => Somebody::of(identity),
        name => {
            require_administrator(identity)?;
            let pool = state.accounts.pool();
            let id = account::named(pool, name).await?;
            Somebody::of_account(account::find(pool, id).await?, &state.accounts)
        }
    };
    let Preview { rows, of, columns } = look(state, identity, table, grant, somebody).await?;
    Ok(match columns.is_empty() {
        true => format!("Nothing: not that there is the table. It has {of} rows."),
        false => format!("{rows} of {of} rows; columns: {}.", columns.join(", ")),
    })
}

/// What is said by a form that was sent.
fn grant(sent: &Sent) -> Grant {
    let is = |name: &str| sent.contains_key(name);
    let names = |prefix: &str| -> BTreeSet<String> {
        let names = sent.keys().filter_map(|name| name.strip_prefix(prefix));
        names.map(str::to_owned).collect()
    };
    let rows = sent.get("rows").map_or("", |text| text.trim());
    Grant {
        read: is("read"),
        insert: is("insert"),
        update: is("update"),
        delete: is("delete"),
        manage: is("manage"),
        rows: (!rows.is_empty()).then(|| rows.to_owned()),
        hidden: names("hidden:"),
        read_only: names("read_only:"),
    }
}

/// What a form holds that says this.
fn filled(grant: &Grant) -> RoleForm {
    RoleForm {
        may: may(grant).to_vec(),
        rows: grant.rows.clone().unwrap_or_default(),
        hidden: grant.hidden.iter().cloned().collect(),
        read_only: grant.read_only.iter().cloned().collect(),
        ..RoleForm::default()
    }
}

fn may(grant: &Grant) -> [(&'static str, bool); 5] {
    [
        ("read", grant.read),
        ("insert", grant.insert),
        ("update", grant.update),
        ("delete", grant.delete),
        ("manage", grant.manage),
    ]
}

/// What is said, in a few words.
fn words(grant: &Grant) -> String {
    let may = may(grant).into_iter().filter(|(_, may)| *may);
    let may: Vec<&str> = may.map(|(what, _)| what).collect();
    let mut said = match may.is_empty() {
        true => vec!["nothing".to_owned()],
        false => vec![may.join(", ")],
    };
    said.extend(grant.rows.iter().map(|rows| format!("rows {rows}")));
    for (what, columns) in [("hidden", &grant.hidden), ("read-only", &grant.read_only)] {
        if !columns.is_empty() {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            said.push(format!("{what} {}", columns.join(", ")));
        }
    }
    said.join("; ")
}

/// An error with its hint: whoever writes a rule is told how it is written.
fn explained(error: &ApiError) -> Outcome {
    let mut text = sentence(&error.message);
    if !error.hint.is_empty() {
        text = format!("{text} {}", sentence(&error.hint));
    }
    Outcome::refused(status(&error.code), text)
}

async fn page(state: &AppState, identity: &Identity, parts: Parts, outcome: Outcome) -> Response {
    let page = read(state, identity).await.map(|page| Permissions {
        notice: outcome.notice.clone(),
        ..page
    });
    let view = accounts::permissions;
    form::answer(state, parts, outcome, "Permissions", page, view).await
}

async fn read(state: &AppState, identity: &Identity) -> Result<Permissions, ApiError> {
    let said = said(state, identity).await?;
    let is_administrator = identity.is_administrator();
    let mut paths: Vec<String> = vec![EVERY_TABLE.to_owned()];
    paths.extend(managed(state.seen(identity), identity).await?);
    // What is said of a table that is gone can be taken away.
    for of in &said {
        if !paths.contains(&of.table) {
            paths.push(of.table.clone());
        }
    }
    let row = |path: String| {
        let said = said.iter().filter(|of| of.table == path);
        TableRow {
            said: said.map(|of| (of.role.clone(), words(&of.grant))).collect(),
            name: name_of(&path),
            path,
        }
    };
    if !is_administrator {
        paths.retain(|path| path != EVERY_TABLE);
    }
    let all = roles(state.accounts.pool()).await?.into_iter();
    let roles = all.map(|role: Role| RoleRow {
        name: role.name,
        about: role.about,
        is_built_in: role.built_in,
    });
    Ok(Permissions {
        tables: paths.into_iter().map(row).collect(),
        roles: is_administrator.then(|| roles.collect()),
        notice: None,
    })
}

async fn read_table(
    state: &AppState,
    identity: &Identity,
    table: &str,
) -> Result<TablePermissions, ApiError> {
    let (subject, by) = subject(state, identity, table).await?;
    let path = subject.path();
    let said = said(state, identity).await?;
    let of = |role: &Role, path: &str| -> Option<Permission> {
        let mut said = said.iter();
        said.find(|of| of.role == role.name && of.table == path)
            .cloned()
    };
    // Administrators may do everything: nothing is said of them.
    let mut all = roles(state.accounts.pool()).await?;
    all.retain(|role| role.name != ADMINISTRATOR);
    let roles = all.into_iter().map(|role| {
        let here = of(&role, &path);
        let every = of(&role, EVERY_TABLE);
        let held = here.as_ref().or(every.as_ref()).map(|of| &of.grant);
        let gives_manage = held.is_some_and(|grant| grant.manage);
        RoleForm {
            is_said: here.is_some(),
            is_locked: by == By::Manager && gives_manage,
            of_every_table: every.as_ref().map(|of| words(&of.grant)),
            about: role.about,
            role: role.name,
            ..filled(&held.cloned().unwrap_or_default())
        }
    });
    let columns = match &subject {
        Subject::Table(meta) => columns(meta),
        Subject::EveryTable | Subject::Gone(_) => Vec::new(),
    };
    Ok(TablePermissions {
        name: name_of(&path),
        roles: roles.collect(),
        columns,
        path: (path != EVERY_TABLE).then_some(path),
        is_administrator: by == By::Administrator,
    })
}

fn columns(meta: &TableMeta) -> Vec<ColumnRow> {
    let columns = meta.table.columns.iter().map(|column| ColumnRow {
        name: column.name.clone(),
        can_be_hidden: meta.has_key() && !meta.table.key.contains(&column.name),
    });
    columns.collect()
}

/// What a table of this path is called.
fn name_of(path: &str) -> String {
    match parts_of(path) {
        _ if path == EVERY_TABLE => EVERY_TABLE_NAME.to_owned(),
        Some((schema, name)) if schema == "public" => name,
        Some(_) | None => path.to_owned(),
    }
}
