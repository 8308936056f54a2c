//! `/feed`: channels and their posts, as a page.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Extension, Form,
    extract::{Path, Query as UrlQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::request::Parts;
use rowcast_app::{
    feed as shown,
    pages::accounts::{self, Draft, Feed, Open},
};
use rowcast_protocol::ApiError;
use serde::Deserialize;

use super::{
    feed::managed,
    form::{self, Outcome},
};
use crate::{
    auth::{Identity, rights::require_administrator},
    feed::{
        self, Added, Altered, Around, Channel, Kind, NewChannel, Page, Post, participant,
        unknown_post,
    },
    limit::Subject,
    state::AppState,
};

/// What of a channel is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    /// Posts that contain these words.
    q: Option<String>,
    /// Those around this one.
    post: Option<i64>,
    /// Those before it.
    before: Option<i64>,
    /// Those behind it.
    after: Option<i64>,
    /// The newest, whatever was read.
    newest: Option<String>,
    /// With a form that answers it.
    reply: Option<i64>,
    /// With a form that changes it.
    edit: Option<i64>,
}

/// What is posted.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    body: String,
    reply_to: Option<i64>,
}

/// A channel that is to be.
#[derive(Debug, Deserialize)]
pub struct SentChannel {
    #[serde(default)]
    name: String,
    #[serde(default)]
    topic: String,
    kind: Option<Kind>,
    #[serde(default)]
    private: String,
}

/// What is done with a channel, in its form or its address.
#[derive(Debug, Default, Deserialize)]
pub struct Change {
    #[serde(default)]
    user: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    may_post: String,
}

/// The post, or whom, that something is done about.
#[derive(Debug, Default, Deserialize)]
pub struct About {
    to: Option<i64>,
    user: Option<String>,
}

/// The channels, and what was found in all of them.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let asked = Wanted {
        asked,
        ..Wanted::default()
    };
    page(&state, &identity, parts, Outcome::done(None), None, asked).await
}

/// A channel.
pub async fn show_channel(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    UrlQuery(asked): UrlQuery<Asked>,
    parts: Parts,
) -> Response {
    let asked = Wanted {
        asked,
        ..Wanted::default()
    };
    page(
        &state,
        &identity,
        parts,
        Outcome::done(None),
        Some(&channel),
        asked,
    )
    .await
}

/// Makes a channel.
pub async fn create(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    parts: Parts,
    Form(sent): Form<SentChannel>,
) -> Response {
    let change = async {
        let (own, _) = participant(&identity)?;
        require_administrator(&identity)?;
        let new = NewChannel {
            name: sent.name,
            kind: sent.kind.unwrap_or(Kind::Discussion),
            private: !sent.private.is_empty(),
            topic: sent.topic,
        };
        feed::create(&state.housekeeping, own, &new).await?;
        state.accounts.changed(Some(own)).await;
        Ok(format!("/feed/{}", new.name.trim()))
    };
    match change.await {
        Ok(to) => Redirect::to(&to).into_response(),
        Err(error) => refuse(&state, &identity, parts, error, None, Wanted::default()).await,
    }
}

/// Posts.
pub async fn post(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let new = Added {
        body: sent.body,
        reply_to: sent.reply_to,
    };
    let change = async {
        let channel = feed::find(state.readers.ours(), &identity, &name)
            .await?
            .joined()?;
        feed::add(&state.housekeeping, &channel, participant(&identity)?, &new).await
    };
    match change.await {
        Ok(id) => Redirect::to(&format!("/feed/{name}?post={id}#post-{id}")).into_response(),
        Err(error) => {
            let asked = Asked {
                reply: new.reply_to,
                ..Asked::default()
            };
            let wanted = Wanted {
                asked,
                body: Some(new.body),
            };
            refuse(&state, &identity, parts, error, Some(&name), wanted).await
        }
    }
}

