//! Posts as a list: one markup for the page that the server sends, in which links and forms do
//! everything, and for the live one that takes its place and hears them.

use leptos::prelude::*;

use super::{Answered, EMOJI, Post, Reaction, markdown};
use crate::{
    erased::{Erase, Erased, changing},
    format::{relative::ago, time::instant, zone::Zone},
};

/// What posts are written in.
#[derive(Clone, Copy)]
pub enum Place {
    /// A channel of the feed.
    Channel,
    /// The thread about a row.
    Row {
        /// The address of its page.
        page: StoredValue<String>,
        /// Whether the reader may take away what others wrote.
        may_delete: bool,
    },
}

impl Place {
    /// Where a post stands in its page.
    fn anchor(self, id: i64) -> String {
        match self {
            Self::Channel => format!("post-{id}"),
            Self::Row { .. } => format!("comment-{id}"),
        }
    }

    /// Where a post is.
    fn address(self, post: &Post) -> String {
        match self {
            Self::Channel => address(post),
            Self::Row { page, .. } => {
                page.with_value(|page| format!("{page}#{}", self.anchor(post.id)))
            }
        }
    }
}

/// What a list of posts is made with.
#[derive(Clone, Copy)]
pub struct Shown {
    /// They, in the order of their numbers.
    pub posts: Signal<Vec<Post>>,
    /// What they are written in.
    pub place: Place,
    /// The reader's account.
    pub own: i64,
    /// Whether they may post.
    pub may_post: bool,
    /// The first post that they have not read when they came; 0: there is none.
    pub first_new: Signal<i64>,
    /// Their reactions, by post.
    pub reacted: Signal<Vec<(i64, String)>>,
    /// The time, in milliseconds since 1970.
    pub now: Signal<f64>,
    /// How times are written.
    pub zone: Zone,
    /// What stands for a link to a table.
    pub chip: fn(&str) -> Option<Erased>,
    /// Whether reactions are buttons.
    pub is_live: bool,
}

/// The same of posts that stay as they are.
#[cfg(feature = "ssr")]
pub fn shown_here(
    place: Place,
    posts: Vec<Post>,
    reacted: Vec<(i64, String)>,
    own: i64,
    may_post: bool,
    first_new: i64,
    now: f64,
) -> Shown {
    Shown {
        posts: Signal::stored(posts),
        place,
        own,
        may_post,
        first_new: Signal::stored(first_new),
        reacted: Signal::stored(reacted),
        now: Signal::stored(now),
        zone: Zone::Utc,
        chip: |_| None,
        is_live: false,
    }
}

/// The list.
pub fn list(shown: Shown) -> Erased {
    let ids = move || {
        let posts = shown.posts.read();
        posts.iter().map(|post| post.id).collect::<Vec<_>>()
    };
    let label = match shown.place {
        Place::Channel => "Posts",
        Place::Row { .. } => "Comments",
    };
    view! {
        <ol class="posts" aria-label=label>
            <For each=ids key=|id| *id let:id>
                {entry(id, shown)}
            </For>
        </ol>
    }
    .erased()
}

/// Posts that were found by words, the newest first.
#[cfg(feature = "ssr")]
pub fn found(posts: Vec<Post>, now: f64) -> Erased {
    let one = |post: Post| {
        let href = address(&post);
        let about = format!(
            "{} in {} · {}",
            post.author_name,
            post.channel,
            ago(&post.at, now).unwrap_or_default()
        );
        view! {
            <li>
                <a class="line-name" href=href>
                    <bdi>{about}</bdi>
                </a>
                <p class="line-about" dir="auto">{markdown::brief(&post.body)}</p>
            </li>
        }
    };
    view! { <ul class="lines" aria-label="Posts that were found">{posts.into_iter().map(one).collect_view()}</ul> }.erased()
}

/// Where a post is.
fn address(post: &Post) -> String {
    format!("/feed/{}?post={}#post-{}", post.channel, post.id, post.id)
}

