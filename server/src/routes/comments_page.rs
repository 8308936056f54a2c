//! `/comments/{table}/{key}`: a row and what was written about it, as a page.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Extension, Form,
    extract::{Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::request::Parts;
use rowcast_app::{
    address,
    comments::LONGEST_VALUE,
    feed::Post,
    pages::accounts::{self, Comments},
};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::form::{self, Outcome};
use crate::{
    auth::Identity,
    comment::{self, Comment, Thread, may_delete_others, unknown_comment},
    history::address::row_address,
    state::AppState,
};

/// What of a thread is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    /// What was written before this.
    before: Option<i64>,
    /// With a form that changes it.
    edit: Option<i64>,
}

/// What is written.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    body: String,
}

/// A row and what was written about it.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    page(&state, &identity, parts, Outcome::done(None), asked, None).await
}

/// Writes about it.
pub async fn add(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let done = async {
        comment::participant(&identity)?;
        let thread = thread(&state, &identity, &parts).await?;
        let id = comment::add(&state, &identity, &thread, &sent.body).await?;
        Ok(format!("{}#comment-{id}", thread.page()))
    };
    match done.await {
        Ok(there) => Redirect::to(&there).into_response(),
        Err(error) => {
            let asked = Asked::default();
            page(
                &state,
                &identity,
                parts,
                refused(error),
                asked,
                Some(sent.body),
            )
            .await
        }
    }
}

/// Changes or deletes a comment.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let mut path = parts.uri.path().rsplit('/');
    let what = path.next().unwrap_or_default().to_owned();
    let id: i64 = path.next().and_then(|id| id.parse().ok()).unwrap_or(0);
    let done = async {
        let thread = match what.as_str() {
            "edit" => Some(comment::edit(&state, &identity, id, &sent.body).await?),
            "delete" => comment::delete(&state, &identity, id).await?,
            _ => {
                let message = "there is nothing at this address";
                return Err(ApiError::new("not_found", message, ""));
            }
        };
        // Whoever does not see the row has nothing more to see of its thread.
        Ok(thread.map_or_else(
            || "/".to_owned(),
            |thread| format!("{}#comment-{id}", thread.page()),
        ))
    };
    match done.await {
        Ok(there) => Redirect::to(&there).into_response(),
        Err(error) => {
            let edit = (what == "edit").then_some(id);
            let asked = Asked {
                edit,
                ..Asked::default()
            };
            let body = edit.map(|_| sent.body);
            page(&state, &identity, parts, refused(error), asked, body).await
        }
    }
}

fn refused(error: ApiError) -> Outcome {
    error.into()
}

/// The row that an address names.
async fn thread(state: &AppState, identity: &Identity, parts: &Parts) -> Result<Thread, ApiError> {
    let (table, rest) = row_address(parts.uri.path(), "/comments/")?;
    let key = rest.split('/').next().unwrap_or_default();
    Thread::find(state.seen(identity), &table, key).await
}

async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    asked: Asked,
    body: Option<String>,
) -> Response {
    let page = read(state, identity, &parts, asked, body)
        .await
        .map(|page| Comments {
            notice: outcome.notice.clone(),
            ..page
        });
    form::answer(state, parts, outcome, "Comments", page, accounts::comments).await
}

async fn read(
    state: &AppState,
    identity: &Identity,
    parts: &Parts,
    asked: Asked,
    body: Option<String>,
) -> Result<Comments, ApiError> {
    state.require_database().await?;
    let thread = thread(state, identity, parts).await?;
    let row = thread.row(state.seen(identity)).await?;
    let found = comment::page(state.readers.ours(), &thread, asked.before).await?;
    let own = identity.account.map(|account| account.0);
    let draft = match asked.edit {
        None => body.unwrap_or_default(),
        Some(id) => {
            let own = own.ok_or_else(unknown_comment)?;
            let said = comment::own_body(state.readers.ours(), &thread, id, own).await?;
            body.or(said).ok_or_else(unknown_comment)?
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let shown = |value: Option<String>| {
        let value = value.unwrap_or_default();
        match value.char_indices().nth(LONGEST_VALUE) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value,
        }
    };
    let table = thread.table.table.path();
    let query = accounts::row_query(&thread.named_key());
    Ok(Comments {
        page: thread.page(),
        name: thread.name(),
        row_address: address::table(&table, &query),
        row_query: query.to_query_string(),
        values: row
            .into_iter()
            .map(|(name, value)| (name, shown(value)))
            .collect(),
        posts: found.comments.into_iter().map(post_of).collect(),
        has_earlier: found.has_earlier,
        has_later: found.has_later,
        own,
        may_delete: own.is_some() && may_delete_others(identity, &thread),
        edit: asked.edit,
        draft,
        now: now.map_or(0.0, |now| now.as_secs_f64() * 1000.0),
        notice: None,
        key: thread.key,
        table,
    })
}

fn post_of(comment: Comment) -> Post {
    Post {
        id: comment.id,
        author: Some(comment.author),
        author_name: comment.author_name,
        body: comment.body,
        at: comment.at,
        is_edited: comment.is_edited,
        is_deleted: comment.is_deleted,
        ..Post::default()
    }
}
