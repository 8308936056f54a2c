//! The filters that hold.

use leptos::{ev, prelude::*};
use rowcast_protocol::query::Query;
use wasm_bindgen::JsCast;

use super::{
    filter_panel::{Ask, FilterHost, PANEL},
    icon,
};
use crate::{
    erased::{Erase, changing, handler},
    filter::describe,
    pages::table::TableView,
};

/// One chip a filter: a click edits it, the cross removes it.
#[component]
pub fn FilterChips(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let host = expect_context::<FilterHost>();
    let chips = move || {
        let query = view.query.get();
        let columns = view.columns();
        query
            .filter
            .iter()
            .enumerate()
            .map(|(at, filter)| {
                let text = describe(filter, &columns);
                let without = view.address(&query.without_test(at));
                let label = format!("Remove filter {text}");
                view! {
                    <li class="chip">
                        <button
                            type="button"
                            class="chip-text"
                            popovertarget=PANEL
                            on:click=handler(move |_| host.ask.set(Ask::Condition(at)))
                        >
                            {text}
                        </button>
                        <a
                            class="chip-remove"
                            role="button"
                            href=without
                            aria-label=label
                            on:keydown=handler(press_on_space)
                        >
                            {icon::cross()}
                        </a>
                    </li>
                }
            })
            .collect_view()
    };
    let clear = move || {
        let query = view.query.get();
        (query.filter.len() > 1).then(|| {
            let next = Query {
                filter: Vec::new(),
                ..query.with_page(0)
            };
            view! {
                <a class="clear" href=view.address(&next)>
                    "Clear all"
                </a>
            }
        })
    };
    view! {
        <ul class="chips" role="list" aria-label="Filters">
            {changing(chips)}
        </ul>
        {changing(clear)}
    }
    .settled()
}

/// A link that acts as a button is pressed by the space key too.
fn press_on_space(event: ev::KeyboardEvent) {
    if event.key() == " " {
        event.prevent_default();
        let target = event.current_target();
        if let Some(link) = target.and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok())
        {
            link.click();
        }
    }
}
