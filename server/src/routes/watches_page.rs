//! `/watches`: one's own watch rules, as a page.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, request::Parts};
use rowcast_app::{
    address,
    filter::describe,
    pages::accounts::{self, Filled, SentRow, WatchDraft, WatchRow, Watches},
};
use rowcast_protocol::{ApiError, Column};
use serde::Deserialize;

use super::{
    form::{self, Outcome},
    pages,
};
use crate::{
    auth::{Identity, rights::require_own},
    notification::reader,
    state::AppState,
    watching::{
        self, Edit, NewRule,
        delivery::address as mail,
        evaluator::may_tell_others,
        store::{self, Listed, Part, Unfit},
    },
};

/// Of what the page is, and what was done just now.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
    /// The table that a rule may be made of.
    table: Option<String>,
    #[serde(default)]
    query: String,
    view: Option<i64>,
    /// The rule of which it is shown what was sent.
    sent: Option<i64>,
    /// What was filled in, with the rule's name, before it was refused.
    #[serde(skip)]
    filled: Option<(String, Filled)>,
}

/// A rule to be made.
#[derive(Debug, Deserialize)]
pub struct SentRule {
    table: String,
    #[serde(default)]
    query: String,
    view: Option<i64>,
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    changed: String,
    #[serde(default)]
    summed: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    bound: String,
    group_seconds: Option<i32>,
    #[serde(default)]
    expires: String,
    #[serde(default)]
    mail: String,
    #[serde(default)]
    webhook: String,
    #[serde(default)]
    role: String,
}

/// An address of e-mail; empty: none.
#[derive(Debug, Deserialize)]
pub struct SentAddress {
    #[serde(default)]
    address: String,
}

/// What a letter's link holds.
#[derive(Deserialize)]
pub struct SentToken {
    #[serde(default)]
    token: String,
}

/// The page.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let done = match asked.done.as_deref() {
        Some("made") => Some("You are told from now on."),
        Some("test") => Some("A test is on its way."),
        Some("letter") => Some("A letter is on its way: open the link in it."),
        Some("confirmed") => Some("E-mail is sent there from now on."),
        _ => None,
    };
    page(&state, &identity, parts, Outcome::done(done), asked, None).await
}

/// Makes a rule.
pub async fn create(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentRule>,
) -> Response {
    let mut asked = Asked {
        table: Some(sent.table.clone()),
        query: sent.query.clone(),
        view: sent.view,
        filled: Some((sent.name.clone(), filled(&sent))),
        ..Asked::default()
    };
    let making = async {
        let own = reader(&identity).map_err(Unfit::from)?;
        let set = |text: String| Some(text).filter(|text| !text.trim().is_empty());
        let is_total = sent.kind == "total";
        let new = NewRule {
            name: sent.name,
            table: sent.table,
            query: sent.query,
            view: sent.view,
            // The form has fields for all kinds.
            column: match sent.kind.as_str() {
                "changes" => set(sent.changed),
                "total" => set(sent.summed),
                _ => None,
            },
            bound: set(sent.bound).filter(|_| is_total),
            direction: set(sent.direction).filter(|_| is_total),
            kind: sent.kind,
            role: set(sent.role).map(|role| role.trim().to_owned()),
            group_seconds: sent.group_seconds,
            expires: set(sent.expires),
            mail: sent.mail == "on",
            webhook: set(sent.webhook),
        };
        store::create(&state, &identity, own, new).await
    };
    match making.await {
        Ok(made) if made.secret.is_none() => Redirect::to("/watches?done=made").into_response(),
        Ok(made) => {
            let done = Outcome::done(Some("You are told from now on."));
            page(
                &state,
                &identity,
                parts,
                done,
                Asked::default(),
                made.secret,
            )
            .await
        }
        Err(Unfit { error, part }) => {
            if let Some((_, filled)) = &mut asked.filled {
                filled.wrong = part.map(|part| field(part, &filled.kind));
            }
            page(&state, &identity, parts, error.into(), asked, None).await
        }
    }
}

