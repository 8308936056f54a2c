//! What the reader was told, and has not read.
//!
//! Every page of a reader who has signed in follows that by a live query, as it follows rows: the
//! bell and the page's title count it, and the list of it (`/notifications`) is on all devices as
//! it is. All of that is a part that is loaded after the page.

#[cfg(feature = "hydrate")]
pub(crate) mod follow;
#[cfg(any(test, feature = "hydrate"))]
mod known;
mod list;
#[cfg(feature = "hydrate")]
pub(crate) mod live;
#[cfg(feature = "hydrate")]
mod popup;
#[cfg(any(test, feature = "hydrate"))]
mod quiet;
mod told;

use leptos::prelude::*;

#[cfg(feature = "ssr")]
pub(crate) use list::list;
pub use told::Told;

use crate::{
    components::icon,
    erased::{Erase, changing},
    feed::News,
    signed_in::SignedIn,
};

/// How many are shown at once, the newest.
pub const SHOWN: usize = 200;

/// How many the reader has not read: a context of their pages.
#[derive(Clone, Copy)]
pub struct Unread(pub RwSignal<u64>);

impl Unread {
    /// What the server knew of it.
    pub fn new() -> Self {
        let unread = SignedIn::current().map_or(0, |signed_in| signed_in.unread);
        Self(RwSignal::new(unread))
    }

    /// The context, followed from now on for whoever has signed in.
    pub fn provide() {
        let (unread, news) = (Self::new(), News::default());
        provide_context(unread);
        provide_context(news);
        #[cfg(feature = "hydrate")]
        if SignedIn::current().is_some() {
            follow_later(unread, news);
        }
    }
}

impl Default for Unread {
    fn default() -> Self {
        Self::new()
    }
}

/// Loads what follows it when the page is there, and again later if that fails.
#[cfg(feature = "hydrate")]
fn follow_later(unread: Unread, news: News) {
    use crate::lazy::{self, Lazy};
    use std::time::Duration;

    const LATER: Duration = Duration::from_millis(300);
    const AGAIN: Duration = Duration::from_secs(30);

    let part = Lazy::<()>::new(lazy::part!(bell(unread, news)));
    let want_in = move |time| set_timeout(move || part.want(), time);
    part.on_end(move |loaded| {
        if loaded.is_none() {
            want_in(AGAIN);
        }
    });
    want_in(LATER);
}

/// A page's title, with how many there are.
pub fn titled(title: &str, unread: u64) -> String {
    match unread {
        0 => format!("{title} · Rowcast"),
        _ => format!("({}) {title} · Rowcast", counted(unread)),
    }
}

/// So many, in little room.
fn counted(unread: u64) -> String {
    match unread {
        0..100 => unread.to_string(),
        _ => "99+".to_owned(),
    }
}

/// The way to the notifications, with how many there are.
#[component]
pub fn Bell() -> impl IntoView {
    SignedIn::current()
        .map(|_| {
            let Unread(unread) = use_context().unwrap_or_default();
            let count = move || match unread.get() {
                0 => None,
                unread => Some(counted(unread)),
            };
            let said = move || match unread.get() {
                0 => "Notifications".to_owned(),
                unread => format!("Notifications, {} unread", counted(unread)),
            };
            view! {
                <a class="icon-button bell" href="/notifications" rel="external" title="Notifications">
                    {icon::bell()}
                    <span class="count" aria-hidden="true">
                        {changing(count)}
                    </span>
                    <span class="sr-only">{changing(said)}</span>
                </a>
            }
        })
        .erased()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_how_many_there_are() {
        assert_eq!(titled("orders", 0), "orders · Rowcast");
        assert_eq!(titled("orders", 3), "(3) orders · Rowcast");
        assert_eq!(titled("orders", 100), "(99+) orders · Rowcast");
    }
}