fn entry(id: i64, shown: Shown) -> Erased {
    let found = move || {
        let posts = shown.posts.read();
        posts.iter().find(|post| post.id == id).cloned()
    };
    let first = untrack(found).unwrap_or_default();
    let post = Memo::new(move |last: Option<&Post>| {
        // What has left the list is as it was.
        found().or_else(|| last.cloned()).unwrap_or_default()
    });
    // A part is made again if what it is made of has changed: the focus may be in another.
    let body = Memo::new(move |_| post.with(|post| (post.body.clone(), post.is_deleted)));
    let is_deleted = Memo::new(move |_| post.read().is_deleted);
    let is_edited = Memo::new(move |_| post.read().is_edited && !post.read().is_deleted);
    let answers = Memo::new(move |_| post.read().answers.clone());
    let said = move || {
        body.with(|(body, is_deleted)| match is_deleted {
            true => {
                let said = match shown.place {
                    Place::Channel => "This post was deleted.",
                    Place::Row { .. } => "This comment was deleted.",
                };
                view! { <p class="post-gone">{said}</p> }.erased()
            }
            false => markdown::view(body, shown.chip),
        })
    };
    let exact = match shown.zone {
        Zone::Utc => format!("{} UTC", instant(&first.at, shown.zone)),
        Zone::Reader => instant(&first.at, shown.zone),
    };
    let at = first.at.clone();
    let ago = {
        let exact = exact.clone();
        move || ago(&at, shown.now.get()).unwrap_or_else(|| exact.clone())
    };
    let is_own = first.author == Some(shown.own);
    let (channel, name) = (first.channel.clone(), first.author_name.clone());
    let named = format!("{name}, {exact}");
    let acts = move || {
        (!is_deleted.get()).then(|| match shown.place {
            Place::Channel => acts(id, &channel, (&name, &named), is_own, shown),
            Place::Row { page, may_delete } => {
                let page = page.get_value();
                comment_acts(id, &page, &named, (is_own, is_own || may_delete), shown)
            }
        })
    };
    let is_program = first.author.is_none();
    view! {
        <li
            id=shown.place.anchor(id)
            data-id=id
            class="post"
            class:own=is_own
            class:program=is_program
            tabindex="-1"
        >
            {changing(move || {
                (shown.first_new.get() == id)
                    .then(|| view! { <p class="post-new"><span>"New"</span></p> }.erased())
            })}
            <article aria-label=format!("{}, {exact}", first.author_name)>
                {changing(move || answers.get().map(answered))}
                <p class="post-head">
                    <span class="post-author"><bdi>{first.author_name.clone()}</bdi></span>
                    <a class="post-at" href=shown.place.address(&first)>
                        <time datetime=first.at.clone() title=exact.clone()>
                            {changing(ago)}
                        </time>
                    </a>
                    <span class="post-edited">{changing(move || is_edited.get().then_some("edited"))}</span>
                </p>
                <div class="post-body" dir="auto">{changing(said)}</div>
                {reactions(id, post, shown)}
                {changing(acts)}
            </article>
        </li>
    }
    .erased()
}

fn answered(answered: Answered) -> Erased {
    let Answered {
        id,
        author_name,
        body,
    } = answered;
    let said = match (author_name.is_empty(), body.is_empty()) {
        (true, _) => "an earlier post".to_owned(),
        (false, true) => format!("{author_name}: deleted"),
        (false, false) => format!("{author_name}: {}", markdown::brief(&body)),
    };
    view! {
        <p class="post-answers">
            <a href=format!("?post={id}#post-{id}") data-to=id>
                "Answers " <bdi>{said}</bdi>
            </a>
        </p>
    }
    .erased()
}

