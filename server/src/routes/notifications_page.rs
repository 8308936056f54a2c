//! `/notifications`: what one was told, as a page, and how many of it every page says.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, header, request::Parts};
use rowcast_app::{
    notifications::{SHOWN, Told},
    pages::accounts::{self, Notifications},
};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::form::{self, Outcome};
use crate::{
    auth::Identity,
    notification::{self, Kept, MARKED, Quiet, reader, tidy},
    state::AppState,
};

/// How many unread ones a page that is no list of them counts: its bell says no more of more.
const COUNTED: i64 = 100;

/// How long a page waits to know how many there are.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many the reader of a page has not read; in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Unread(pub u64);

/// Which of them, and what was done just now.
#[derive(Debug, Deserialize)]
pub struct Asked {
    before: Option<i64>,
    done: Option<String>,
}

/// Those that were on the page: others may have come since.
#[derive(Debug, Deserialize)]
pub struct SentIds {
    #[serde(default)]
    ids: String,
}

/// Quiet hours; both empty are none.
#[derive(Debug, Deserialize)]
pub struct SentQuiet {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// Counts them for a page that somebody asks for who has signed in.
pub async fn count(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let own = request
        .extensions()
        .get::<Arc<Identity>>()
        .and_then(|identity| identity.account);
    if let Some(own) = own.filter(|_| is_for_people(request.headers())) {
        let unread = notification::count_unread(&state.housekeeping, own, COUNTED);
        // Without it a page still is one.
        if let Ok(Ok(unread)) = tokio::time::timeout(PATIENCE, unread).await {
            let unread = u64::try_from(unread).unwrap_or(0);
            request.extensions_mut().insert(Unread(unread));
        }
    }
    next.run(request).await
}

fn is_for_people(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.contains("text/html"))
}

/// The page.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let done = match asked.done.as_deref() {
        Some("quiet") => Some("The quiet hours are set."),
        _ => None,
    };
    page(&state, &identity, parts, Outcome::done(done), asked.before).await
}

/// Marks those as read that were on the page.
pub async fn mark_read(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentIds>,
) -> Response {
    let change = async {
        let own = reader(&identity)?;
        let ids = sent.ids.split(',').filter_map(|id| id.parse().ok());
        let ids: Vec<i64> = ids.take(MARKED).collect();
        notification::mark_read(&state.housekeeping, own, Some(&ids)).await?;
        Ok(())
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/notifications").await
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
        let pool = &state.housekeeping;
        match what.as_str() {
            "read" => notification::mark(pool, own, id, true).await,
            "unread" => notification::mark(pool, own, id, false).await,
            "remove" => notification::delete(pool, own, id).await,
            _ => Err(ApiError::new(
                "not_found",
                "there is nothing at this address",
                "",
            )),
        }
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/notifications").await
}

/// Sets the quiet hours.
pub async fn set_quiet(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentQuiet>,
) -> Response {
    let change = async {
        let own = reader(&identity)?;
        let SentQuiet { from, to } = sent;
        let quiet = match (from.is_empty(), to.is_empty()) {
            (true, true) => None,
            _ => Some(Quiet { from, to }.check()?),
        };
        notification::set_quiet(&state.housekeeping, own, quiet.as_ref()).await
    };
    let done = change.await;
    answer(&state, &identity, parts, done, "/notifications?done=quiet").await
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
        Err(error) => page(state, identity, parts, error.into(), None).await,
    }
}

async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    before: Option<i64>,
) -> Response {
    let page = read(state, identity, before)
        .await
        .map(|page| Notifications {
            notice: outcome.notice.clone(),
            ..page
        });
    let view = accounts::notifications;
    form::answer(state, parts, outcome, "Notifications", page, view).await
}

async fn read(
    state: &AppState,
    identity: &Identity,
    before: Option<i64>,
) -> Result<Notifications, ApiError> {
    let own = reader(identity)?;
    state.require_database().await?;
    let pool = &state.housekeeping;
    let settings = notification::settings(pool, own).await?;
    // One more says that there are more.
    let mut told = notification::list(pool, own, before, SHOWN as i64 + 1).await?;
    let has_older = told.len() > SHOWN;
    told.truncate(SHOWN);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(Notifications {
        older: told.last().map(|last| last.id).filter(|_| has_older),
        told: told.into_iter().map(shown).collect(),
        unread: u64::try_from(settings.unread).unwrap_or(0),
        lost: settings.lost,
        quiet: settings.quiet.map(|quiet| (quiet.from, quiet.to)),
        kept_days: state.notification_days,
        kept: tidy::KEPT.unsigned_abs(),
        is_newest: before.is_none(),
        now: now.map_or(0.0, |now| now.as_secs_f64() * 1000.0),
        notice: None,
    })
}

fn shown(kept: Kept) -> Told {
    Told {
        id: kept.id,
        title: kept.title,
        body: kept.body,
        link: kept.link,
        sender: kept.sender,
        at: kept.at,
        is_read: kept.is_read,
    }
}
