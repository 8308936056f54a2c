//! Which columns are shown, and how close together rows stand.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::icon;
use crate::{
    erased::{Erase, changing, handler, whether},
    grid::{Density, GridState, hands::target},
    pages::table::TableView,
};

/// The button “Columns” and what it opens.
#[component]
pub fn ColumnsMenu(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let layout = grid.layout;
    let hidden = move || {
        let layout = layout.read();
        let count = layout.columns.iter().filter(|of| of.hidden).count();
        (count > 0)
            .then(|| view! { <span class="count">{count.to_string()}" hidden"</span> }.settled())
    };
    let columns = move || {
        let layout = layout.get();
        let columns = view.live.rows.columns.get();
        let names = columns.iter().map(|of| &of.column.name);
        let is_known = |name: &&String| names.clone().any(|known| known == *name);
        let placed = layout.columns.iter().map(|of| &of.name).filter(is_known);
        let others = names.clone().filter(|name| layout.place(name).is_none());
        placed
            .chain(others)
            .map(|name| {
                let shown = layout.place(name).is_none_or(|of| !of.hidden);
                view! {
                    <label>
                        <input type="checkbox" name=name.clone() prop:checked=shown />
                        {grid.label(name)}
                    </label>
                }
            })
            .collect_view()
    };
    // One handler for all: a box is named after its column.
    let choose = move |event: leptos::ev::Event| {
        let input = target(&event).and_then(|of| of.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(input) = input else { return };
        let names = view.column_names();
        let names: Vec<&str> = names.iter().map(|of| &**of).collect();
        let on = input.checked();
        let name = input.name();
        if name.is_empty() {
            layout.write().density = if on {
                Density::Compact
            } else {
                Density::Comfortable
            };
        } else {
            layout.write().change(&names, &name, |of| of.hidden = !on);
        }
    };
    // What columns are called and shown as is no part of where they stand.
    let changed = move || {
        let layout = layout.read();
        !layout.columns.is_empty() || layout.density != Density::default()
    };
    let forget = move |_| {
        let mut layout = layout.write();
        layout.columns.clear();
        layout.density = Density::default();
    };
    let reset = move || {
        changed().then(|| {
            view! {
                <button
                    type="button"
                    class="button"
                    on:click=handler(forget)
                >
                    "Reset"
                </button>
            }
            .settled()
        })
    };
    view! {
        <button type="button" class="button columns-button" popovertarget="columns">
            {icon::columns()}
            <span class="label">"Columns"</span>
            {changing(hidden)}
        </button>
        <div
            id="columns"
            class="popover"
            popover="auto"
            role="group"
            aria-label="Columns"
            on:change=handler(choose)
        >
            <fieldset class="field labels">
                <legend>"Show columns"</legend>
                {changing(columns)}
            </fieldset>
            <fieldset class="field labels">
                <legend>"Rows"</legend>
                <label>
                    <input
                        type="checkbox"
                        prop:checked=whether(move || layout.read().density == Density::Compact)
                    />
                    "Compact"
                </label>
            </fieldset>
            {changing(reset)}
        </div>
    }
    .settled()
}
