//! What a reader calls a column, says of it and shows it as: the dialog, and how it is opened.

#[cfg(feature = "hydrate")]
pub(crate) mod dialog;
#[cfg(feature = "hydrate")]
mod options;
#[cfg(feature = "hydrate")]
mod preview;

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    commands::Commands,
    erased::{Erase, Erased, changing, effect},
    grid::GridState,
    lazy::{self, Lazy},
};

/// The column whose dialog is open: a context of the table's page.
#[derive(Clone, Copy, Default)]
pub struct LooksOf(pub RwSignal<Option<String>>);

/// Makes the dialog of the column of that name.
pub type MakeDialog = Arc<dyn Fn(String) -> Erased + Send + Sync>;

/// The dialog, once it is asked for.
#[component]
pub fn LooksDialog() -> impl IntoView {
    let grid = expect_context::<GridState>();
    let of = expect_context::<LooksOf>().0;
    let made = Lazy::<MakeDialog>::new(lazy::part!(column_looks(grid, of)));
    Commands::expect().add(
        "Columns",
        "Name and format of this column…",
        "",
        move || {
            if let Some(place) = grid.focus.get_untracked() {
                of.set(Some(place.column));
            }
        },
    );
    effect(move || {
        if of.read().is_some() {
            made.want();
        }
    });
    changing(move || {
        let name = of.get()?;
        if made.failed() {
            return Some(not_loaded("The dialog could not be loaded. Try again."));
        }
        made.get().map(|make| make(name))
    })
}

/// Says that a part of the page is not there.
pub(crate) fn not_loaded(text: &'static str) -> Erased {
    view! {
        <p class="notice warn" role="alert">
            {text}
        </p>
    }
    .here_once()
}
