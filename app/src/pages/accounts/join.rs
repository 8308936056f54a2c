//! `/join`: what a link that may be used once leads to.

use leptos::prelude::*;

use super::{Notice, by_provider, document, field, notice};
use crate::erased::Erase;

/// What the link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinPurpose {
    /// To become the first administrator.
    FirstAdministrator,
    /// To make an account.
    Account,
    /// To set the password of the account of this name.
    Password(String),
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Join {
    /// What the link proves.
    pub token: String,
    /// What it is for.
    pub purpose: JoinPurpose,
    /// The name that was sent, if that came to nothing.
    pub name: String,
    /// What is on the button of the provider that one may join by, too.
    pub provider: Option<String>,
    /// What came of it.
    pub notice: Option<Notice>,
}

/// The page on which one chooses name and password.
pub fn join(options: LeptosOptions, page: Join) -> impl IntoView {
    let (lead, button) = match page.purpose {
        JoinPurpose::FirstAdministrator => (
            "Nobody sees to accounts here yet. Whoever fills this in is the first administrator: \
             they may do everything, and invite others.",
            "Become administrator",
        ),
        JoinPurpose::Account => (
            "You have been invited. Choose what you are called here, and a password.",
            "Join",
        ),
        JoinPurpose::Password(_) => (
            "Choose a new password. You are signed out everywhere else.",
            "Set password",
        ),
    };
    // A password is set by nobody but who chooses one.
    let provider = match page.purpose {
        JoinPurpose::Password(_) => None,
        _ => page.provider,
    };
    let token = page.token.clone();
    let name = match page.purpose {
        JoinPurpose::Password(name) => {
            // Where a password is kept for whoever it is.
            view! {
                <label class="form-field">
                    <span class="field-name">"Name"</span>
                    <input type="text" name="name" value=name autocomplete="username" readonly />
                </label>
            }
            .erased()
        }
        _ => field("Name", "name", "text", "username", page.name),
    };
    let content = view! {
        <main class="sign-in">
            <form class="sheet" method="post" action="/join">
                <p class="lead">{lead}</p>
                {notice(page.notice)}
                <input type="hidden" name="token" value=page.token />
                {name}
                {field("Password", "password", "password", "new-password", String::new())}
                {field("The same again", "again", "password", "new-password", String::new())}
                <p class="about">"At least 10 characters. A few words that do not belong together are long and easily remembered."</p>
                <button type="submit" class="button primary">
                    {button}
                </button>
            </form>
            {by_provider(provider, "token", token)}
        </main>
    };
    document(options, "Welcome", content.erased())
}
