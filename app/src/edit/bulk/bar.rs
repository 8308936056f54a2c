//! The bar that is there while rows are chosen.

use leptos::prelude::*;

use crate::{
    components::icon,
    edit::session::Session,
    erased::{Erase, changing},
    format::number::{counted, grouped},
    grid::{Action, Selection},
};

/// How many rows are chosen, and what can be done to them.
#[component]
pub fn BulkBar(session: Session) -> impl IntoView {
    let any = Memo::new(move |_| session.grid.selection.read().has_rows());
    changing(move || any.get().then(|| view! { <Bar session /> }))
}

#[component]
fn Bar(session: Session) -> impl IntoView {
    let grid = session.grid;
    let total = session.view.live.rows.total;
    let chosen = Memo::new(move |_| {
        let selection = grid.selection.read();
        (selection.all, selection.rows.len() as u64)
    });
    let text = move || match (chosen.get(), total.get()) {
        ((true, _), Some(total)) => format!("All {} selected", counted(total, "row")),
        ((true, _), None) => "All rows selected".to_owned(),
        ((false, count), _) => format!("{} selected", counted(count, "row")),
    };
    let narrowed = move || {
        let query = session.view.query.read();
        !query.filter.is_empty() || query.search.is_some()
    };
    let matching = move || {
        let (all, count) = chosen.get();
        let total = total.get().filter(|total| !all && *total > count)?;
        let of = if narrowed() { "that match" } else { "rows" };
        Some(view! {
            <button
                type="button"
                class="button link"
                on:click=move |_| grid.act(Action::ChooseMatching)
            >
                {format!("Select all {} {of}", grouped(total))}
            </button>
        })
    };
    let clear = move || grid.selection.set(Selection::default());
    on_cleanup(move || session.keep_focus());
    let set = session.obstacle().is_none().then(|| {
        view! {
            <button
                type="button"
                class="button"
                aria-haspopup="dialog"
                on:click=move |_| grid.act(Action::SetValue)
            >
                "Set value…"
            </button>
        }
        .made_here()
    });
    let delete = session.delete_obstacle().is_none().then(|| {
        view! {
            <button
                type="button"
                class="button danger"
                aria-haspopup="dialog"
                title="Ctrl+Delete"
                on:click=move |_| grid.act(Action::DeleteRows)
            >
                "Delete…"
            </button>
        }
        .made_here()
    });
    view! {
        <div
            class="bulk-bar"
            role="toolbar"
            aria-label="Selected rows"
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    clear();
                }
            }
        >
            <p role="status">{changing(text)}</p>
            {changing(matching)}
            <span class="actions">
                {set} {delete}
                <button
                    type="button"
                    class="button"
                    title="Copies the rows that are loaded, as spreadsheets take them"
                    on:click=move |_| {
                        grid.act(Action::Copy);
                        let rows = grid.chosen_rows().len() as u64;
                        session.say(format!("Copied {}.", counted(rows, "row")));
                    }
                >
                    "Copy"
                </button>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Clear selection"
                    title="Clear selection (Escape)"
                    on:click=move |_| clear()
                >
                    {icon::cross()}
                </button>
            </span>
        </div>
    }
    .made_here()
}
