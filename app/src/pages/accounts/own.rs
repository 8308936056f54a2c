//! `/account`: one's own password, sessions and tokens.

use leptos::prelude::*;

use super::{Notice, act, document, field, notice, time};
use crate::erased::{Erase, Erased};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct OwnAccount {
    /// What the reader is called.
    pub name: String,
    /// Whether they say, as no administrator, what others may do with some table.
    pub manages: bool,
    /// Their roles.
    pub roles: Vec<String>,
    /// Where they have signed in.
    pub sessions: Vec<SessionRow>,
    /// Their API tokens.
    pub tokens: Vec<TokenRow>,
    /// A token that was just made: its name and its secret, shown this once.
    pub made: Option<(String, String)>,
    /// By whom else they sign in.
    pub linked: Vec<LinkedRow>,
    /// Whether they have a password.
    pub has_password: bool,
    /// What is on the button of the provider that they may link, if there is one.
    pub provider: Option<String>,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// Somebody at an identity provider.
#[derive(Clone, Debug)]
pub struct LinkedRow {
    /// Names it.
    pub id: i64,
    /// The provider's name for itself.
    pub provider: String,
    /// What they are called there.
    pub name: String,
    /// Since when.
    pub created_at: String,
    /// When somebody last signed in by it.
    pub used_at: Option<String>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Names it.
    pub id: i64,
    /// Whether it is this one.
    pub is_current: bool,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Where it began.
    pub address: String,
    /// When it was last used.
    pub seen_at: String,
    /// When it ends.
    pub expires_at: String,
}

/// An API token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Names it.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// How far it reaches.
    pub scope: String,
    /// When it ends.
    pub expires_at: Option<String>,
    /// When it was last used.
    pub last_used_at: Option<String>,
}

/// The page of one's own account.
pub fn own_account(options: LeptosOptions, page: OwnAccount) -> impl IntoView {
    let roles = match page.roles.is_empty() {
        true => String::new(),
        false => format!("Your roles: {}.", page.roles.join(", ")),
    };
    let content = view! {
        <main class="accounts">
            {notice(page.notice)}
            <p>"You are signed in as " <strong>{page.name}</strong> ". " {roles}</p>
            {page
                .manages
                .then(|| {
                    view! {
                        <p>
                            "You say what others may do with some tables: "
                            <a href="/permissions">"Permissions"</a> "."
                        </p>
                    }
                })}
            {password(page.has_password)}
            {identities(page.linked, page.provider, page.has_password)}
            <section aria-labelledby="sessions">
                <h2 id="sessions">"Where you are signed in"</h2>
                <ul class="lines">{page.sessions.into_iter().map(session).collect_view()}</ul>
                <form method="post" action="/account/sessions">
                    <button type="submit" class="button">
                        "Sign out everywhere else"
                    </button>
                </form>
            </section>
            <section aria-labelledby="tokens">
                <h2 id="tokens">"API tokens"</h2>
                <p class="muted">
                    "A program that sends one as " <code>"Authorization: Bearer …"</code>
                    " may do what you may, as far as the token reaches."
                </p>
                {page.made.map(made)}
                <ul class="lines">{page.tokens.into_iter().map(token).collect_view()}</ul>
                <form class="sheet" method="post" action="/account/tokens">
                    {field("What it is for", "name", "text", "off", String::new())}
                    <label class="form-field">
                        <span class="field-name">"It may"</span>
                        <select name="scope">
                            <option value="read">"read"</option>
                            <option value="write">"read and write rows"</option>
                            <option value="admin">"do all that you may"</option>
                        </select>
                    </label>
                    <label class="form-field">
                        <span class="field-name">"It ends after"</span>
                        <select name="expires">
                            <option value="7d">"7 days"</option>
                            <option value="30d">"30 days"</option>
                            <option value="90d" selected>
                                "90 days"
                            </option>
                            <option value="365d">"a year"</option>
                            <option value="never">"no time"</option>
                        </select>
                    </label>
                    <button type="submit" class="button">
                        "Create token"
                    </button>
                </form>
            </section>
        </main>
    };
    document(options, "Your account", content.erased())
}

