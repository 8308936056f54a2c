//! Changing rows, in the page.
//!
//! The page itself only knows when editing is asked for: everything else is a part that is
//! loaded then (see [`crate::parts`]).

#[cfg(feature = "hydrate")]
pub(crate) mod api;
#[cfg(feature = "hydrate")]
mod block;
#[cfg(feature = "hydrate")]
mod bulk;
#[cfg(feature = "hydrate")]
mod cell_editor;
pub mod change;
#[cfg(feature = "hydrate")]
mod clock;
#[cfg(feature = "hydrate")]
mod conflict;
#[cfg(feature = "hydrate")]
mod delete;
pub mod draft;
#[cfg(feature = "hydrate")]
mod field;
#[cfg(feature = "hydrate")]
mod history;
pub mod journal;
#[cfg(feature = "hydrate")]
mod load;
#[cfg(feature = "hydrate")]
pub(crate) mod modal;
#[cfg(feature = "hydrate")]
mod notice;
#[cfg(feature = "hydrate")]
mod place;
#[cfg(feature = "hydrate")]
mod refused;
#[cfg(feature = "hydrate")]
mod row_dialog;
#[cfg(feature = "hydrate")]
mod rows;
#[cfg(feature = "hydrate")]
mod save;
#[cfg(feature = "hydrate")]
pub(crate) mod session;
pub mod tsv;
#[cfg(feature = "hydrate")]
mod undo;
#[cfg(feature = "hydrate")]
mod value_input;

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    commands::Commands,
    components::icon,
    erased::{Erase, MakeView, changing, effect, handler, whether},
    grid::{Action, GridState},
    pages::table::TableView,
};

/// What does the actions of a page.
pub type Handler = Arc<dyn Fn(Action) + Send + Sync>;

/// What editing has of the page that it works in.
#[derive(Clone, Copy)]
pub struct EditHost {
    /// The page's shared state.
    pub view: TableView,
    /// The grid's.
    pub grid: GridState,
    /// What is shown beside the rows: dialogs and what is said.
    pub layer: RwSignal<Option<MakeView>>,
}

/// Has the page's actions done, and shows what they need.
#[component]
pub fn EditLayer(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let host = EditHost {
        view,
        grid: expect_context::<GridState>(),
        layer: RwSignal::new(None),
    };
    for (name, keys, action) in [
        ("Set a value in the selected rows…", "", Action::SetValue),
        (
            "Delete the selected rows…",
            "Ctrl+Delete",
            Action::DeleteRows,
        ),
        ("Select all rows that match", "", Action::ChooseMatching),
    ] {
        let grid = host.grid;
        Commands::expect().add("Rows", name, keys, move || grid.act(action.clone()));
    }
    #[cfg(feature = "hydrate")]
    let failure = load::load_when_used(host);
    #[cfg(not(feature = "hydrate"))]
    let failure = || ();
    view! {
        {failure}
        {changing(move || host.layer.get().map(|layer| layer.run()))}
    }
    .settled()
}

/// The button that begins a new row.
#[component]
pub fn NewRowButton(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let addable = view.table.with_value(|table| table.may.insert);
    // Nothing can be added where no script runs.
    let runs = RwSignal::new(false);
    effect(move || runs.set(true));
    addable.then(|| {
        view! {
            <button
                type="button"
                class="button new-row"
                title="New row (Shift+Enter)"
                aria-keyshortcuts="Shift+Enter"
                disabled=whether(move || !runs.get())
                on:click=handler(move |_| grid.act(Action::NewRow))
            >
                {icon::plus()}
                <span class="label">"New row"</span>
            </button>
        }
        .settled()
    })
}
