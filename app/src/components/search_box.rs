//! Words that every row shown has.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{icon, pager::Carry};
#[cfg(feature = "hydrate")]
use crate::lazy::{self, Lazy};
use crate::{
    erased::{Erase, effect, handler},
    pages::table::TableView,
};

/// How long typing has to pause before it is searched for.
const PAUSE: Duration = Duration::from_millis(220);

/// The search box: as one types, or as a form without JavaScript.
#[component]
pub fn SearchBox(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let input = NodeRef::<leptos::html::Input>::new();
    let words = Memo::new(move |_| view.query.read().search.clone().unwrap_or_default());
    let navigate = use_navigate();
    let go = move |typed: &str| {
        let query = view.query.get_untracked();
        let next = query.with_search(typed);
        if next.search == query.search {
            return;
        }
        navigate(
            &untrack(|| view.address(&next)),
            NavigateOptions {
                // One search is one step back, however it was typed.
                replace: query.search.is_some() && next.search.is_some(),
                scroll: false,
                ..NavigateOptions::default()
            },
        );
    };
    let typed = {
        let go = go.clone();
        debounce(PAUSE, move |text: String| go(&text))
    };
    let mut typed = typed;
    // Back, forward and links change the words; never under the hands of who types.
    effect(move || {
        let words = words.get();
        if let Some(input) = input.get() {
            let focused = document()
                .active_element()
                .is_some_and(|element| *element == ***input);
            if !focused && input.value() != words {
                input.set_value(&words);
            }
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(input) = input.get_untracked() {
            go(&input.value());
        }
    };
    #[cfg(feature = "hydrate")]
    mark_when_searched(view);
    view! {
        <form class="search" role="search" method="get" action=view.root() on:submit=handler(submit)>
            <Carry view except=&["q", "offset"] />
            {icon::search()}
            <input
                type="search"
                name="q"
                node_ref=input
                aria-label="Search"
                placeholder="Search"
                autocomplete="off"
                spellcheck="false"
                value=words.get_untracked()
                on:input=handler(move |event| typed(event_target_value(&event)))
            />
        </form>
    }
    .settled()
}

/// Has what is found marked, from the first search on. Where that can't be loaded the next search tries
/// again; rows are found all the same.
#[cfg(feature = "hydrate")]
fn mark_when_searched(view: TableView) {
    let part = Lazy::<bool>::new(lazy::part!(search_marks(view)));
    effect(move || {
        if view.query.read().search.is_some() {
            part.want();
        }
    });
}
