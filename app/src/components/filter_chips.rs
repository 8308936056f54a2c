//! The filters that hold.

use leptos::{ev, prelude::*};
use rowcast_protocol::query::Query;
use wasm_bindgen::JsCast;

use super::{filter_form::FilterDraft, icon};
use crate::{
    filter::{describe, form_of},
    pages::table::TableView,
};

/// One chip a filter: a click edits it, the cross removes it.
#[component]
pub fn FilterChips(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let draft = expect_context::<FilterDraft>();
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
                let form = form_of(filter);
                let target = form.is_some().then_some("filter-form");
                let edit = move |_| {
                    if let Some((column, choice, value)) = &form {
                        draft.edit(at, column, *choice, value);
                    }
                };
                view! {
                    <li class="chip">
                        <button type="button" class="chip-text" popovertarget=target on:click=edit>
                            {text}
                        </button>
                        <a
                            class="chip-remove"
                            role="button"
                            href=without
                            aria-label=label
                            on:keydown=press_on_space
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
            {chips}
        </ul>
        {clear}
    }
    .into_any()
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
