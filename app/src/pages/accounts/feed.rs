//! `/feed`: channels and their posts. It is whole without a script, and live with it.

use leptos::prelude::*;

use super::{Notice, act, live_document, notice};
use crate::{
    erased::{Erase, Erased},
    feed::{Channel, LONGEST, Place, Post, found, list, shown_here, sidebar},
};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// The channels that the reader knows of.
    pub channels: Vec<Channel>,
    /// What of the channel that is open.
    pub open: Option<Open>,
    /// Posts that were found, and by which words.
    pub found: Option<(String, Vec<Post>)>,
    /// The reader's account.
    pub own: i64,
    /// Whether they make channels and say who is in them.
    pub is_administrator: bool,
    /// The time now, in milliseconds since 1970.
    pub now: f64,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// A channel that is open.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// Which.
    pub channel: Channel,
    /// Whether the reader may post.
    pub may_post: bool,
    /// Some of its posts, in order.
    pub posts: Vec<Post>,
    /// The reader's reactions to them.
    pub reacted: Vec<(i64, String)>,
    /// How many there are before these.
    pub offset: i64,
    /// How many there are.
    pub total: i64,
    /// The post that was asked for; 0: none was.
    pub asked: i64,
    /// What is written: the post that it answers, or that it changes, and the words so far.
    pub draft: Draft,
    /// Who is in it, and whether they may post in announcements; for administrators.
    pub members: Vec<(i64, String, bool)>,
}

/// What is being written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The post that it answers.
    pub reply: Option<Post>,
    /// The post that it changes.
    pub edit: Option<i64>,
    /// The words so far.
    pub body: String,
}

/// The page.
pub fn feed(options: LeptosOptions, page: Feed) -> impl IntoView {
    let Feed {
        channels,
        open,
        found: words,
        own,
        is_administrator,
        now,
        notice: told,
    } = page;
    let name = open
        .as_ref()
        .map(|open| open.channel.name.clone())
        .unwrap_or_default();
    let is_empty = channels.is_empty();
    let side = sidebar(Signal::stored(channels), &name);
    let search = search(&name, words.as_ref().map(|(words, _)| words.as_str()));
    let results = words.map(|(words, posts)| {
        let said = match posts.len() {
            0 => format!("Nothing was found for “{words}”."),
            1 => format!("1 post was found for “{words}”."),
            50 => format!("The newest 50 posts that were found for “{words}”."),
            count => format!("{count} posts were found for “{words}”."),
        };
        view! {
            <section aria-labelledby="found">
                <h2 id="found">{said}</h2>
                {found(posts, now)}
            </section>
        }
        .erased()
    });
    let begin = (open.is_none() && results.is_none()).then(|| {
        let said = match is_empty {
            true => "There are no channels yet. An administrator makes them.",
            false => "Choose a channel.",
        };
        view! { <p class="nothing">{said}</p> }.erased()
    });
    let manage = open.as_ref().filter(|_| is_administrator).map(manage);
    let create = (is_administrator && open.is_none()).then(create);
    let open = open.map(|open| channel(open, own, now));
    let content = view! {
        <main class="feed">
            <div class="feed-side">{search} <div id="side-sent">{side}</div> <div id="side-live" data-own=own data-open=name></div></div>
            <div class="feed-main">{notice(told)} {results} {begin} {open} {manage} {create}</div>
        </main>
    };
    let title = "Feed";
    live_document(options, title, content.erased())
}

fn search(name: &str, words: Option<&str>) -> Erased {
    let action = match name {
        "" => "/feed".to_owned(),
        name => format!("/feed/{name}"),
    };
    let label = match name {
        "" => "Search all channels".to_owned(),
        name => format!("Search {name}"),
    };
    view! {
        <form class="feed-search" method="get" action=action role="search">
            <input
                type="search"
                name="q"
                aria-label=label.clone()
                placeholder=label
                value=words.unwrap_or_default().to_owned()
                maxlength="200"
            />
            <button type="submit" class="button">"Search"</button>
        </form>
    }
    .erased()
}