/// The form's field for a part of a rule of this kind.
fn field(part: Part, kind: &str) -> &'static str {
    match part {
        Part::Kind => "kind",
        Part::Column if kind == "total" => "summed",
        Part::Column => "changed",
        Part::Bound => "bound",
        Part::Name => "name",
        Part::Role => "role",
        Part::Group => "group_seconds",
        Part::Expires => "expires",
        Part::Mail => "mail",
        Part::Webhook => "webhook",
    }
}

/// Does one thing with one of them.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((id, what)): Path<(i64, String)>,
    parts: Parts,
) -> Response {
    let change = async {
        let own = reader(&identity)?;
        let paused = |paused| Edit {
            paused: Some(paused),
            ..Edit::default()
        };
        match what.as_str() {
            "pause" => store::alter(&state, &identity, own, id, paused(true))
                .await
                .map(drop),
            "resume" => store::alter(&state, &identity, own, id, paused(false))
                .await
                .map(drop),
            "remove" => store::delete(&state.housekeeping, &identity, own, id).await,
            "test" => store::test(&state, own, id).await,
            _ => Err(ApiError::new(
                "not_found",
                "there is nothing at this address",
                "",
            )),
        }
    };
    let done = change.await;
    let then = match what.as_str() {
        "test" => "/watches?done=test",
        _ => "/watches",
    };
    answer(&state, &identity, parts, done, then).await
}

/// Sends a letter to an address, to be confirmed.
pub async fn set_address(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentAddress>,
) -> Response {
    let then = match sent.address.trim() {
        "" => "/watches",
        _ => "/watches?done=letter",
    };
    let change = async {
        let own = require_own(&identity)?;
        mail::ask(&state, own, &sent.address).await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, then).await
}

/// What a letter's link opens.
pub async fn show_link(
    State(state): State<AppState>,
    UrlQuery(sent): UrlQuery<SentToken>,
    parts: Parts,
) -> Response {
    let token = sent.token;
    let view = move |options| accounts::confirm_mail(options, token.clone());
    pages::document(&state, parts, StatusCode::OK, view).await
}

/// An address is one's own.
pub async fn confirm(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentToken>,
) -> Response {
    let change = async {
        let own = require_own(&identity)?;
        mail::confirm(&state.housekeeping, own, &sent.token).await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/watches?done=confirmed").await
}

async fn answer(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    done: Result<(), ApiError>,
    then: &str,
) -> Response {
    match done {
        Ok(()) => Redirect::to(then).into_response(),
        Err(error) => page(state, identity, parts, error.into(), Asked::default(), None).await,
    }
}

async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    asked: Asked,
    secret: Option<String>,
) -> Response {
    let page = read(state, identity, asked).await.map(|page| Watches {
        notice: outcome.notice.clone(),
        secret,
        ..page
    });
    form::answer(
        state,
        parts,
        outcome,
        "Watch rules",
        page,
        accounts::watches,
    )
    .await
}

async fn read(state: &AppState, identity: &Identity, asked: Asked) -> Result<Watches, ApiError> {
    let own = reader(identity)?;
    state.require_database().await?;
    let pool = &state.housekeeping;
    let rules = store::list(state, identity, own).await?;
    let sent = match asked.sent {
        None => None,
        Some(id) => {
            let sent = store::deliveries(pool, own, id).await?;
            let name = rules.iter().find(|rule| rule.id == id);
            let name = name.map(|rule| rule.name.clone()).unwrap_or_default();
            Some((name, sent.into_iter().map(sent_row).collect()))
        }
    };
    let draft = match &asked.table {
        None => None,
        Some(table) => Some(draft(state, identity, table, &asked).await?),
    };
    let mut rows = Vec::with_capacity(rules.len());
    for rule in rules {
        let conditions = conditions(state, identity, &rule).await;
        rows.push(row(rule, conditions));
    }
    Ok(Watches {
        rules: rows,
        draft,
        address: mail::of(pool, own).await?,
        has_mail: state.delivers.has_mail(),
        sent,
        ..Watches::default()
    })
}