/// The reactions that a post has: each by its place, where what is counted changes.
fn reactions(id: i64, post: Memo<Post>, shown: Shown) -> Erased {
    let emoji = move || {
        let post = post.read();
        post.reactions
            .iter()
            .map(|of| of.emoji.clone())
            .collect::<Vec<_>>()
    };
    let one = move |emoji: String| {
        let of = emoji.clone();
        let now = Memo::new(move |_| {
            let post = post.read();
            let found = post.reactions.iter().find(|found| found.emoji == of);
            found.map_or((0, String::new()), |Reaction { count, names, .. }| {
                (*count, names.clone())
            })
        });
        let of = emoji.clone();
        let is_own = Memo::new(move |_| {
            let reacted = shown.reacted.read();
            reacted
                .iter()
                .any(|(post, emoji)| *post == id && *emoji == of)
        });
        let count = move || now.read().0.to_string();
        let names = move || now.read().1.clone();
        let of = emoji.clone();
        let label = move || {
            let (count, names) = now.get();
            format!("{of} {count}: {names}")
        };
        if shown.is_live {
            view! {
                <button
                    type="button"
                    class="reaction"
                    data-emoji=emoji.clone()
                    aria-pressed=move || is_own.get().to_string()
                    aria-label=label
                    title=names
                >
                    <span>{emoji.clone()}</span>
                    <span class="reaction-count">{changing(count)}</span>
                </button>
            }
            .erased()
        } else {
            view! {
                <span class="reaction" role="img" aria-label=label title=names>
                    <span>{emoji.clone()}</span>
                    <span class="reaction-count">{changing(count)}</span>
                </span>
            }
            .erased()
        }
    };
    view! {
        <div class="reactions">
            <For each=emoji key=|emoji| emoji.clone() let:emoji>
                {one(emoji)}
            </For>
        </div>
    }
    .erased()
}

/// What is done with a post. `name`: who wrote it; `named`: that, and when.
fn acts(id: i64, channel: &str, (name, named): (&str, &str), is_own: bool, shown: Shown) -> Erased {
    let reply = shown.may_post.then(|| {
        view! {
            <a
                class="button"
                href=format!("/feed/{channel}?reply={id}#write")
                data-act="reply"
                aria-label=format!("Reply to {name}")
            >
                "Reply"
            </a>
        }
        .erased()
    });
    let own = is_own.then(|| {
        let edit = shown.may_post.then(|| {
            view! {
                <a
                    class="button"
                    href=format!("/feed/{channel}?edit={id}#write")
                    data-act="edit"
                    aria-label=format!("Edit {named}")
                >
                    "Edit"
                </a>
            }
            .erased()
        });
        view! {
            {edit}
            <form method="post" action=format!("/feed/{channel}/posts/{id}/delete")>
                <button type="submit" class="button danger" aria-label=format!("Delete {named}")>
                    "Delete"
                </button>
            </form>
        }
        .erased()
    });
    let react = shown.is_live.then(|| {
        let all = EMOJI.map(|emoji| {
            view! {
                <button type="button" class="reaction" data-emoji=emoji aria-label=format!("React {emoji}")>
                    {emoji}
                </button>
            }
            .erased()
        });
        view! {
            <details class="react">
                <summary class="button" aria-label=format!("React to {name}")>"React"</summary>
                <div class="react-all">{all.into_iter().collect::<Vec<_>>()}</div>
            </details>
        }
        .erased()
    });
    view! { <div class="post-acts">{react} {reply} {own}</div> }.erased()
}

/// What is done with a comment. `is_own`, `is_deletable`: what the reader may do.
fn comment_acts(
    id: i64,
    page: &str,
    named: &str,
    (is_own, is_deletable): (bool, bool),
    shown: Shown,
) -> Erased {
    let edit = (is_own && shown.may_post).then(|| {
        view! {
            <a
                class="button"
                href=format!("{page}?edit={id}#write")
                data-act="edit"
                aria-label=format!("Edit {named}")
            >
                "Edit"
            </a>
        }
        .erased()
    });
    let label = format!("Delete {named}");
    // Where it is live it may stand within another form.
    let delete = is_deletable.then(|| match shown.is_live {
        true => view! {
            <button type="button" class="button danger" data-act="delete" aria-label=label>
                "Delete"
            </button>
        }
        .erased(),
        false => view! {
            <form method="post" action=format!("{page}/{id}/delete")>
                <button type="submit" class="button danger" aria-label=label>
                    "Delete"
                </button>
            </form>
        }
        .erased(),
    });
    view! { <div class="post-acts">{edit} {delete}</div> }.erased()
}
