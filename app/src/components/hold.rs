//! Whether the list is held, and what waits.

use leptos::prelude::*;

use super::icon;
use crate::{erased::Erase, grid::GridState};

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
                <button type="button" class="button primary" on:click=move |_| grid.show()>
                    "Show"
                </button>
            }
        })
    };
    view! {
        <span class="waiting" role="group" aria-label="Waiting changes">
            {waiting}
        </span>
        <button
            type="button"
            class="button hold"
            aria-pressed=move || grid.hold.get().to_string()
            title="Rows stay where they are until you let them go (Ctrl+.)"
            on:click=move |_| grid.hold.update(|hold| *hold = !*hold)
        >
            {icon::hold()}
            <span class="label">"Hold"</span>
        </button>
    }
    .erased()
}
