//! `/login`

use leptos::prelude::*;

use super::{Notice, by_provider, document, field, notice};
use crate::erased::Erase;

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// Where to go then.
    pub next: String,
    /// The name that was sent, if that came to nothing.
    pub name: String,
    /// What is on the button of the provider that one may sign in by, too.
    pub provider: Option<String>,
    /// What came of it.
    pub notice: Option<Notice>,
}

/// The page on which one signs in.
pub fn login(options: LeptosOptions, page: Login) -> impl IntoView {
    let next = page.next.clone();
    let content = view! {
        <main class="sign-in">
            <form class="sheet" method="post" action="/login">
                {notice(page.notice)}
                <input type="hidden" name="next" value=page.next />
                {field("Name", "name", "text", "username", page.name)}
                {field("Password", "password", "password", "current-password", String::new())}
                <button type="submit" class="button primary">
                    "Sign in"
                </button>
            </form>
            {by_provider(page.provider, "next", next)}
        </main>
    };
    document(options, "Sign in", content.erased())
}
