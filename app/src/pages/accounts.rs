//! The pages about accounts: signing in, one's own account, everybody's.
//!
//! Each is a document of its own, of plain forms: nothing of it needs a script, and who has not
//! signed in is sent none but the theme's.

mod comments;
mod feed;
mod join;
mod login;
mod notifications;
mod own;
mod permissions;
mod table_permissions;
mod users;
mod watches;

use leptos::prelude::*;

pub use self::{
    comments::{Comments, comments, row_query},
    feed::{Draft, Feed, Open, feed},
    join::{Join, JoinPurpose, join},
    login::{Login, login},
    notifications::{Notifications, notifications},
    own::{LinkedRow, OwnAccount, SessionRow, TokenRow, own_account},
    permissions::{Permissions, RoleRow, TableRow, permissions, table_address},
    table_permissions::{ColumnRow, RoleForm, TablePermissions, table_permissions},
    users::{AccountRow, InvitationRow, Users, users},
    watches::{Filled, SentRow, WatchDraft, WatchRow, Watches, confirm_mail, watches},
};
use crate::{
    components::{appearance::Appearance, message::Message, top_bar::Brand},
    document::Files,
    erased::{Erase, Erased},
    feed::FeedLink,
    format::{time::instant, zone::Zone},
    notifications::{Bell, Unread, titled},
    signed_in::AccountMenu,
};

/// What came of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It was done.
    Done(String),
    /// It was not, and why.
    Refused(String),
}

/// A message in place of a page.
pub fn message(options: LeptosOptions, title: &'static str, text: String) -> impl IntoView {
    let content = view! {
        <Message title text>
            <a class="button" href="/">
                "All tables"
            </a>
        </Message>
    };
    document(options, title, view! { <main>{content}</main> }.erased())
}

/// The same for what passes by itself: a way to ask for the page again, at `address`.
pub fn again(
    options: LeptosOptions,
    title: &'static str,
    text: String,
    address: String,
) -> impl IntoView {
    let text = format!("{text} This page asks again every few seconds.");
    let content = view! {
        <Message title text>
            <a class="button primary" href=address>
                "Try again"
            </a>
            <a class="button" href="/">
                "All tables"
            </a>
        </Message>
    };
    document(options, title, view! { <main>{content}</main> }.erased())
}

/// What is shown for a moment to whoever is sent to sign in elsewhere, or for longer where a browser
/// does not go by itself.
pub fn leaving(options: LeptosOptions, address: String) -> impl IntoView {
    let content = view! {
        <Message
            title="One moment"
            text="You are led to the service that you sign in by.".to_owned()
        >
            <a class="button primary" href=address>
                "Go there"
            </a>
        </Message>
    };
    document(
        options,
        "Sign in",
        view! { <main>{content}</main> }.erased(),
    )
}

/// The document around a page.
fn document(options: LeptosOptions, title: &'static str, content: Erased) -> impl IntoView {
    let files = Files::new(&options);
    around(files.looks().erased(), title, content)
}

/// The document around a page that the application makes live.
fn live_document(options: LeptosOptions, title: &'static str, content: Erased) -> impl IntoView {
    let files = Files::new(&options);
    let head = view! { {files.looks()} {files.application()} };
    around(head.erased(), title, content)
}

fn around(head: Erased, title: &'static str, content: Erased) -> impl IntoView {
    let unread = Unread::new();
    let title_said = titled(title, unread.0.get_untracked());
    provide_context(unread);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                {head} <title>{title_said}</title>
            </head>
            <body>
                <div class="page">
                    <header class="top-bar">
                        <Brand />
                        <h1 class="crumb">{title}</h1>
                        <div class="top-end">
                            <AccountMenu />
                            <span class="bell-place">
                                <FeedLink />
                                <Bell />
                            </span>
                            <Appearance />
                        </div>
                    </header>
                    {content}
                </div>
            </body>
        </html>
    }
}

fn notice(notice: Option<Notice>) -> Erased {
    notice
        .map(|notice| match notice {
            Notice::Done(text) => {
                view! { <p class="notice done" role="status">{text}</p> }.erased()
            }
            Notice::Refused(text) => {
                view! { <p class="notice refused" role="alert">{text}</p> }.erased()
            }
        })
        .erased()
}

/// The button by which one signs in at a provider, with what is sent along.
fn by_provider(label: Option<String>, name: &'static str, value: String) -> Erased {
    label
        .map(|label| {
            view! {
                <form class="sheet" method="post" action="/login/openid">
                    <input type="hidden" name=name value=value />
                    <button type="submit" class="button">
                        {label}
                    </button>
                </form>
            }
            .erased()
        })
        .erased()
}

/// A line to write into, with its name.
fn field(
    label: &'static str,
    name: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: String,
) -> Erased {
    view! {
        <label class="form-field">
            <span class="field-name">{label}</span>
            <input
                type=kind
                name=name
                value=value
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required
            />
        </label>
    }
    .erased()
}

/// A button that does one thing.
fn act(action: String, label: &'static str, about: &str, class: &'static str) -> Erased {
    let spoken = format!("{label}: {about}");
    view! {
        <form method="post" action=action>
            <button type="submit" class=class aria-label=spoken>
                {label}
            </button>
        </form>
    }
    .erased()
}

/// A point in time, to the minute.
fn time(text: &str) -> Erased {
    let shown = instant(text, Zone::Utc);
    let minute = shown.get(..16).unwrap_or(&shown);
    let shown = format!("{minute} UTC");
    view! { <time datetime=text.to_owned()>{shown}</time> }.erased()
}
