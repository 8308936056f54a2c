//! Whichever dialog is open.

use leptos::{children::ViewFn, prelude::*};

use super::{Transfer, TransferHost, export::ExportDialog, import::ImportDialog};

/// What shows it.
pub fn dialogs(host: TransferHost) -> ViewFn {
    ViewFn::from(move || {
        move || {
            host.open.get().map(|open| match open {
                Transfer::Export => view! { <ExportDialog host /> }.into_any(),
                Transfer::Import => view! { <ImportDialog host /> }.into_any(),
            })
        }
    })
}
