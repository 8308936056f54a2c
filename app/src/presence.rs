//! Who else looks at the table, and where they are.
//!
//! A page says where its reader is, and follows where others are as it follows any list. All of
//! that is a part that is loaded once the page is live: nothing on the first screen waits for it.

#[cfg(feature = "hydrate")]
mod marks;
#[cfg(feature = "hydrate")]
mod name_dialog;
#[cfg(feature = "hydrate")]
pub(crate) mod people;
#[cfg(any(test, feature = "hydrate"))]
mod person;
#[cfg(feature = "hydrate")]
mod say;

use std::time::Duration;

use leptos::prelude::*;

use crate::{
    commands::Commands,
    erased::{Erase, MakeView, changing, effect, handler, said},
    grid::GridState,
    lazy::{self, Lazy},
    live::status::{Link, LiveStatus},
    pages::table::TableView,
    reader::{Reader, initials},
    signed_in::SignedIn,
};

/// How long a page that has no connection waits before it asks who is there.
const LATER: Duration = Duration::from_millis(300);

/// What presence has of the page that it works in.
#[derive(Clone, Copy)]
pub struct PresenceHost {
    /// The page's shared state.
    pub view: TableView,
    /// The grid's.
    pub grid: GridState,
    /// Whether the reader is about to say what they are called.
    pub naming: RwSignal<bool>,
    /// What stands in the top bar: the others.
    pub people: RwSignal<Option<MakeView>>,
    /// What is shown before the page.
    pub layer: RwSignal<Option<MakeView>>,
}

impl PresenceHost {
    /// Has presence loaded when the page is live, or a moment later where it never is.
    pub fn begin(view: TableView) -> Self {
        let host = Self {
            view,
            grid: expect_context::<GridState>(),
            naming: RwSignal::new(false),
            people: RwSignal::new(None),
            layer: RwSignal::new(None),
        };
        let part = Lazy::<()>::new(lazy::part!(presence(host)));
        let status = expect_context::<LiveStatus>();
        let live = view.table.with_value(|table| table.live);
        effect(move || {
            if !live {
                set_timeout(move || part.want(), LATER);
            } else if status.link.get() == Link::Live {
                part.want();
            }
        });
        effect(move || {
            if host.naming.get() {
                part.want();
            }
        });
        // Whoever has an account is called as it is.
        if SignedIn::current().is_none() {
            let naming = host.naming;
            Commands::expect().add("Page", "Your name…", "", move || naming.set(true));
        }
        host
    }
}

/// The others, as far as there are any.
#[component]
pub fn People(
    /// What presence has of the page.
    host: PresenceHost,
) -> impl IntoView {
    view! { <div class="people">{changing(move || host.people.get().map(|people| people.run()))}</div> }
        .settled()
}

/// The reader: their initials, and the way to say what they are called, for whoever has no
/// account.
#[component]
pub fn You(
    /// What presence has of the page.
    host: PresenceHost,
) -> impl IntoView {
    let reader = Reader::expect();
    let label = move || match reader.name() {
        Some(name) => format!("Your name: {name}"),
        None => "Your name".to_owned(),
    };
    let letters = move || {
        let letters = initials(&reader.name()?);
        (!letters.is_empty()).then_some(letters)
    };
    let you = view! {
        <button
            type="button"
            class="icon-button you"
            aria-haspopup="dialog"
            title=said(move || Some(label()))
            on:click=handler(move |_| host.naming.set(true))
        >
            <span class="avatar" aria-hidden="true">
                {changing(letters)}
            </span>
            <span class="sr-only">{changing(label)}</span>
        </button>
        {changing(move || host.layer.get().map(|layer| layer.run()))}
    };
    SignedIn::current().is_none().then_some(you).erased()
}
