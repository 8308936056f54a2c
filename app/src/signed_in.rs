//! Who has signed in, where anybody has to.

use leptos::prelude::*;

use crate::erased::Erase;

/// Whoever reads this page, by the account that they have signed in to. Provided as a context by
/// the server that renders; the browser finds it in the document's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// What they are called.
    pub name: String,
    /// Whether they see to accounts.
    pub is_administrator: bool,
    /// How many notifications they have not read; of very many, some number of them.
    pub unread: u64,
}

/// The audit log, the newest first.
pub const AUDIT: &str = "/tables/rowcast.audit?order=id.desc";

/// What the servers are at.
pub const OPERATIONS: &str = "/tables/rowcast.server?order=name";

/// What keeps them busy.
pub const BUSY_QUERIES: &str = "/tables/rowcast.server_query?order=recent_micros.desc";

/// What tells the browser who it is.
#[cfg(feature = "ssr")]
const META: &str = "rowcast-account";

impl SignedIn {
    /// Whoever has signed in; `None` where nobody has to, or nobody has.
    #[cfg(not(feature = "hydrate"))]
    pub fn current() -> Option<Self> {
        use_context()
    }

    /// Whoever has signed in; `None` where nobody has to, or nobody has.
    #[cfg(feature = "hydrate")]
    pub fn current() -> Option<Self> {
        let meta = document().query_selector("meta[name=rowcast-account]");
        let meta = meta.ok().flatten()?;
        Some(Self {
            name: meta.get_attribute("content")?,
            is_administrator: meta.has_attribute("data-administrator"),
            unread: meta
                .get_attribute("data-unread")
                .and_then(|unread| unread.parse().ok())
                .unwrap_or(0),
        })
    }

    /// What the browser finds it by, for the document's head.
    #[cfg(feature = "ssr")]
    pub fn meta() -> impl IntoView {
        Self::current().map(
            |Self {
                 name,
                 is_administrator,
                 unread,
             }| {
                view! {
                    <meta
                        name=META
                        content=name
                        data-administrator=is_administrator.then_some("")
                        data-unread=unread
                    />
                }
            },
        )
    }
}

/// Who has signed in: a menu with the ways to their account, to what they see to, and out. It needs
/// no script.
#[component]
pub fn AccountMenu() -> impl IntoView {
    // Those are pages of their own.
    let page = |href: &'static str, text: &'static str| {
        view! {
            <a href=href rel="external">
                {text}
            </a>
        }
    };
    SignedIn::current()
        .map(|SignedIn { name, is_administrator, .. }| {
            view! {
                <button
                    type="button"
                    class="button quiet account-button"
                    popovertarget="account-menu"
                    title="Your account"
                >
                    <span class="account-initial" aria-hidden="true">
                        {name.chars().next().map(|first| first.to_uppercase().to_string())}
                    </span>
                    <span class="account-name">{name}</span>
                </button>
                <div id="account-menu" class="menu" popover="auto" role="group" aria-label="Your account">
                    {page("/account", "Your account")}
                    {page("/watches", "Watch rules")}
                    {is_administrator
                        .then(|| {
                            view! {
                                <hr />
                                {page("/users", "Users")}
                                {page("/permissions", "Permissions")}
                                {page(AUDIT, "Audit log")}
                                {page(OPERATIONS, "Operations")}
                                {page(BUSY_QUERIES, "Busy queries")}
                            }
                        })} <hr /> <form method="post" action="/logout">
                        <button type="submit" class="menu-item">
                            "Sign out"
                        </button>
                    </form>
                </div>
            }
        })
        .erased()
}