fn password(has_one: bool) -> Erased {
    let form = match has_one {
        false => view! {
            <p class="muted">
                "You have none. An administrator can make a link by which you set one."
            </p>
        }
        .erased(),
        true => view! {
            <form class="sheet" method="post" action="/account/password">
                {field("Password now", "now", "password", "current-password", String::new())}
                {field("New password", "password", "password", "new-password", String::new())}
                {field("The same again", "again", "password", "new-password", String::new())}
                <p class="about">"At least 10 characters. You are signed out everywhere else."</p>
                <button type="submit" class="button primary">
                    "Change password"
                </button>
            </form>
        }
        .erased(),
    };
    view! {
        <section aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            {form}
        </section>
    }
    .erased()
}

/// Nothing of it, where there is neither a provider nor anybody linked.
fn identities(linked: Vec<LinkedRow>, provider: Option<String>, has_password: bool) -> Erased {
    if linked.is_empty() && provider.is_none() {
        return ().erased();
    }
    let add = provider.map(|label| {
        let proof = has_password.then(|| {
            field(
                "Password now",
                "now",
                "password",
                "current-password",
                String::new(),
            )
        });
        view! {
            <form class="sheet" method="post" action="/account/openid">
                {proof}
                <button type="submit" class="button">
                    "Link: " {label}
                </button>
            </form>
        }
        .erased()
    });
    view! {
        <section aria-labelledby="identities">
            <h2 id="identities">"Signing in elsewhere"</h2>
            <p class="muted">"Whoever signs in there as one of these is signed in as you."</p>
            <ul class="lines">{linked.into_iter().map(identity).collect_view()}</ul>
            {add}
        </section>
    }
    .erased()
}

fn identity(row: LinkedRow) -> Erased {
    let name = match row.name.is_empty() {
        true => "Somebody without a name".to_owned(),
        false => row.name,
    };
    let used = match &row.used_at {
        Some(at) => view! { "last used " {time(at)} }.erased(),
        None => "never used".erased(),
    };
    let unlink = act(
        format!("/account/openid/{}", row.id),
        "Unlink",
        &name,
        "button danger",
    );
    view! {
        <li>
            <span class="line-name">{name}</span>
            <span class="line-about">
                {row.provider} ", linked " {time(&row.created_at)} ", " {used}
            </span>
            <span class="line-acts">{unlink}</span>
        </li>
    }
    .erased()
}

fn made((name, secret): (String, String)) -> Erased {
    view! {
        <div class="notice done" role="status">
            <p>"The token “" {name} "”. It is shown this once:"</p>
            <code class="secret">{secret}</code>
        </div>
    }
    .erased()
}

fn session(row: SessionRow) -> Erased {
    let end = match row.is_current {
        true => view! { <span class="live-mark">"this one"</span> }.erased(),
        false => act(
            format!("/account/sessions/{}", row.id),
            "Sign out",
            &row.user_agent,
            "button",
        ),
    };
    let browser = match row.user_agent.is_empty() {
        true => "A browser that does not say which".to_owned(),
        false => row.user_agent,
    };
    view! {
        <li>
            <span class="line-name">{browser}</span>
            <span class="line-about">
                {row.address} ", last used " {time(&row.seen_at)} ", ends " {time(&row.expires_at)}
            </span>
            <span class="line-acts">{end}</span>
        </li>
    }
    .erased()
}

fn token(row: TokenRow) -> Erased {
    let ends = match &row.expires_at {
        Some(at) => view! { "ends " {time(at)} }.erased(),
        None => "never ends".erased(),
    };
    let used = match &row.last_used_at {
        Some(at) => view! { "last used " {time(at)} }.erased(),
        None => "never used".erased(),
    };
    let revoke = act(
        format!("/account/tokens/{}", row.id),
        "Revoke",
        &row.name,
        "button danger",
    );
    view! {
        <li>
            <span class="line-name">{row.name}</span>
            <span class="line-about">{row.scope} ", " {used} ", " {ends}</span>
            <span class="line-acts">{revoke}</span>
        </li>
    }
    .erased()
}
