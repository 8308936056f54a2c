//! `/api/channels` and `/api/posts`: the feed. What is in it is read as the tables `rowcast.channel` and
//! `rowcast.post`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::json_body;
use crate::{
    auth::{Identity, rights::require_administrator},
    error::HttpError,
    feed::{self, Added, Altered, Channel, Member, NewChannel, participant},
    state::AppState,
};

/// Channels.
#[derive(Debug, Serialize)]
pub struct Channels {
    channels: Vec<Channel>,
}

/// Who is in one.
#[derive(Debug, Serialize)]
pub struct Members {
    members: Vec<Member>,
}

/// The number of what was made.
#[derive(Debug, Serialize)]
pub struct Made {
    id: i64,
}

/// What somebody may who is let in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    #[serde(default)]
    may_post: bool,
}

/// How somebody has a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    muted: Option<bool>,
    read_to: Option<i64>,
}

/// What a post says then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    body: String,
}

/// A reaction, and whether it is to be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    emoji: String,
    on: bool,
}

/// The channels that whoever asks is in; for administrators all.
///
/// # Errors
/// `no_account`; those of a read.
pub async fn list(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<Channels>, HttpError> {
    participant(&identity)?;
    state.require_database().await?;
    let channels = feed::list(state.readers.ours(), &identity).await?;
    Ok(Json(Channels { channels }))
}

/// Makes a channel.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `no_account`; those of the body; those of [`feed::create`].
pub async fn create(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Made>), HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    require_administrator(&identity)?;
    let new: NewChannel = json_body::read(&headers, &body)?;
    let id = feed::create(&state.housekeeping, own, &new).await?;
    // Who makes a private one is in it from now on.
    state.accounts.changed(Some(own)).await;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Makes a channel another.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `unknown_channel`; those of the body; `invalid_channel`.
pub async fn alter(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let channel = managed(&state, &identity, &channel).await?;
    let altered: Altered = json_body::read(&headers, &body)?;
    feed::alter(&state.housekeeping, &channel, &altered).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is in a private channel, or may post in announcements.
///
/// # Errors
/// `not_allowed`, `unknown_channel`; those of a read.
pub async fn members(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
) -> Result<Json<Members>, HttpError> {
    let channel = managed(&state, &identity, &channel).await?;
    let members = feed::members(state.readers.ours(), &channel).await?;
    Ok(Json(Members { members }))
}

/// Lets somebody in.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `unknown_channel`, `unknown_account`; those of the body.
pub async fn set_member(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((channel, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let channel = managed(&state, &identity, &channel).await?;
    let Membership { may_post } = json_body::read(&headers, &body)?;
    let whose = feed::set_member(&state.housekeeping, &channel, &user, may_post).await?;
    state.accounts.changed(Some(whose)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts somebody out: once this has answered, nothing that is in the channel reaches them from here.
///
/// # Errors
/// `wrong_origin`, `not_allowed`, `unknown_channel`, `unknown_account`.
pub async fn remove_member(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((channel, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let channel = managed(&state, &identity, &channel).await?;
    let whose = feed::remove_member(&state.housekeeping, &channel, &user).await?;
    state.accounts.changed(Some(whose)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Posts.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_channel`, `not_allowed`; those of the body; `invalid_post`.
pub async fn post(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Made>), HttpError> {
    state.check_origin(&headers)?;
    let channel = joined(&state, &identity, &channel).await?;
    let new: Added = json_body::read(&headers, &body)?;
    let id = feed::add(&state.housekeeping, &channel, participant(&identity)?, &new).await?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Sets how one has a channel: up to where it was read, and whether one is told of anything in it.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_channel`; those of the body.
pub async fn set(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    let channel = joined(&state, &identity, &channel).await?;
    let Settings { muted, read_to } = json_body::read(&headers, &body)?;
    if let Some(to) = read_to {
        feed::mark_read(&state.housekeeping, &channel, own, to).await?;
    }
    if let Some(muted) = muted {
        feed::set_muted(&state.housekeeping, &channel, own, muted).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Says that one is writing a post.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_channel`.
pub async fn typing(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let channel = joined(&state, &identity, &channel).await?;
    if channel.may_post {
        feed::say_typing(&state.housekeeping, &channel, participant(&identity)?).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what one wrote.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_post`; those of the body; `invalid_post`.
pub async fn edit(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    let Edit { body } = json_body::read(&headers, &body)?;
    feed::edit(&state.housekeeping, own, number(&id), &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away what one wrote.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_post`.
pub async fn delete(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    feed::delete(&state.housekeeping, own, number(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds one's reaction to a post, or takes it away.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_post`; those of the body; `invalid_reaction`.
pub async fn react(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    let Reaction { emoji, on } = json_body::read(&headers, &body)?;
    feed::react(&state.housekeeping, own, number(&id), &emoji, on).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The channel of that name, if whoever asks is in it.
pub(super) async fn joined(
    state: &AppState,
    identity: &Identity,
    name: &str,
) -> Result<Channel, HttpError> {
    Ok(feed::find(state.readers.ours(), identity, name)
        .await?
        .joined()?)
}

/// The channel of that name, for administrators. To others one that they are not in does not exist.
pub(super) async fn managed(
    state: &AppState,
    identity: &Identity,
    name: &str,
) -> Result<Channel, HttpError> {
    let channel = feed::find(state.readers.ours(), identity, name).await?;
    require_administrator(identity)?;
    Ok(channel)
}

/// What is no number is that of none.
fn number(id: &str) -> i64 {
    id.parse().unwrap_or(0)
}
