//! The way to the feed, on top of every page.

use leptos::prelude::*;

use crate::{
    components::icon,
    erased::{Erase, changing},
    signed_in::SignedIn,
};

/// Whether there is something in the feed that the reader has not read: a context of their pages.
#[derive(Clone, Copy)]
pub struct News(pub RwSignal<bool>);

impl Default for News {
    fn default() -> Self {
        Self(RwSignal::new(false))
    }
}

/// The way there, with a dot while something waits.
#[component]
pub fn FeedLink() -> impl IntoView {
    SignedIn::current()
        .map(|_| {
            let News(news) = use_context().unwrap_or_default();
            let said = move || match news.get() {
                false => "Feed",
                true => "Feed, unread posts",
            };
            view! {
                <a
                    class="icon-button feed-link"
                    class:unread=move || news.get()
                    href="/feed"
                    rel="external"
                    title="Feed"
                >
                    {icon::feed()}
                    <span class="sr-only">{changing(said)}</span>
                </a>
            }
        })
        .erased()
}