fn channel(open: Open, own: i64, now: f64) -> Erased {
    let Open {
        channel,
        may_post,
        posts,
        reacted,
        offset,
        total,
        asked,
        draft,
        ..
    } = open;
    let name = channel.name.clone();
    if !channel.is_member {
        return view! {
            <section aria-labelledby="channel">
                <h2 id="channel">{name}</h2>
                <p>"You are not in this channel, so you don’t see what is posted there."</p>
            </section>
        }
        .erased();
    }
    let older = (offset > 0).then(|| {
        let first = posts.first().map_or(0, |post| post.id);
        view! { <p><a href=format!("/feed/{name}?before={first}")>"Older posts"</a></p> }.erased()
    });
    let newer = (offset + (posts.len() as i64) < total).then(|| {
        let last = posts.last().map_or(0, |post| post.id);
        view! {
            <p>
                <a href=format!("/feed/{name}?after={last}")>"Newer posts"</a>
                " " <a href=format!("/feed/{name}?newest")>"The newest posts"</a>
            </p>
        }
        .erased()
    });
    let first_new = posts
        .iter()
        .find(|post| post.id > channel.read_to && post.author != Some(own))
        .map_or(0, |post| post.id);
    let is_empty = posts.is_empty();
    let last = posts.last().map_or(0, |post| post.id);
    let shown = shown_here(
        Place::Channel,
        posts,
        reacted,
        own,
        may_post,
        first_new,
        now,
    );
    let nothing =
        is_empty.then(|| view! { <p class="nothing">"Nothing was posted here yet."</p> }.erased());
    let unread = (channel.unread > 0).then(|| {
        act(
            format!("/feed/{name}/read?to={last}"),
            "Mark as read",
            &name,
            "button",
        )
    });
    let mute = match channel.is_muted {
        true => act(format!("/feed/{name}/unmute"), "Unmute", &name, "button"),
        false => act(format!("/feed/{name}/mute"), "Mute", &name, "button"),
    };
    let topic = channel.topic.clone();
    let write = may_post.then(|| write(&name, draft));
    let closed = (!may_post).then(|| {
        let said = match channel.is_archived {
            true => "This channel is archived: nobody posts here any more.",
            false => "Only some post here. You are told of what they do.",
        };
        view! { <p class="muted">{said}</p> }.erased()
    });
    view! {
        <section class="channel-open" aria-labelledby="channel">
            <div class="channel-head">
                <h2 id="channel">{name.clone()}</h2>
                <p class="channel-topic" dir="auto">{topic}</p>
                <div class="channel-acts">{unread} {mute}</div>
            </div>
            <div id="feed-sent">{older} {list(shown)} {nothing} {newer} {write}</div>
            {closed}
            <div
                id="feed-live"
                data-channel=channel.id
                data-name=name
                data-own=own
                data-may-post=may_post.then_some("")
                data-offset=offset
                data-total=total
                data-asked=asked
                data-read-to=channel.read_to
                data-longest=LONGEST
            ></div>
        </section>
    }
    .erased()
}

/// What is written, as a form.
fn write(channel: &str, draft: Draft) -> Erased {
    let (action, label, button) = match (draft.edit, &draft.reply) {
        (Some(id), _) => (
            format!("/feed/{channel}/posts/{id}/edit"),
            "Change your post".to_owned(),
            "Save",
        ),
        (None, Some(of)) => (
            format!("/feed/{channel}"),
            format!("Answer {}", of.author_name),
            "Post",
        ),
        (None, None) => (format!("/feed/{channel}"), "New post".to_owned(), "Post"),
    };
    let is_other = draft.edit.is_some() || draft.reply.is_some();
    let reply = draft.reply.map(|of| {
        view! { <input type="hidden" name="reply_to" value=of.id data-name=of.author_name /> }
            .erased()
    });
    let back = is_other
        .then(|| view! { <a class="button" href=format!("/feed/{channel}")>"Cancel"</a> }.erased());
    view! {
        <form id="write" class="sheet write" method="post" action=action>
            {reply}
            <label class="form-field">
                <span class="field-name">{label}</span>
                <textarea name="body" rows="4" maxlength=LONGEST required dir="auto">{draft.body}</textarea>
            </label>
            <p class="about">"Markdown: **strong**, *emphasis*, `code`, lists, links. @name tells somebody."</p>
            <div class="write-acts">
                <button type="submit" class="button primary">{button}</button>
                {back}
            </div>
        </form>
    }
    .erased()
}

