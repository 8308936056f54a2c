//! Rows out of the page as a file, and into it from one.
//!
//! The page itself only has the two buttons. What they open is a part that is loaded when one
//! of them is first gone to (see [`crate::parts`]).

#[cfg(feature = "hydrate")]
mod dialogs;
#[cfg(feature = "hydrate")]
mod download;
#[cfg(feature = "hydrate")]
mod export;
#[cfg(feature = "hydrate")]
mod import;
pub mod mapping;
#[cfg(feature = "hydrate")]
mod mapping_table;
pub mod selected;
pub mod tally;
#[cfg(feature = "hydrate")]
mod upload;

use leptos::{ev, prelude::*};

use crate::{
    address,
    commands::Commands,
    components::icon,
    erased::{Erase, MakeView, changing, effect, handler, said, whether},
    grid::GridState,
    lazy::{self, Lazy},
    pages::table::TableView,
};

#[cfg(feature = "hydrate")]
pub use dialogs::dialogs;

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The dialog that makes a file of the rows.
    Export,
    /// The dialog that makes rows of a file.
    Import,
}

/// What the dialogs have of the page that they work in.
#[derive(Clone, Copy)]
pub struct TransferHost {
    /// The page's shared state.
    pub view: TableView,
    /// The grid's.
    pub grid: GridState,
    /// Which of them is open.
    pub open: RwSignal<Option<Transfer>>,
}

/// The buttons “Import” and “Export”, and the dialogs behind them. Without scripts the one
/// does nothing and the other leads to a file of all rows.
#[component]
pub fn TransferButtons(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let host = TransferHost {
        view,
        grid: expect_context::<GridState>(),
        open: RwSignal::new(None),
    };
    let dialogs = Lazy::<MakeView>::new(lazy::part!(transfer(host)));
    // Whether a dialog was asked for that could not be loaded.
    let failed = RwSignal::new(false);
    dialogs.on_end(move |loaded| {
        if loaded.is_none() {
            failed.set(host.open.get_untracked().is_some());
            host.open.set(None);
        }
    });
    let load = move || {
        failed.set(false);
        dialogs.want();
    };
    let addable = view.table.with_value(|table| table.may.insert);
    let open = move |what| {
        host.open.set(Some(what));
        load();
    };
    let commands = Commands::expect();
    commands.add("Rows", "Export…", "", move || open(Transfer::Export));
    if addable {
        commands.add("Rows", "Import…", "", move || open(Transfer::Import));
    }
    // Nothing can be imported where no script runs.
    let runs = RwSignal::new(false);
    effect(move || runs.set(true));
    let import = addable.then(move || {
        view! {
            <button
                type="button"
                class="button import-button"
                aria-haspopup="dialog"
                disabled=whether(move || !runs.get())
                on:pointerenter=handler(move |_| load())
                on:focus=handler(move |_| load())
                on:click=handler(move |_| open(Transfer::Import))
            >
                {icon::import()}
                <span class="label">"Import"</span>
            </button>
        }
        .settled()
    });
    let file = move || {
        let query = view.query.read();
        let path = view.path.with_value(|path| format!("{path}.csv"));
        let text = query.to_query_string();
        let escaped = if text.is_empty() {
            "escape=formulas".to_owned()
        } else {
            format!("{text}&escape=formulas")
        };
        address::api("rows", &path, &escaped)
    };
    view! {
        {import}
        <a
            class="button export-button"
            // Where no script runs it is what it looks like: a link.
            role=said(move || runs.get().then(|| "button".to_owned()))
            aria-haspopup=said(move || runs.get().then(|| "dialog".to_owned()))
            href=said(move || Some(file()))
            download
            on:pointerenter=handler(move |_| load())
            on:focus=handler(move |_| load())
            on:click=handler(move |event: ev::MouseEvent| {
                event.prevent_default();
                open(Transfer::Export);
            })
            on:keydown=handler(move |event: ev::KeyboardEvent| {
                if event.key() == " " {
                    event.prevent_default();
                    open(Transfer::Export);
                }
            })
        >
            {icon::export()}
            <span class="label">"Export"</span>
        </a>
        {changing(move || dialogs.get().map(|dialogs| dialogs.run()))}
        {changing(move || {
            failed
                .get()
                .then(|| {
                    view! {
                        <p class="notice warn" role="alert">
                            "The dialog could not be loaded. Try again, or load the page again."
                        </p>
                    }
                        .here_once()
                })
        })}
    }
    .settled()
}