/// Changes or deletes one's own post.
pub async fn change_post(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((name, id, what)): Path<(String, i64, String)>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Response {
    let change = async {
        let (own, _) = participant(&identity)?;
        match what.as_str() {
            "edit" => feed::edit(&state.housekeeping, own, id, &sent.body).await,
            "delete" => feed::delete(&state.housekeeping, own, id).await,
            _ => Err(nothing_here()),
        }
    };
    match change.await {
        Ok(()) => Redirect::to(&format!("/feed/{name}?post={id}#post-{id}")).into_response(),
        Err(error) => {
            let edit = (what == "edit").then_some(id);
            let asked = Asked {
                edit,
                ..Asked::default()
            };
            let wanted = Wanted {
                asked,
                body: edit.map(|_| sent.body),
            };
            refuse(&state, &identity, parts, error, Some(&name), wanted).await
        }
    }
}

/// Does one thing with a channel.
pub async fn change(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((name, what)): Path<(String, String)>,
    UrlQuery(about): UrlQuery<About>,
    parts: Parts,
    Form(sent): Form<Change>,
) -> Response {
    let done = do_change(&state, &identity, &name, &what, about, sent).await;
    match done {
        Ok(()) => Redirect::to(&format!("/feed/{name}")).into_response(),
        Err(error) => {
            refuse(
                &state,
                &identity,
                parts,
                error,
                Some(&name),
                Wanted::default(),
            )
            .await
        }
    }
}

async fn do_change(
    state: &AppState,
    identity: &Identity,
    name: &str,
    what: &str,
    about: About,
    sent: Change,
) -> Result<(), ApiError> {
    let (own, _) = participant(identity)?;
    let pool = &state.housekeeping;
    if let "read" | "mute" | "unmute" = what {
        let channel = feed::find(state.readers.ours(), identity, name)
            .await?
            .joined()?;
        return match what {
            "read" => feed::mark_read(pool, &channel, own, about.to.unwrap_or(0)).await,
            _ => feed::set_muted(pool, &channel, own, what == "mute").await,
        };
    }
    let channel = managed(state, identity, name)
        .await
        .map_err(|error| error.0)?;
    let archived = |archived| Altered {
        archived: Some(archived),
        topic: None,
    };
    match what {
        "topic" => {
            let altered = Altered {
                topic: Some(sent.topic),
                archived: None,
            };
            feed::alter(pool, &channel, &altered).await
        }
        "archive" => feed::alter(pool, &channel, &archived(true)).await,
        "open" => feed::alter(pool, &channel, &archived(false)).await,
        "add" => {
            let may_post = !sent.may_post.is_empty();
            let whose = feed::set_member(pool, &channel, &sent.user, may_post).await?;
            state.accounts.changed(Some(whose)).await;
            Ok(())
        }
        "remove" => {
            let user = about.user.unwrap_or(sent.user);
            let whose = feed::remove_member(pool, &channel, &user).await?;
            state.accounts.changed(Some(whose)).await;
            Ok(())
        }
        _ => Err(nothing_here()),
    }
}

fn nothing_here() -> ApiError {
    ApiError::new("not_found", "there is nothing at this address", "")
}

/// What a page is to show, and what was written before it was refused.
#[derive(Clone, Debug, Default)]
struct Wanted {
    asked: Asked,
    body: Option<String>,
}

async fn refuse(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    error: ApiError,
    name: Option<&str>,
    wanted: Wanted,
) -> Response {
    page(state, identity, parts, error.into(), name, wanted).await
}

async fn page(
    state: &AppState,
    identity: &Identity,
    parts: Parts,
    outcome: Outcome,
    name: Option<&str>,
    wanted: Wanted,
) -> Response {
    let subject = parts.extensions.get::<Subject>().copied();
    let page = read(state, identity, subject, name, wanted)
        .await
        .map(|page| Feed {
            notice: outcome.notice.clone(),
            ..page
        });
    form::answer(state, parts, outcome, "Feed", page, accounts::feed).await
}

async fn read(
    state: &AppState,
    identity: &Identity,
    subject: Option<Subject>,
    name: Option<&str>,
    wanted: Wanted,
) -> Result<Feed, ApiError> {
    let (own, _) = participant(identity)?;
    state.require_database().await?;
    let pool = state.readers.ours();
    let channels = feed::list(pool, identity).await?;
    let of_name = |name: &str| {
        let found = channels.iter().find(|channel| channel.name == name);
        found.cloned().ok_or_else(feed::unknown_channel)
    };
    let channel = name.map(of_name).transpose()?;
    let words = wanted.asked.q.as_deref().map(str::trim);
    let words = words.filter(|words| !words.is_empty());
    let found = match words {
        Some(words) => {
            if let Some(channel) = &channel {
                channel.clone().joined()?;
            }
            let of = channel.as_ref().map(|channel| channel.id);
            let _turn = state.scans.take(subject).await;
            let posts = feed::search(pool, identity, of, words).await?;
            let posts = posts.into_iter().map(post_of).collect();
            Some((words.to_owned(), posts))
        }
        None => None,
    };
    let open = match channel.filter(|_| words.is_none()) {
        Some(channel) => Some(open(state, identity, channel, wanted).await?),
        None => None,
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(Feed {
        channels: channels.into_iter().map(channel_of).collect(),
        open,
        found,
        own: own.0,
        is_administrator: identity.is_administrator(),
        now: now.map_or(0.0, |now| now.as_secs_f64() * 1000.0),
        notice: None,
    })
}

async fn open(
    state: &AppState,
    identity: &Identity,
    channel: Channel,
    Wanted { asked, body }: Wanted,
) -> Result<Open, ApiError> {
    let (own, _) = participant(identity)?;
    let pool = state.readers.ours();
    let members = match identity.is_administrator() {
        true => feed::members(pool, &channel).await?,
        false => Vec::new(),
    };
    let mut open = Open {
        members: members
            .into_iter()
            .map(|member| (member.id, member.name, member.may_post))
            .collect(),
        may_post: channel.may_post,
        channel: channel_of(channel.clone()),
        ..Open::default()
    };
    if !channel.member {
        return Ok(open);
    }
    let about = asked.post.or(asked.reply).or(asked.edit);
    let around = match (about, asked.before, asked.after) {
        (Some(id), ..) => Around::Post(id),
        (_, Some(id), _) => Around::Before(id),
        (.., Some(id)) => Around::From(id.saturating_add(1)),
        // Where there is much, it begins with what was not read.
        _ if asked.newest.is_none() && channel.read_to > 0 && channel.unread > 0 => {
            Around::Post(channel.read_to.saturating_add(1))
        }
        _ => Around::Newest,
    };
    let mut page: Page = feed::page(pool, channel.id, own, around).await?;
    if page.posts.is_empty() && around != Around::Newest {
        page = feed::page(pool, channel.id, own, Around::Newest).await?;
    }
    open.draft.body = body.unwrap_or_default();
    if let Some(id) = asked.reply {
        let of = feed::post(pool, channel.id, own, id).await?;
        open.draft.reply = Some(post_of(of));
    } else if let Some(id) = asked.edit {
        let of = feed::post(pool, channel.id, own, id).await?;
        if of.author != Some(own.0) || of.is_deleted {
            return Err(unknown_post());
        }
        open.draft = Draft {
            edit: Some(id),
            body: match open.draft.body.is_empty() {
                true => of.body,
                false => open.draft.body,
            },
            reply: None,
        };
    }
    open.asked = asked.post.unwrap_or(0);
    (open.offset, open.total) = (page.offset, page.total);
    for post in page.posts {
        let reacted = post
            .own_reactions
            .iter()
            .map(|emoji| (post.id, emoji.clone()));
        open.reacted.extend(reacted);
        open.posts.push(post_of(post));
    }
    Ok(open)
}

fn channel_of(channel: Channel) -> shown::Channel {
    shown::Channel {
        id: channel.id,
        name: channel.name,
        topic: channel.topic,
        is_announcements: channel.kind == Kind::Announcements,
        is_private: channel.private,
        is_archived: channel.archived,
        is_member: channel.member,
        is_muted: channel.muted,
        read_to: channel.read_to,
        unread: u64::try_from(channel.unread).unwrap_or(0),
    }
}

fn post_of(post: Post) -> shown::Post {
    shown::Post {
        id: post.id,
        channel: post.channel,
        author: post.author,
        author_name: post.author_name,
        body: post.body,
        answers: post
            .reply_to
            .map(|(id, author_name, body)| shown::Answered {
                id,
                author_name,
                body,
            }),
        reactions: shown::Reaction::read_all(&post.reactions),
        at: post.at,
        is_edited: post.is_edited,
        is_deleted: post.is_deleted,
    }
}