fn create() -> Erased {
    view! {
        <section aria-labelledby="create">
            <h2 id="create">"New channel"</h2>
            <form class="sheet" method="post" action="/feed">
                <label class="form-field">
                    <span class="field-name">"Name: lower-case letters, digits, - and _"</span>
                    <input name="name" maxlength="63" autocomplete="off" autocapitalize="none" required />
                </label>
                <label class="form-field">
                    <span class="field-name">"Topic"</span>
                    <input name="topic" maxlength="500" autocomplete="off" />
                </label>
                <fieldset class="labels">
                    <legend>"Who posts"</legend>
                    <label><input type="radio" name="kind" value="discussion" checked /> "Whoever is in it"</label>
                    <label><input type="radio" name="kind" value="announcements" /> "Some, and all are told"</label>
                </fieldset>
                <fieldset class="labels">
                    <legend>"Who is in it"</legend>
                    <label><input type="radio" name="private" value="" checked /> "Everybody"</label>
                    <label><input type="radio" name="private" value="on" /> "Those whom administrators let in"</label>
                </fieldset>
                <button type="submit" class="button primary">"Make it"</button>
            </form>
        </section>
    }
    .erased()
}

/// What administrators do with a channel.
fn manage(open: &Open) -> Erased {
    let channel = &open.channel;
    let name = &channel.name;
    let member = |(id, who, may_post): &(i64, String, bool)| {
        let out = act(
            format!("/feed/{name}/remove?user=%23{id}"),
            "Remove",
            who,
            "button danger",
        );
        let about = (channel.is_announcements && *may_post).then_some("may post");
        view! {
            <li>
                <span class="line-name">{who.clone()}</span>
                <span class="line-about">{about}</span>
                <span class="line-acts">{out}</span>
            </li>
        }
        .erased()
    };
    let is_listed = channel.is_private || channel.is_announcements;
    let title = match channel.is_private {
        true => "Who is in it",
        false => "Who may post",
    };
    let posts = channel.is_announcements.then(|| {
        view! {
            <label><input type="checkbox" name="may_post" checked=!channel.is_private /> "May post"</label>
        }
        .erased()
    });
    let members = is_listed.then(|| {
        view! {
            <h3>{title}</h3>
            <ul class="lines">{open.members.iter().map(member).collect::<Vec<_>>()}</ul>
            <form class="sheet" method="post" action=format!("/feed/{name}/add")>
                <label class="form-field">
                    <span class="field-name">"The name of an account"</span>
                    <input name="user" maxlength="64" autocomplete="off" autocapitalize="none" required />
                </label>
                {posts}
                <button type="submit" class="button">"Add"</button>
            </form>
        }
        .erased()
    });
    let archive = match channel.is_archived {
        true => act(format!("/feed/{name}/open"), "Open again", name, "button"),
        false => act(
            format!("/feed/{name}/archive"),
            "Archive",
            name,
            "button danger",
        ),
    };
    view! {
        <details class="channel-manage">
            <summary class="button">"Manage this channel"</summary>
            {members}
            <form class="sheet" method="post" action=format!("/feed/{name}/topic")>
                <label class="form-field">
                    <span class="field-name">"Topic"</span>
                    <input name="topic" maxlength="500" autocomplete="off" value=channel.topic.clone() />
                </label>
                <button type="submit" class="button">"Set the topic"</button>
            </form>
            {archive}
        </details>
    }
    .erased()
}
