//! `/users`: all accounts, for administrators.

use leptos::prelude::*;

use super::{Notice, act, document, notice, time};
use crate::erased::{Erase, Erased};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Users {
    /// The accounts, by name.
    pub accounts: Vec<AccountRow>,
    /// The roles that can be given.
    pub roles: Vec<String>,
    /// Links that nobody has used yet.
    pub invitations: Vec<InvitationRow>,
    /// Behind which name the list goes on.
    pub after: Option<String>,
    /// A link that was just made, shown this once: what it is for, and its address.
    pub link: Option<(String, String)>,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// An account.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Names it.
    pub id: i64,
    /// What its user is called.
    pub name: String,
    /// The roles it was given.
    pub roles: Vec<String>,
    /// Whether it may not be used.
    pub is_disabled: bool,
    /// What rules may say of its user: a JSON object, or nothing.
    pub attributes: String,
    /// The role that its user has in the database; `None` where the database decides nothing.
    pub database_role: Option<String>,
    /// When a session of it was last used.
    pub seen_at: Option<String>,
    /// Whether it is the reader's.
    pub is_own: bool,
}

/// A link that nobody has used yet.
#[derive(Clone, Debug)]
pub struct InvitationRow {
    /// Names it.
    pub id: i64,
    /// What the account that it makes will be.
    pub roles: Vec<String>,
    /// Whose password it sets; `None`: it makes an account.
    pub password_of: Option<String>,
    /// Who offered it.
    pub made_by: Option<String>,
    /// When it ends.
    pub expires_at: String,
}

/// The page of all accounts.
pub fn users(options: LeptosOptions, page: Users) -> impl IntoView {
    let Users {
        accounts,
        roles,
        invitations,
        after,
        link,
        notice: told,
    } = page;
    let chosen = roles_of(&roles, &[]);
    let rows = accounts.into_iter().map(|row| account(row, &roles));
    let content = view! {
        <main class="accounts">
            {notice(told)} {link.map(made)}
            <p>
                "What roles may do is said at " <a href="/permissions">"Permissions"</a> "."
            </p> <section aria-labelledby="invite">
                <h2 id="invite">"Invite somebody"</h2>
                <form class="sheet" method="post" action="/users/invite">
                    <fieldset class="labels">
                        <legend>"Beside member, they will be"</legend>
                        {chosen}
                    </fieldset>
                    <button type="submit" class="button primary">
                        "Make a link"
                    </button>
                </form>
            </section> {(!invitations.is_empty()).then(|| open(invitations))} <section aria-labelledby="users">
                <h2 id="users">"Users"</h2>
                <ul class="lines users">{rows.collect_view()}</ul>
                {after
                    .map(|after| {
                        view! {
                            <form method="get" action="/users">
                                <input type="hidden" name="after" value=after />
                                <button type="submit" class="button">
                                    "More"
                                </button>
                            </form>
                        }
                    })}
            </section>
        </main>
    };
    document(options, "Users", content.erased())
}

/// The links that nobody has used yet.
fn open(invitations: Vec<InvitationRow>) -> Erased {
    view! {
        <section aria-labelledby="open">
            <h2 id="open">"Open links"</h2>
            <ul class="lines">{invitations.into_iter().map(invitation).collect_view()}</ul>
        </section>
    }
    .erased()
}

fn invitation(row: InvitationRow) -> Erased {
    let what = match (&row.password_of, row.roles.is_empty()) {
        (Some(name), _) => format!("Sets the password of {name}"),
        (None, true) => "Invites a member".to_owned(),
        (None, false) => format!("Invites a member, {}", row.roles.join(", ")),
    };
    let by = match row.made_by {
        Some(name) => format!("by {name}, "),
        None => String::new(),
    };
    let withdraw = act(
        format!("/users/invitations/{}", row.id),
        "Withdraw",
        &what,
        "button danger",
    );
    view! {
        <li>
            <span class="line-name">{what}</span>
            <span class="line-about">{by} "ends " {time(&row.expires_at)}</span>
            <span class="line-acts">{withdraw}</span>
        </li>
    }
    .erased()
}

fn made((what, address): (String, String)) -> Erased {
    view! {
        <div class="notice done" role="status">
            <p>{what}</p>
            <code class="secret">{address}</code>
        </div>
    }
    .erased()
}

fn roles_of(roles: &[String], had: &[String]) -> Erased {
    roles
        .iter()
        .map(|role| {
            let name = format!("role:{role}");
            view! {
                <label>
                    <input type="checkbox" name=name checked=had.contains(role) />
                    {role.clone()}
                </label>
            }
        })
        .collect_view()
        .erased()
}

fn account(row: AccountRow, roles: &[String]) -> Erased {
    let of = |what: &str| format!("/users/{}/{what}", row.id);
    let seen = match &row.seen_at {
        Some(at) => view! { "last here " {time(at)} }.erased(),
        None => "not signed in".erased(),
    };
    let (able, disabled) = match row.is_disabled {
        true => (
            act(of("enable"), "Enable", &row.name, "button"),
            "disabled, ",
        ),
        false => (
            act(of("disable"), "Disable", &row.name, "button danger"),
            "",
        ),
    };
    let name = match row.is_own {
        true => format!("{} (you)", row.name),
        false => row.name.clone(),
    };
    let legend = format!("Roles of {}", row.name);
    view! {
        <li class:disabled=row.is_disabled>
            <span class="line-name">{name}</span>
            <span class="line-about">{disabled} {seen}</span>
            <form class="line-roles" method="post" action=of("roles")>
                <fieldset class="labels">
                    <legend class="hidden">{legend.clone()}</legend>
                    {roles_of(roles, &row.roles)}
                </fieldset>
                <button type="submit" class="button" aria-label=format!("Set: {legend}")>
                    "Set roles"
                </button>
            </form>
            <form class="line-roles" method="post" action=of("attributes")>
                <label class="form-field attributes">
                    <span class="field-name">"Attributes, a JSON object"</span>
                    <input
                        type="text"
                        name="attributes"
                        value=row.attributes.clone()
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        aria-label=format!("Attributes of {}", row.name)
                        placeholder=r#"{"team": "north"}"#
                    />
                </label>
                <button
                    type="submit"
                    class="button"
                    aria-label=format!("Set: Attributes of {}", row.name)
                >
                    "Set attributes"
                </button>
            </form>
            {row.database_role.map(|role| database_role(of("database-role"), &row.name, role))}
            <span class="line-acts">
                {act(of("password"), "Password link", &row.name, "button")}
                {act(of("sign-out"), "Sign out everywhere", &row.name, "button")} {able}
            </span>
        </li>
    }
    .erased()
}

/// The form for the role that somebody has in the database.
fn database_role(action: String, name: &str, role: String) -> Erased {
    let label = format!("Database role of {name}");
    view! {
        <form class="line-roles" method="post" action=action>
            <label class="form-field attributes">
                <span class="field-name">"Database role"</span>
                <input
                    type="text"
                    name="database_role"
                    value=role
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-label=label.clone()
                />
            </label>
            <button type="submit" class="button" aria-label=format!("Set: {label}")>
                "Set database role"
            </button>
        </form>
    }
    .erased()
}
