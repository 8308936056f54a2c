//! Whether the list is held, and what waits.

use leptos::prelude::*;

use super::icon;
use crate::{
    erased::{Erase, changing, handler, said},
    grid::GridState,
};

/// The button that holds the list, and beside it what waits while it is held.
#[component]
pub fn Hold() -> impl IntoView {
    let grid = expect_context::<GridState>();
    let waiting = move || {
        let waiting = grid.waiting.get();
        (!waiting.is_empty()).then(|| {
            view! {
                <span class="waiting-text">{waiting.text()}</span>
                " "
                <button type="button" class="button primary" on:click=handler(move |_| grid.show())>
                    "Show"
                </button>
            }
            .made_here()
        })
    };
    view! {
        <span class="waiting" role="group" aria-label="Waiting changes">
            {changing(waiting)}
        </span>
        <button
            type="button"
            class="button hold"
            aria-pressed=said(move || Some(grid.hold.get().to_string()))
            title="Rows stay where they are until you let them go (Ctrl+.)"
            on:click=handler(move |_| grid.hold.update(|hold| *hold = !*hold))
        >
            {icon::hold()}
            <span class="label">"Hold"</span>
        </button>
    }
    .settled()
}