fn filled(sent: &SentRule) -> Filled {
    Filled {
        kind: sent.kind.clone(),
        changed: sent.changed.clone(),
        summed: sent.summed.clone(),
        bound: sent.bound.clone(),
        direction: sent.direction.clone(),
        role: sent.role.clone(),
        group_seconds: sent
            .group_seconds
            .map_or_else(String::new, |of| of.to_string()),
        expires: sent.expires.clone(),
        has_mail: sent.mail == "on",
        webhook: sent.webhook.clone(),
        wrong: None,
    }
}

async fn draft(
    state: &AppState,
    identity: &Identity,
    table: &str,
    asked: &Asked,
) -> Result<WatchDraft, ApiError> {
    let table = state.seen(identity).table(table).await?;
    let path = table.table.path();
    let (mut query, mut name) = (asked.query.clone(), path.clone());
    if let Some(view) = asked.view {
        let found = store::view_of(state, identity, &table, view).await?;
        (query, name) = (found.query, found.name);
    }
    let described = table.described();
    let filled = asked.filled.clone().map(|(named, filled)| {
        name = named;
        filled
    });
    Ok(WatchDraft {
        columns: described
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        has_roles: identity.may_manage_account() && may_tell_others(identity, &table),
        conditions: in_words(&query, &described.columns),
        table: path,
        query,
        view: asked.view,
        name,
        filled,
    })
}

/// Which rows a rule is about. Of a table that its owner may not see any more, as they asked.
async fn conditions(state: &AppState, identity: &Identity, rule: &Listed) -> Vec<String> {
    let table = state.seen(identity).table(&rule.table).await;
    let columns = table.map(|table| table.described().columns);
    let columns = columns.unwrap_or_default();
    in_words(&rule.query, &columns)
}

/// As the table's page says it.
fn in_words(query: &str, columns: &[Column]) -> Vec<String> {
    let Ok(query) = watching::conditions(query) else {
        return Vec::new();
    };
    let filters = query.filter.iter();
    let search = query.search.iter().map(|words| format!("search “{words}”"));
    filters
        .map(|filter| describe(filter, columns))
        .chain(search)
        .collect()
}

fn row(rule: Listed, conditions: Vec<String>) -> WatchRow {
    let column = rule.column.unwrap_or_default();
    let what = match rule.kind.as_str() {
        "enters" => format!("a row enters, in {}", rule.table),
        "leaves" => format!("a row leaves, in {}", rule.table),
        "changes" => format!("{column} changes, in {}", rule.table),
        _ => {
            let of = match column.as_str() {
                "" => "the number of rows".to_owned(),
                column => format!("the sum of {column}"),
            };
            let direction = rule.direction.unwrap_or_default();
            let bound = rule.bound.unwrap_or_default();
            format!("{of} goes {direction} {bound}, in {}", rule.table)
        }
    };
    let mut ways = match rule.role {
        Some(role) => format!("told to the role {role}"),
        None => "told to you".to_owned(),
    };
    if rule.mail {
        ways += ", by e-mail";
    }
    if let Some(host) = rule.webhook {
        ways += &format!(", to {host}");
    }
    WatchRow {
        id: rule.id,
        link: address::table_at(&rule.table, &rule.query),
        name: rule.name,
        what,
        conditions,
        ways,
        is_paused: rule.paused,
        is_expired: rule.expired,
        expires_at: rule.expires_at,
        hits: rule.hits,
        last_hit_at: rule.last_hit_at,
        problem: rule.problem,
        missed: rule.missed.zip(rule.missed_at),
    }
}

fn sent_row(sent: store::Sent) -> SentRow {
    let attempts = match sent.attempts {
        1 => "after one attempt".to_owned(),
        attempts => format!("after {attempts} attempts"),
    };
    SentRow {
        title: sent.title,
        to: format!("{} to {}", sent.channel, sent.target),
        state: match (sent.state.as_str(), sent.attempts) {
            ("waiting", 0) => "waits".to_owned(),
            ("waiting", _) => format!("waits, {attempts}"),
            ("done", _) => format!("received {attempts}"),
            _ => format!("given up {attempts}"),
        },
        error: sent.error.filter(|_| sent.state != "done"),
        created_at: sent.created_at,
    }
}
